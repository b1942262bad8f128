"""A folder of scans as one job of the child process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from TotalPassportLib.base.errors import BadInput


def test_a_folder_of_which_no_scan_is_done_has_failed_and_says_why(application: Any, tmp_path: Path) -> None:
    from TotalPassportLib.options import DEFAULT_OPTIONS
    from TotalPassportSlicer.child.batch_job import batch_job
    from TotalPassportSlicer.child.scan_list import ScanEntry, ScanList, ScanState

    scans = ScanList()
    job = batch_job([tmp_path], tmp_path / "out", DEFAULT_OPTIONS, scans)
    scans.fill([ScanEntry(title=name, state=ScanState.FAILED, sentence=f"'{name}' is no scan.") for name in "ab"])
    with pytest.raises(BadInput) as refusal:
        job.load({"table": str(tmp_path / "out" / "organs.csv")})
    assert str(refusal.value) == "2 scans: 2 failed. 'a' is no scan."
