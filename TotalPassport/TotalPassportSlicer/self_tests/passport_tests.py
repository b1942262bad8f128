"""Self-tests of passports: numbers of a segmentation whose truth is known, files, a comparison, an alignment."""

from __future__ import annotations

import csv
import json

import numpy as np
import slicer

from ..nodes import organ_segments
from .ground import BOXES, SelfTestGround, box_centre_mm, box_volume_mm3, folder

SHIFT_MM = np.array([25.0, -40.0, 60.0])


class PassportTests(SelfTestGround):
    """Mixed into the module's test class."""

    def test_passport_of_a_segmentation(self) -> None:
        """Volumes and centres of boxes are right to the last voxel, and names that Slicer shows are understood."""
        logic = self.logicIfInstalled()
        nodes = self.describedBoxes(logic, "Boxes")
        passport = logic.passportOf(nodes.document)
        assert len(passport.organs) == len(BOXES)
        for organ, name in (("Liver", "liver"), ("Left kidney", "kidney_left"), ("A mass", "A mass")):
            measured = passport[name]
            np.testing.assert_allclose(measured.volume_mm3, box_volume_mm3(organ))
            np.testing.assert_allclose(measured.centroid_ras_mm, box_centre_mm(organ), atol=1e-6)
        assert nodes.source.GetSegmentation().GetNumberOfSegments() == len(BOXES), "the segmentation is not changed"

    def test_organs_are_shown_and_hidden(self) -> None:
        """Of all organs some can be shown, one alone or all, with ellipsoids and axes of those that are wanted."""
        logic = self.logicIfInstalled()
        nodes = self.describedBoxes(logic, "Boxes")
        passport = logic.passportOf(nodes.document)
        liver, mass = (passport[name].label for name in ("liver", "A mass"))
        organ_segments.show_only(nodes, passport, [liver, mass])
        assert organ_segments.shown_organs(nodes, passport) == {liver, mass}
        logic.show(nodes, surfaces=True, centroids=True, axes=True, ellipsoids=True)
        assert nodes.segmentation.GetDisplayNode().GetVisibility3D()
        logic.showParts(nodes, passport, {liver})
        assert nodes.axes.GetPolyData().GetNumberOfLines() == 3
        assert nodes.ellipsoids.GetPolyData().GetNumberOfPoints() > 0
        logic.show(nodes, surfaces=False, centroids=False, axes=False, ellipsoids=False)
        for node in (nodes.centroids, nodes.axes, nodes.ellipsoids):
            assert not node.GetDisplayNode().GetVisibility()
        assert not nodes.segmentation.GetDisplayNode().GetVisibility3D()

    def test_export_and_open_again(self) -> None:
        """JSON is read as the same passport, the table has a row an organ, and Slicer reads the points."""
        from TotalPassportLib.passport import read_passport  # lazily: see the package's note

        logic = self.logicIfInstalled()
        nodes = self.describedBoxes(logic, "Boxes")
        passport = logic.passportOf(nodes.document)
        with folder() as exports:
            paths = [exports / f"boxes{ending}" for ending in (".json", ".csv", ".mrk.json")]
            for path in paths:
                logic.exportPassport(nodes.document, path)
            assert read_passport(paths[0]) == passport
            assert json.loads(paths[0].read_text(encoding="utf-8"))["frame"] == "RAS"
            with paths[1].open(encoding="utf-8", newline="") as file:
                assert len(list(csv.DictReader(file))) == len(BOXES)
            points = slicer.util.loadMarkups(str(paths[2]))
            assert points.GetNumberOfControlPoints() == len(BOXES)
            position = np.array(points.GetNthControlPointPositionWorld(0))
            centres = [organ.centroid_ras_mm for organ in passport.organs.values()]
            assert min(np.linalg.norm(position - centre) for centre in centres) < 1e-3

    def test_a_passport_file_opens_as_after_a_run(self) -> None:
        """A file that was made elsewhere gives the passport and all its nodes in an empty scene; what lacks is told."""
        logic = self.logicIfInstalled()
        nodes = self.describedBoxes(logic, "Boxes")
        passport = logic.passportOf(nodes.document)
        with folder() as place:
            path = place / "boxes_passport.json"
            logic.exportPassport(nodes.document, path)
            slicer.mrmlScene.Clear(0)
            opened = logic.openPassport(path)
            again = logic.openPassport(path)
        assert logic.passportOf(opened.nodes.document) == passport
        assert opened.nodes.centroids.GetNumberOfControlPoints() == opened.nodes.table.GetNumberOfRows() == len(BOXES)
        assert opened.remarks, "its segmentation is not beside it"
        assert again.nodes.document is opened.nodes.document, "opening it again makes nothing twice"

    def test_two_scans_are_compared_and_aligned(self) -> None:
        """A scan that lies elsewhere is laid onto the first one and put back; what only one scan has is told."""
        logic = self.logicIfInstalled()
        first = self.describedBoxes(logic, "First")
        second = self.describedBoxes(logic, "Second", without=["A mass"], origin_mm=SHIFT_MM)
        comparison = logic.compare(first.document, second.document)
        assert len(comparison.organs) == len(BOXES) - 1
        assert comparison.only_first == ("A mass",)
        assert max(organ.distance_mm for organ in comparison.organs) < 0.5, "as if the scans lay on one another"
        alignment = logic.align(first.document, second.document)
        self.delayDisplay(alignment.verdict)
        assert alignment.verdict == logic.alignmentVerdict(second.document)
        world = np.array(second.centroids.GetNthControlPointPositionWorld(0))
        there = logic.passportOf(first.document)["spleen"].centroid_ras_mm
        np.testing.assert_allclose(world, there, atol=0.5)
        assert logic.undoAlignment(second.document)
        world = np.array(second.centroids.GetNthControlPointPositionWorld(0))
        np.testing.assert_allclose(world, there + SHIFT_MM, atol=1e-3)
