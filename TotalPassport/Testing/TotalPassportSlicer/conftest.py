"""What the tests of the Slicer side share: the host application, the real panel in it, and scripted children."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from host.fixtures import rendering, slicer_host, slicer_host_process  # noqa: F401
from panel_driver import RESULTS_VARIABLE, Panel
from support.web import Site, serve, trust
from support.weights import FAST, dataset_document, isolate, model_entry, write_catalogue, zip_folder

MODULE_FILE = Path(__file__).parents[2] / "TotalPassport.py"

_CHILD_PREAMBLE = """
import json, os, subprocess, sys, time

with open(sys.argv[1], encoding="utf-8") as file:
    job = json.load(file)


def emit(**event):
    print(json.dumps(event), flush=True)


def wait_for_cancel():
    while not os.path.exists(job["cancel_file"]):
        time.sleep(0.02)


"""


@pytest.fixture
def application(slicer_host: Any) -> Any:  # noqa: F811
    """Slicer's application object, with an empty scene."""
    return slicer_host.app


@pytest.fixture(params=["Slicer 5.10", "newer"])
def pip(request: pytest.FixtureRequest, slicer_host: Any) -> Any:  # noqa: F811
    """What the host calls pip, as this version of Slicer offers it."""
    if request.param == "Slicer 5.10":
        slicer_host.packaging.be_slicer_5_10()
    return slicer_host.packaging


@pytest.fixture
def scripted_child(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that writes a child which speaks the protocol, or breaks it, as its body says."""

    def write(body: str) -> Path:
        script = tmp_path_factory.mktemp("child") / "job.py"
        script.write_text(_CHILD_PREAMBLE + textwrap.dedent(body), encoding="utf-8")
        return script

    return write


@pytest.fixture(scope="session")
def phantom_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the phantom's child keeps its results, so that each is measured once."""
    return tmp_path_factory.mktemp("phantom-results")


@pytest.fixture
def panel(
    slicer_host: Any,  # noqa: F811
    scripted_child: Callable[[str], Path],
    phantom_results: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Panel:
    """The real panel, opened in an empty scene."""
    monkeypatch.setenv(RESULTS_VARIABLE, str(phantom_results))
    return Panel(slicer_host, slicer_host.load_module(MODULE_FILE), scripted_child)


@pytest.fixture
def phantom(panel: Panel) -> Any:
    """A small CT in the scene."""
    panel.phantom = panel.add_phantom()
    return panel.phantom


@pytest.fixture
def ready(panel: Panel, phantom: Any) -> Panel:
    """The panel with the phantom chosen: one click away from a run."""
    panel.host.enter(panel.widget)
    panel.choose_scan(phantom)
    assert panel.ui.applyButton.enabled
    return panel


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store, on a machine without any weights; to be asked for before the panel."""
    return isolate(monkeypatch, tmp_path)


@pytest.fixture
def site(
    home: Path, certificate_folder: Path, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    """A server on this machine with the small networks of ``fast``, and the catalogue that leads there."""
    with serve(certificate_folder) as site:
        trust(monkeypatch, site)
        url = site.put(f"{FAST}.zip", zip_folder(shared / "parity" / "weights" / FAST, (32, 32, 32)))
        dataset = dataset_document(FAST, url, approximate_bytes=1_900_000)
        catalogue = write_catalogue(tmp_path / "catalogue.json", model_entry("fast", [dataset]))
        monkeypatch.setenv("TOTALPASSPORT_CATALOGUE", str(catalogue))
        yield site


@pytest.fixture
def demo_model() -> None:
    """The bundled demo model; a test that needs it must run."""
    from TotalPassportLib.models.catalogue import find_model

    find_model("demo")
