"""Processes that run scans: one that dies is replaced, and the scan that kills it is told apart from its neighbours."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from TotalPassportLib.base.errors import OutOfMemory
from TotalPassportLib.batches.local_workers import LocalWorkers, setup_of
from TotalPassportLib.batches.scan_sources import find_sources
from TotalPassportLib.batches.subject_names import name_subjects
from TotalPassportLib.options import RunOptions

from .conftest import make_scans

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="optional: needs Linux"),
]


def workers_of(process_id: int) -> list[int]:
    """Return the numbers of a process's own workers."""
    listed = Path(f"/proc/{process_id}/task/{process_id}/children").read_text(encoding="ascii").split()
    return [int(child) for child in listed if b"worker_process.py" in Path(f"/proc/{child}/cmdline").read_bytes()]


def test_the_scan_that_kills_its_process_again_is_the_only_one_that_fails(
    threshold_model: Path, tmp_path: Path
) -> None:
    scans = make_scans(tmp_path / "scans", *(f"s{number}.nii.gz" for number in range(4)))
    subjects = name_subjects(find_sources([scans], tmp_path / "out"))

    def kill_at_culprit(event: dict) -> None:
        if event.get("name") == "s1":
            for child in workers_of(os.getpid()):
                os.kill(child, signal.SIGKILL)

    options = RunOptions(model=str(threshold_model)).entries()
    workers = LocalWorkers(
        setup_of(tmp_path / "out", options, 1), jobs=1, threads=1, on_event=kill_at_culprit, check=lambda: None
    )
    outcomes = list(workers.outcomes(subjects))
    assert {outcome.subject.name for outcome in outcomes} == {"s0", "s1", "s2", "s3"}
    (crashed,) = [outcome for outcome in outcomes if outcome.crash is not None]
    assert crashed.subject.name == "s1"
    assert isinstance(crashed.crash, OutOfMemory)
    for name in ("s0", "s2", "s3"):
        assert (tmp_path / "out" / "masks" / f"{name}_mask.nii.gz").is_file()
