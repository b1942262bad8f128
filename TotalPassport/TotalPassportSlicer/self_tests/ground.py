"""What the self-tests stand on: the logic, data made here, and how a skipped test is told."""

from __future__ import annotations

import unittest
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import slicer
from TotalPassportLib.base.errors import TotalPassportError

from ..child.jobs import Outcome, RunListener, Status
from ..child.workspace import PREFIX
from ..install import installation

BOXES = {
    "Liver": (slice(36, 56), slice(16, 34), slice(22, 36)),
    "Spleen": (slice(6, 15), slice(8, 20), slice(24, 33)),
    "Left kidney": (slice(12, 19), slice(6, 12), slice(8, 19)),
    "Right kidney": (slice(42, 50), slice(6, 12), slice(6, 18)),
    "Urinary bladder": (slice(26, 36), slice(26, 34), slice(1, 6)),
    "A mass": (slice(22, 27), slice(14, 19), slice(14, 18)),
}
"""Segments as ranges of voxels [i, j, k], no two of a size; the last is no organ that any table knows."""
SHAPE = (62, 40, 40)
SPACING_MM = (2.0, 2.5, 3.0)
SECONDS = 600.0
"""After which a run that has not ended is a failure."""


class Stage(RunListener):
    """Remembers how far a run has come, and its log."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.lines: list[str] = []

    def progressed(self, stage: str, fraction: float, seconds_left: float | None = None) -> None:
        """Remember the stage."""
        self.stages.append(stage)

    def logged(self, line: str) -> None:
        """Remember the line."""
        self.lines.append(line)


class SelfTestGround:
    """A base of the test classes; `TotalPassportTest` has Slicer's, and says which logic is tested."""

    delayDisplay: Any
    """Shows what is going on; Slicer's test class has it."""

    def makeLogic(self) -> Any:
        """Return a new logic of the module."""
        raise NotImplementedError

    def logicIfInstalled(self) -> Any:
        """Return a new logic.

        Raises
        ------
        unittest.SkipTest
            The packages that runs need are not installed, as in a fresh Slicer, and nobody is there to be asked.
        """
        missing = installation.missing_requirements()
        if missing:
            raise unittest.SkipTest(f"optional: these Python packages are not installed: {', '.join(missing)}")
        return self.makeLogic()

    def describedBoxes(self, logic: Any, name: str, without: Collection[str] = (), origin_mm: Any = (0, 0, 0)) -> Any:
        """Return the nodes of the passport of a segmentation of boxes."""
        logic.processSegmentation(boxes(name, without, origin_mm))
        return ended_well(logic).value


def boxes(name: str, without: Collection[str] = (), origin_mm: Any = (0, 0, 0)) -> Any:
    """Return a new segmentation node with `BOXES`, made by Slicer's own functions."""
    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", f"{name} grid")
    slicer.util.updateVolumeFromArray(volume, np.zeros(SHAPE[::-1], np.int16))
    volume.SetSpacing(*SPACING_MM)
    volume.SetOrigin(*origin_mm)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    for organ, (i, j, k) in BOXES.items():
        if organ not in without:
            voxels = np.zeros(SHAPE[::-1], np.uint8)
            voxels[k, j, i] = 1
            segment = node.GetSegmentation().AddEmptySegment("", organ)
            slicer.util.updateSegmentBinaryLabelmapFromArray(voxels, node, segment, volume)
    node.CreateDefaultDisplayNodes()
    return node


def box_volume_mm3(organ: str) -> float:
    """Return the volume of one of `BOXES`."""
    lengths = [part.stop - part.start for part in BOXES[organ]]
    return float(np.prod(lengths) * np.prod(SPACING_MM))


def box_centre_mm(organ: str) -> np.ndarray:
    """Return the centre of one of `BOXES` whose grid begins at the origin, RAS mm."""
    return np.array([(part.start + part.stop - 1) / 2 for part in BOXES[organ]]) * SPACING_MM


def ended_well(logic: Any) -> Outcome:
    """Wait for the end of a run that has to succeed."""
    outcome: Outcome | None = logic.waitForFinished(SECONDS)
    assert outcome is not None, "the run has not ended"
    assert outcome.status is Status.DONE, outcome.sentence
    return outcome


def refusal(logic: Any, volume: Any, options: Any) -> str:
    """Return the sentence with which a run is refused, before it starts or at its end."""
    try:
        logic.process(volume, options)
    except TotalPassportError as error:
        return f"{error}"
    outcome = logic.waitForFinished(SECONDS)
    assert outcome is not None, "the run has not ended"
    assert outcome.status is Status.FAILED, outcome
    return str(outcome.sentence)


def private_folders(logic: Any) -> list[Path]:
    """Return what a run has left in the temporary folder."""
    return list(logic.runner.temporary_root.glob(f"{PREFIX}*"))


def number_of_nodes() -> int:
    """Return how many nodes the scene has."""
    return int(slicer.mrmlScene.GetNumberOfNodes())


@contextmanager
def folder() -> Iterator[Path]:
    """Give a folder that is gone afterwards."""
    with TemporaryDirectory(dir=slicer.app.temporaryPath) as path:
        yield Path(path)
