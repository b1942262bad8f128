"""A batch that is killed at any moment and continued ends as one that was not, byte for byte."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest
from support.batch_runs import differences, finished, run_killed, wait_until
from support.processes import command_line, environment

from .conftest import make_scans

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="optional: needs POSIX")]


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six scans, two of one name, and one that is damaged."""
    places = ("a.nii.gz", "b.nii.gz", "c.nii.gz", "d.nii", "x/ct.nii.gz", "y/ct.nii.gz")
    folder = make_scans(tmp_path_factory.mktemp("interrupted") / "scans", *places)
    (folder / "damaged.nii.gz").write_bytes(b"no image")
    return folder


@pytest.fixture(scope="module")
def uninterrupted(scans: Path, threshold_model: Path) -> Path:
    """The results of a batch that nothing has interrupted."""
    folder = scans.parent / "uninterrupted"
    command = command_line("batch", scans, "-o", folder, "--model", threshold_model, "-q")
    assert subprocess.run(command, env=environment(), check=False, capture_output=True).returncode == 7
    return folder


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_batch_that_was_killed_several_times_ends_with_the_same_bytes(
    scans: Path, uninterrupted: Path, threshold_model: Path, jobs: int
) -> None:
    folder = scans.parent / f"killed-{jobs}"
    command = ["batch", scans, "-o", folder, "--model", threshold_model, "--jobs", jobs]
    told = run_killed(command, kills=4, seconds=(1.0, 4.0), seed=jobs)
    assert told[-1] == {"signal": None, "code": 7}
    assert differences(uninterrupted, folder) == []


def test_a_batch_that_is_asked_to_end_does_so_at_once_and_leaves_nothing_half_done(
    scans: Path, threshold_model: Path
) -> None:
    folder = scans.parent / "asked"
    command = command_line("batch", scans, "-o", folder, "--model", threshold_model)
    process = subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert wait_until(lambda: finished(folder) >= 1)
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=60)
    assert process.returncode in (5, 7)  # where it was faster
    if process.returncode == 5:
        assert log.splitlines()[-1] == "totalpassport: Cancelled. What was written until then stays."
    assert list(folder.rglob(".totalpassport-*")) == []
    assert (folder / "results.json").is_file()
