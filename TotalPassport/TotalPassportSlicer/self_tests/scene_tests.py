"""Self-tests of scenes: what is saved comes back whole; the panel finds it."""

from __future__ import annotations

from typing import Any

import slicer
from TotalPassportLib.options import RunOptions

from ..nodes.scan_nodes import ScanNodes, is_passport
from ..panel.parameters import run_options
from .ground import BOXES, SelfTestGround, folder


class SceneTests(SelfTestGround):
    """Mixed into the module's test class."""

    def test_a_saved_scene_keeps_everything(self) -> None:
        """After saving, closing and loading, the passport and all its nodes belong together as before."""
        logic = self.logicIfInstalled()
        nodes = self.describedBoxes(logic, "Boxes")
        passport = logic.passportOf(nodes.document)
        with folder() as place:
            assert slicer.util.saveScene(str(place / "scene.mrb"))
            slicer.mrmlScene.Clear(0)
            slicer.util.loadScene(str(place / "scene.mrb"))
        (document,) = (node for node in slicer.util.getNodesByClass("vtkMRMLTextNode") if is_passport(node))
        assert logic.passportOf(document) == passport
        loaded: Any = ScanNodes(document)
        assert loaded.centroids.GetNumberOfControlPoints() == loaded.table.GetNumberOfRows() == len(BOXES)
        assert loaded.segmentation.GetSegmentation().GetNumberOfSegments() == len(BOXES)
        logic.showOrgan(loaded, next(iter(passport.organs.values())))
        assert loaded.selected_axes[0].GetDisplayNode().GetVisibility()

    def test_parameters_of_several_tasks_are_kept_with_the_scene(self) -> None:
        """What the panel has been asked for is saved, not shared with the next scene, and loaded again."""
        logic = self.makeLogic()
        parameters = logic.getParameterNode()
        before = run_options(parameters)
        with slicer.util.NodeModify(parameters):
            parameters.model, parameters.task = "", "total,lung_vessels"
            parameters.fast, parameters.roi, parameters.precision = True, "liver,spleen", "turbo"
        asked = run_options(parameters)
        assert (asked.task, asked.roi) == (("total", "lung_vessels"), ("liver", "spleen"))
        with folder() as place:
            assert slicer.util.saveScene(str(place / "scene.mrb"))
            slicer.mrmlScene.Clear(0)
            fresh = run_options(logic.getParameterNode())
            assert fresh.task != asked.task
            assert isinstance(before, RunOptions)
            slicer.util.loadScene(str(place / "scene.mrb"))
        assert run_options(logic.getParameterNode()) == asked

    def test_the_panel_shows_a_passport(self) -> None:
        """The organ table lists what the passport has, and a selected row leads the views to its organ."""
        logic = self.logicIfInstalled()
        panel = slicer.util.getModuleWidget("TotalPassport")
        panel.initializeParameterNode()
        nodes = self.describedBoxes(logic, "Boxes")
        panel.logic.getParameterNode().passport = nodes.document
        table = panel.ui.organTableView.model()
        names = [table.index(row, 0).data() for row in range(table.rowCount())]
        assert sorted(names) == sorted(BOXES)
        assert names.index("Right kidney") == names.index("Left kidney") + 1, "a pair stands together"
        panel.ui.organTableView.selectRow(names.index("Liver"))
        assert nodes.selected_axes[0].GetDisplayNode().GetVisibility()
        panel.logic.getParameterNode().passport = None
        assert panel.ui.organTableView.model().rowCount() == 0
