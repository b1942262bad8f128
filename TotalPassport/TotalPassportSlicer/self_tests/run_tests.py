"""Self-tests of runs: the whole story with the demo model, a run that is cancelled, scans that cannot be used."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import slicer
from TotalPassportLib.options import RunOptions

from ..child.jobs import Status
from ..child.scan_list import ScanState
from ..nodes.sample_data import SAMPLE_NAME, register_sample_data
from .ground import SECONDS, SelfTestGround, Stage, ended_well, number_of_nodes, private_folders, refusal

DEMO = RunOptions(model="demo")
REACTION_S = 30.0
"""Generous: a busy test machine is not a user's."""


class RunTests(SelfTestGround):
    """Mixed into the module's test class."""

    def test_story(self) -> None:
        """The sample CT gives organs, a passport, and all their nodes."""
        logic = self.logicIfInstalled()
        self.delayDisplay("Loading the sample CT")
        volume = sample_ct()
        logic.process(volume, DEMO)
        nodes = ended_well(logic).value
        passport = logic.passportOf(nodes.document)
        organs = passport.organs
        assert len(organs) >= 15
        assert "unknown_scan" not in [finding.code for finding in passport.findings]
        assert nodes.centroids.GetNumberOfControlPoints() == nodes.table.GetNumberOfRows() == len(organs)
        assert nodes.segmentation.GetSegmentation().GetNumberOfSegments() == len(organs)
        logic.show(nodes, surfaces=True, centroids=True, axes=True)
        liver = next(organ for organ in organs.values() if organ.name == "liver")
        logic.showOrgan(nodes, liver)
        assert nodes.selected_axes[0].GetDisplayNode().GetVisibility()
        assert centre_of_slices() == [round(float(place), 3) for place in liver.centroid_ras_mm]
        self.delayDisplay(f"{len(organs)} organs were found")

    def test_cancel_leaves_nothing(self) -> None:
        """A run that is cancelled in the middle leaves no node, no folder and no process, and can be started again."""
        logic = self.logicIfInstalled()
        volume = sample_ct()
        before, heard = number_of_nodes(), Stage()
        logic.setListener(heard)
        logic.process(volume, DEMO)
        wait_until(lambda: "infer" in heard.stages, SECONDS)
        start = time.monotonic()
        logic.cancel()
        outcome = logic.waitForFinished(REACTION_S)
        self.delayDisplay(f"Cancelled within {time.monotonic() - start:.1f} s")
        assert outcome is not None, "the run goes on"
        assert outcome.status is Status.CANCELLED
        assert number_of_nodes() == before
        assert private_folders(logic) == []
        assert not logic.busy

    def test_closing_the_scene_ends_a_run(self) -> None:
        """No result comes into a scene that was closed meanwhile."""
        logic = self.logicIfInstalled()
        logic.process(sample_ct(), DEMO)
        slicer.mrmlScene.Clear(0)
        assert not logic.busy
        assert private_folders(logic) == []
        assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []

    def test_bad_input_says_why(self) -> None:
        """A scan that cannot be used is refused with a sentence that names it; nothing is added to the scene."""
        logic = self.logicIfInstalled()
        for shape in ((1, 40, 40), (3, 3, 3)):
            volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Bad one")
            slicer.util.updateVolumeFromArray(volume, np.arange(np.prod(shape), dtype=np.int16).reshape(shape))
            before = number_of_nodes()
            sentence = refusal(logic, volume, DEMO)
            assert "Bad one" in sentence, sentence
            assert "Traceback" not in sentence, sentence
            assert number_of_nodes() == before
            assert private_folders(logic) == []

    def test_several_scans_run_one_after_another(self) -> None:
        """A scan that fails does not stop the others, and one table has the organs of all that are done."""
        logic = self.logicIfInstalled()
        bad = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Bad one")
        slicer.util.updateVolumeFromArray(bad, np.zeros((3, 3, 3), np.int16))
        good = sample_ct()
        table = logic.runScans([bad, good], model="demo")
        assert [entry.state for entry in logic.scans.entries] == [ScanState.FAILED, ScanState.DONE]
        failed, done = logic.scans.entries
        assert failed.sentence
        organs = logic.passportOf(done.document).organs
        assert table.node.GetNumberOfRows() == len(organs) >= 15

    def test_an_unknown_model_says_what_there_is(self) -> None:
        """A mistyped name ends with a sentence, not with a traceback."""
        logic = self.logicIfInstalled()
        sentence = refusal(logic, sample_ct(), RunOptions(model="dmeo"))
        assert "dmeo" in sentence, sentence
        assert "Traceback" not in sentence, sentence


def sample_ct() -> Any:
    """Return the bundled CT, loaded through the module Sample Data."""
    import SampleData  # another module, which Slicer may load after this one

    register_sample_data()
    return SampleData.downloadSample(SAMPLE_NAME)


def centre_of_slices() -> list[float]:
    """Return what all slice views show in their middle, RAS mm."""
    matrices = [node.GetSliceToRAS() for node in slicer.util.getNodesByClass("vtkMRMLSliceNode")]
    centres = {tuple(round(matrix.GetElement(row, 3), 3) for row in range(3)) for matrix in matrices}
    assert len(centres) == 1, centres
    return list(centres.pop())


def wait_until(condition: Any, seconds: float) -> None:
    """Keep Slicer alive until something is the case."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        slicer.app.processEvents()
        time.sleep(0.01)
