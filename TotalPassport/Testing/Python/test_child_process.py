"""Run by Slicer's ctest: PythonSlicer starts the child, the child understands us, and nothing stays behind."""

from __future__ import annotations

import unittest
from pathlib import Path
from typing import Any


class ChildProcessTest(unittest.TestCase):
    """What only a real Slicer can show: its launcher, its Python, its temporary folder."""

    def test_python_is_found(self) -> None:
        from TotalPassportSlicer.child.runner import python_program

        assert Path(python_program()).exists()

    def test_a_job_that_cannot_work_fails_with_a_sentence(self) -> None:
        from TotalPassportSlicer.child.runner import Job, JobRunner, Status

        runner = JobRunner()
        folders: list[Path] = []

        def prepare(folder: Path) -> dict[str, Any]:
            folders.append(folder)
            job = {"schema": "totalpassport-job/1", "action": "run", "ct": str(folder / "missing.nii")}
            return {**job, "output_folder": str(folder), "model": "demo", "provider": "auto"}

        runner.start(Job(prepare=prepare, load=lambda result: result))
        outcome = runner.wait(120)
        assert outcome is not None
        assert outcome.status is Status.FAILED
        assert outcome.message.endswith(".")
        assert not folders[0].exists()

    def test_an_empty_scan_is_refused_by_its_name(self) -> None:
        import numpy as np
        import slicer
        from TotalPassportLib.base.errors import TotalPassportError
        from TotalPassportLib.options import RunOptions
        from TotalPassportSlicer.child.runner import Status

        from TotalPassport import TotalPassportLogic

        volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Empty")
        slicer.util.updateVolumeFromArray(volume, np.zeros((16, 16, 16), np.int16))
        logic = TotalPassportLogic()
        try:
            logic.process(volume, RunOptions(model="demo"))
        except TotalPassportError as error:  # packages are missing in a fresh Slicer
            self.skipTest(f"optional: {error}")
        outcome = logic.waitForFinished(120)
        assert outcome.status is Status.FAILED
        assert "Empty" in outcome.message
