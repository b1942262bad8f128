"""Pictures of the scene, off screen, drawn by the real displayable managers of the application."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

import slicer
import vtk

from .errors import error_log

_THREE_D_MANAGERS = (
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",
    "vtkMRMLModelDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager3D",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLVolumeRenderingDisplayableManager",
    "vtkMRMLCrosshairDisplayableManager3D",
    "vtkMRMLOrientationMarkerDisplayableManager",
    "vtkMRMLRulerDisplayableManager",
    "vtkMRMLColorLegendDisplayableManager",
)

_SLICE_MANAGERS = (
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLVolumeGlyphSliceDisplayableManager",
    "vtkMRMLCrosshairDisplayableManager",
    "vtkMRMLOrientationMarkerDisplayableManager",
    "vtkMRMLRulerDisplayableManager",
    "vtkMRMLScalarBarDisplayableManager",
    "vtkMRMLColorLegendDisplayableManager",
)

#: Where a camera stands, seen from what it looks at, and what is up; in RAS.
_STANDPOINTS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "anterior": ((0, 1, 0), (0, 0, 1)),
    "posterior": ((0, -1, 0), (0, 0, 1)),
    "right": ((1, 0, 0), (0, 0, 1)),
    "left": ((-1, 0, 0), (0, 0, 1)),
    "superior": ((0, 0, 1), (0, 1, 0)),
    "inferior": ((0, 0, -1), (0, 1, 0)),
    "oblique": ((-0.5, 0.8, 0.3), (0, 0, 1)),
}


def _register(factory: Any, names: Sequence[str], application_logic: Any) -> Any:
    factory.SetMRMLApplicationLogic(application_logic)
    for name in names:
        if not factory.IsDisplayableManagerRegistered(name):
            factory.RegisterDisplayableManager(name)
    return factory


class OffscreenView:
    """A render window without a screen, filled by displayable managers."""

    def __init__(self, factory: Any, view_node: Any) -> None:
        self.view_node = view_node
        self._drawn_size: tuple[int, ...] = ()
        self.renderer = vtk.vtkRenderer()
        self.window = vtk.vtkRenderWindow()
        self.window.SetOffScreenRendering(1)
        self.window.SetMultiSamples(0)  # depth peeling loses translucent surfaces in a window with multisampling
        self.window.AddRenderer(self.renderer)
        self.interactor = vtk.vtkGenericRenderWindowInteractor()  # managers ask it for the size of the window
        self.interactor.SetRenderWindow(self.window)
        self.prepare_renderer()
        self.group = factory.InstantiateDisplayableManagers(self.renderer)
        self.group.SetMRMLDisplayableNode(view_node)

    def prepare_renderer(self) -> None:
        """What the view adds to the renderer before the managers come; nothing by default."""

    def save(self, path: str | os.PathLike[str], size: Sequence[int]) -> None:
        """Render and write a PNG file of ``size`` = (width, height) pixels."""
        self.window.SetSize(*size)
        self.before_render(size)
        self.window.Render()
        if self._drawn_size != tuple(size):  # labels of points were placed for the size of the frame before
            self._drawn_size = tuple(size)
            self.view_node.Modified()
            self.window.Render()
        grabber = vtk.vtkWindowToImageFilter()
        grabber.SetInput(self.window)
        grabber.SetInputBufferTypeToRGB()
        grabber.ReadFrontBufferOff()
        grabber.Update()
        writer = vtk.vtkPNGWriter()
        writer.SetFileName(os.fspath(path))
        writer.SetInputConnection(grabber.GetOutputPort())
        writer.Write()
        if not os.path.exists(path):
            raise OSError(f"no picture could be written to {path}")

    def before_render(self, size: Sequence[int]) -> None:
        """Adjust the view to the size of the picture."""

    def close(self) -> None:
        """Take the managers off the scene and release the window."""
        with error_log.forgiven("AddMRMLDisplayableManagerEvent"):  # what the view's manager says about having no node
            self.group.SetMRMLDisplayableNode(None)
            self.group.SetRenderer(None)
        self.window.RemoveRenderer(self.renderer)
        self.window.Finalize()


class ThreeDOffscreenView(OffscreenView):
    """A 3-D view."""

    def __init__(self, bundle: Any) -> None:
        factory = slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance()
        _register(factory, _THREE_D_MANAGERS, bundle.application_logic)
        super().__init__(factory, bundle.view_logic.GetViewNode())

    def prepare_renderer(self) -> None:
        """Depth peeling draws translucent surfaces in the right order, as in the application."""
        self.window.SetAlphaBitPlanes(1)
        self.renderer.SetUseDepthPeeling(1)
        self.renderer.SetUseFXAA(True)
        self.renderer.GradientBackgroundOn()

    def before_render(self, size: Sequence[int]) -> None:
        """Use the colours that the view node asks for."""
        self.renderer.SetBackground(self.view_node.GetBackgroundColor())
        self.renderer.SetBackground2(self.view_node.GetBackgroundColor2())

    def look(self, camera_node: Any, camera: str | Sequence[Sequence[float]], zoom: float) -> None:
        """Place the camera: a standpoint by name, or (position, focal point, view up) in RAS mm."""
        if isinstance(camera, str):
            self._look_from(camera_node, camera)
            camera_node.GetCamera().Zoom(zoom)
            return
        position, focal_point, view_up = camera
        camera_node.SetPosition(*position)
        camera_node.SetFocalPoint(*focal_point)
        camera_node.SetViewUp(*view_up)
        self.renderer.ResetCameraClippingRange()

    def frame_seconds(self, degrees: float = 3.0) -> float:
        """Turn the camera a little, draw once, and return how long the drawing took."""
        self.renderer.SetUseFXAA(False)  # pictures have it, the application's views have not
        self.renderer.GetActiveCamera().Azimuth(degrees)
        start = time.perf_counter()
        self.window.Render()
        self.window.WaitForCompletion()
        took = time.perf_counter() - start
        self.renderer.SetUseFXAA(True)
        return took

    def _look_from(self, camera_node: Any, name: str) -> None:
        if name not in _STANDPOINTS:
            raise ValueError(f"no standpoint is called {name!r}; there are {', '.join(_STANDPOINTS)}")
        direction, view_up = _STANDPOINTS[name]
        camera = camera_node.GetCamera()
        camera.SetFocalPoint(0, 0, 0)
        camera.SetPosition(*direction)
        camera.SetViewUp(*view_up)
        bounds = [0.0] * 6
        self.renderer.ComputeVisiblePropBounds(bounds)
        if vtk.vtkMath.AreBoundsInitialized(bounds):
            self.renderer.ResetCamera(bounds)
        self.renderer.ResetCameraClippingRange()


class SliceOffscreenView(OffscreenView):
    """A slice view: the layers that the slice logic blends, and what the managers put on top."""

    def __init__(self, bundle: Any, name: str) -> None:
        self.logic = bundle.slice_logics[name]
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        _register(factory, _SLICE_MANAGERS, bundle.application_logic)
        super().__init__(factory, self.logic.GetSliceNode())

    def prepare_renderer(self) -> None:
        """Put the blended image behind everything else, into a layer of its own as the application does.

        In the managers' own renderer translucent segments would be blended with black instead of with the image.
        """
        self._mapper = vtk.vtkImageMapper()
        self._mapper.SetColorWindow(255)
        self._mapper.SetColorLevel(127.5)
        self._actor = vtk.vtkActor2D()
        self._actor.SetMapper(self._mapper)
        self._behind = vtk.vtkRenderer()
        self.window.SetNumberOfLayers(2)
        self.window.AddRenderer(self._behind)
        self.renderer.SetLayer(1)
        self.renderer.GetActiveCamera().ParallelProjectionOn()

    def before_render(self, size: Sequence[int]) -> None:
        """Let the slice logic make an image of the right size."""
        self.logic.ResizeSliceNode(*size)
        connection = self.logic.GetImageDataConnection()
        self._behind.RemoveViewProp(self._actor)
        if connection is not None:
            self._mapper.SetInputConnection(connection)
            self._behind.AddViewProp(self._actor)

    def close(self) -> None:
        """Release the image's layer, too."""
        super().close()
        self.window.RemoveRenderer(self._behind)


def three_d_view(views: dict[str, Any], bundle: Any) -> ThreeDOffscreenView:
    """The 3-D view, made when it is first needed."""
    if "3D" not in views:
        views["3D"] = ThreeDOffscreenView(bundle)
    return views["3D"]


def slice_view(views: dict[str, Any], bundle: Any, name: str) -> SliceOffscreenView:
    """A slice view, made when it is first needed."""
    if name not in bundle.slice_logics:
        raise ValueError(f"no slice view is called {name!r}; there are {', '.join(bundle.slice_logics)}")
    if name not in views:
        views[name] = SliceOffscreenView(bundle, name)
    return views[name]
