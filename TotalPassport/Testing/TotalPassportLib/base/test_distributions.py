"""The package that brings onnxruntime: which suits which machine, and which is installed."""

from __future__ import annotations

import platform
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from support.processes import assert_one_sentence, run_cli
from TotalPassportLib.base import distributions
from TotalPassportLib.base.files import DATA_FOLDER, read_json

ENGINES = read_json(DATA_FOLDER / "engines.json")
MARKERS = {"Linux": "linux", "Windows": "win32", "Darwin": "darwin"}
"""What platform.system() says -> sys_platform of requirements."""


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that makes this another machine."""

    def become(system: str, machine: str) -> None:
        monkeypatch.setattr(platform, "system", lambda: system)
        monkeypatch.setattr(platform, "machine", lambda: machine)

    return become


def put(folder: Path, name: str, version: str, module: str) -> None:
    """Lay what pip leaves of an installed package into a folder."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    (info / "RECORD").write_text(f"{module}/__init__.py,,\n", encoding="utf-8")
    (folder / module).mkdir(exist_ok=True)
    (folder / module / "__init__.py").touch()


@pytest.mark.parametrize(
    ("system", "processor", "package"),
    [
        ("Linux", "x86_64", "onnxruntime-openvino"),
        ("Windows", "AMD64", "onnxruntime-openvino"),
        ("Darwin", "arm64", "onnxruntime"),
        ("Darwin", "x86_64", "onnxruntime"),
        ("Linux", "aarch64", "onnxruntime"),
        ("Windows", "ARM64", "onnxruntime"),
        ("Plan 9", "vax", "onnxruntime"),
    ],
)
def test_intel_and_amd_processors_are_offered_openvino_and_the_others_what_exists_for_them(
    machine: Any, system: str, processor: str, package: str
) -> None:
    machine(system, processor)
    assert distributions.suitable().package == package
    assert distributions.plain().package == "onnxruntime"


def test_what_no_measurement_speaks_for_exists_but_is_not_offered(machine: Any) -> None:
    machine("Windows", "AMD64")
    offered = {each.package: each.offered for each in distributions.available()}
    assert offered["onnxruntime-gpu"] is offered["onnxruntime-directml"] is False


def test_on_windows_openvino_comes_with_its_libraries(machine: Any) -> None:
    machine("Windows", "AMD64")
    assert [Requirement(each).name for each in distributions.suitable().libraries] == ["openvino"]
    machine("Linux", "x86_64")
    assert distributions.suitable().libraries == ()


def test_every_package_that_brings_the_module_is_found_and_those_only_called_alike_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "Onnxruntime_Training", "1.20", "onnxruntime")
    put(tmp_path, "onnxruntime-gpu", "1.30.0", "onnxruntime")
    put(tmp_path, "onnxruntime-extensions", "0.14", "onnxruntime_extensions")
    put(tmp_path, "numpy", "2.0", "numpy")
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    assert distributions.installed() == {"onnxruntime-training": "1.20", "onnxruntime-gpu": "1.30.0"}


def test_without_any_the_command_line_names_the_extra_for_this_machine(tmp_path: Path) -> None:
    (tmp_path / "onnxruntime.py").write_text("raise ModuleNotFoundError(name='onnxruntime')", encoding="utf-8")
    process = run_cli("demo", "-o", tmp_path / "out", cwd=tmp_path, fresh=True)  # where Python looks first
    assert_one_sentence(process, 2, f'pip install "totalpassport[{distributions.suitable().extra}]"')


def test_exactly_one_is_installed_here() -> None:
    """Two would have written over one another, and nobody could say what the other tests have tested."""
    assert len(distributions.installed()) == 1


def test_the_extras_of_the_package_bring_what_the_installer_would(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert not any("onnxruntime" in line for line in project["dependencies"]), "it would stand beside that of an extra"
    for entry in ENGINES["distributions"]:
        wanted = {str(Requirement(line)) for line in (*entry["requirements"], *entry.get("libraries", ()))}
        for place in entry["platforms"]:
            extra = [Requirement(line) for line in project["optional-dependencies"][entry["extra"]]]
            here = [each for each in extra if not each.marker or each.marker.evaluate(_markers(place["system"]))]
            assert {f"{each.name}{_extras(each)}{each.specifier}" for each in here} == wanted, entry["package"]


def test_the_data_speak_of_providers_that_there_are() -> None:
    names = [provider["name"] for provider in ENGINES["providers"]]
    assert len(set(names)) == len(names)
    assert {name for entry in ENGINES["distributions"] for name in entry["providers"]} == set(names)
    automatic = [provider["name"] for provider in ENGINES["providers"] if provider["auto"]]
    assert automatic == ["openvino", "cpu"], "only what was measured, the fastest first"
    for provider in ENGINES["providers"]:
        precisions = {each for arithmetic in provider["arithmetics"] for each in arithmetic["precisions"]}
        assert precisions == {"exact", "turbo"}, "both can be asked of every provider"


def _markers(system: str) -> dict[str, str]:
    return {"sys_platform": MARKERS[system]}


def _extras(requirement: Requirement) -> str:
    return f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
