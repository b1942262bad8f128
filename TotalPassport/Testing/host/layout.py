"""``slicer.app.layoutManager()``: the slice and 3-D views of a fixed layout, on the real slice and view logics.

Views draw nothing by themselves; ``host.rendering`` draws the same logics when a test wants a picture.
"""

from __future__ import annotations

from typing import Any

import slicer
import vtk

from .scene import SLICE_VIEW_NAMES, SceneBundle


class _Controller:
    """The bar above a view; there is none to see."""

    def setVisible(self, visible: bool) -> None:
        """Nothing to show or hide."""

    def fitSliceToBackground(self) -> None:
        """Replaced for slice views."""


class SliceView:
    """A slice view."""

    def __init__(self, node: Any) -> None:
        self._node = node

    def mrmlSliceNode(self):
        return self._node

    def scheduleRender(self) -> None:
        """Nothing is on a screen."""

    def forceRender(self) -> None:
        """Nothing is on a screen."""


class SliceWidget:
    """A slice view with its logic."""

    def __init__(self, logic: Any) -> None:
        self._logic = logic
        self._view = SliceView(logic.GetSliceNode())
        self._controller = _Controller()
        self._controller.fitSliceToBackground = self.fitSliceToBackground

    def sliceLogic(self):
        return self._logic

    def mrmlSliceNode(self):
        return self._logic.GetSliceNode()

    def mrmlSliceCompositeNode(self):
        return self._logic.GetSliceCompositeNode()

    def sliceView(self) -> SliceView:
        return self._view

    def sliceController(self) -> _Controller:
        return self._controller

    def fitSliceToBackground(self) -> None:
        self._logic.FitSliceToBackground()


class ThreeDView:
    """A 3-D view: its node, and its camera once a picture has been made."""

    def __init__(self, bundle: SceneBundle) -> None:
        self._bundle = bundle

    def mrmlViewNode(self):
        return self._bundle.view_logic.GetViewNode()

    def cameraNode(self):
        """The camera of the view, created when it is first asked for."""
        view_node, scene = self.mrmlViewNode(), self._bundle.scene
        for index in range(scene.GetNumberOfNodesByClass("vtkMRMLCameraNode")):
            camera = scene.GetNthNodeByClass(index, "vtkMRMLCameraNode")
            if camera.GetLayoutName() == view_node.GetLayoutName():
                return camera
        camera = slicer.vtkMRMLCameraNode()
        camera.SetName(scene.GenerateUniqueName("Camera"))
        camera.SetLayoutName(view_node.GetLayoutName())
        return scene.AddNode(camera)

    def resetFocalPoint(self) -> None:
        """Look at the centre of everything that is shown."""
        bounds = visible_bounds(self._bundle.scene)
        box = vtk.vtkBoundingBox(bounds) if bounds else None
        if box is not None and box.IsValid():
            centre = [0.0, 0.0, 0.0]
            box.GetCenter(centre)
            self.cameraNode().SetFocalPoint(centre)

    def resetCamera(self, *_options) -> None:
        """Move the camera so far away that everything fits."""
        bounds = visible_bounds(self._bundle.scene)
        if bounds:
            self.cameraNode().Reset(True, False, False, _renderer_with_bounds(bounds))

    def scheduleRender(self) -> None:
        """Nothing is on a screen."""

    def forceRender(self) -> None:
        """Nothing is on a screen."""


def _renderer_with_bounds(bounds: list[float]) -> Any:
    renderer = vtk.vtkRenderer()
    renderer.ResetCamera(bounds)
    return renderer


def visible_bounds(scene: Any) -> list[float] | None:
    """World bounds (RAS, mm) of all visible displayable nodes; None when there are none."""
    box = vtk.vtkBoundingBox()
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLDisplayableNode")):
        node = scene.GetNthNodeByClass(index, "vtkMRMLDisplayableNode")
        if node.GetHideFromEditors() or not node.GetDisplayVisibility() or node.IsA("vtkMRMLVolumeNode"):
            continue
        bounds = [0.0] * 6
        node.GetRASBounds(bounds)
        if vtk.vtkMath.AreBoundsInitialized(bounds):
            box.AddBounds(bounds)
    result = [0.0] * 6
    box.GetBounds(result)
    return result if box.IsValid() else None


class ThreeDWidget:
    """A 3-D view with its bar."""

    def __init__(self, bundle: SceneBundle) -> None:
        self._view = ThreeDView(bundle)
        self._controller = _Controller()

    def threeDView(self) -> ThreeDView:
        return self._view

    def threeDController(self) -> _Controller:
        return self._controller

    def mrmlViewNode(self):
        return self._view.mrmlViewNode()


class LayoutManager:
    """Three slice views and one 3-D view, whatever layout is asked for."""

    tableViewCount = 0
    plotViewCount = 0
    threeDViewCount = 1

    def __init__(self, bundle: SceneBundle) -> None:
        self._bundle = bundle
        self._slices = {name: SliceWidget(logic) for name, logic in bundle.slice_logics.items()}
        self._three_d = ThreeDWidget(bundle)
        self.layout = slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView

    def sliceViewNames(self) -> tuple[str, ...]:
        return SLICE_VIEW_NAMES

    def sliceWidget(self, name: str) -> SliceWidget | None:
        return self._slices.get(name)

    def threeDWidget(self, index: int) -> ThreeDWidget | None:
        return self._three_d if index == 0 else None

    def mrmlSliceLogics(self):
        return self._bundle.application_logic.GetSliceLogics()

    def setLayout(self, layout: int) -> None:
        self.layout = layout

    def resetSliceViews(self) -> None:
        for widget in self._slices.values():
            widget.fitSliceToBackground()

    def resetThreeDViews(self) -> None:
        self._three_d.threeDView().resetFocalPoint()
        self._three_d.threeDView().resetCamera()
