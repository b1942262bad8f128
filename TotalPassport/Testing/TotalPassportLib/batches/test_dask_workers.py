"""A batch on a real cluster of processes, of which some are killed: the same bytes as on one machine."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.batch_runs import differences
from support.processes import assert_one_sentence, run_cli
from TotalPassportLib import RunOptions, batch
from TotalPassportLib.base.errors import BadInput, ModelError

from .conftest import make_scans

distributed = pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="optional: needs POSIX signals"),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two worker processes with a nanny each, which starts another one where one dies."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=2, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five scans and a damaged one."""
    folder = make_scans(tmp_path_factory.mktemp("cluster") / "scans", *(f"s{number}.nii.gz" for number in range(5)))
    (folder / "damaged.nii.gz").write_bytes(b"no image")
    return folder


def test_workers_that_are_killed_are_replaced_and_nothing_differs_from_one_machine(
    cluster: Any, scans: Path, threshold_model: Path
) -> None:
    options = RunOptions(model=str(threshold_model), threads=1)
    killed: list[int] = []

    def kill_a_worker(event: dict) -> None:
        if event["event"] == "scan" and len(killed) < 2:
            worker = list(cluster.workers.values())[len(killed)]
            killed.append(worker.process.pid)
            os.kill(worker.process.pid, signal.SIGKILL)

    address = cluster.scheduler_address
    done = batch(scans, scans.parent / "cluster", options, scheduler=address, on_event=kill_a_worker)
    assert len(killed) == 2
    assert [entry["name"] for entry in done.failed] == ["damaged"]
    assert len(done.results) == 6
    alone = batch(scans, scans.parent / "alone", options)
    assert differences(done.folder, alone.folder) == []
    assert batch(scans, done.folder, options, scheduler=address).n_run == 1  # the damaged one


def test_workers_that_know_another_model_under_the_name_are_told_of(
    cluster: Any, scans: Path, threshold_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from TotalPassportLib.batches import batch_settings

    monkeypatch.setattr(batch_settings, "__version__", "another version")
    with pytest.raises(ModelError, match="has another version of TotalPassport or of a model"):
        batch(scans, tmp_path, RunOptions(model=str(threshold_model)), scheduler=cluster.scheduler_address)


def test_a_scheduler_that_does_not_answer_is_told_of(scans: Path, threshold_model: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No Dask scheduler answers at"):
        batch(scans, tmp_path, RunOptions(model=str(threshold_model)), scheduler="tcp://127.0.0.1:1")


def test_an_address_that_is_none_is_a_sentence_for_the_command_line(
    scans: Path, threshold_model: Path, tmp_path: Path
) -> None:
    done = run_cli("batch", scans, "-o", tmp_path, "--model", threshold_model, "--scheduler", "nonsense://x")
    assert_one_sentence(done, 2, "No Dask scheduler answers at")
