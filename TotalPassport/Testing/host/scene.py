"""The MRML scene with everything the application puts into it before a module sees it.

All of it is the real C++: nodes, logics, storage. What the application adds in Qt code is in the other files.
"""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import slicer
import vtk

SLICE_VIEW_NAMES = ("Red", "Yellow", "Green")
_SLICE_ORIENTATIONS = {"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}
_SLICE_COLORS = {"Red": (0.953, 0.29, 0.2), "Yellow": (0.929, 0.835, 0.298), "Green": (0.431, 0.69, 0.294)}

#: Logics by the name of the module in ``slicer.modules``; the scene calls them by the second name.
MODULE_LOGICS = {
    "colors": ("Colors", "vtkSlicerColorLogic"),
    "markups": ("Markups", "vtkSlicerMarkupsLogic"),
    "models": ("Models", "vtkSlicerModelsLogic"),
    "plots": ("Plots", "vtkSlicerPlotsLogic"),
    "segmentations": ("Segmentations", "vtkSlicerSegmentationsModuleLogic"),
    "sequences": ("Sequences", "vtkSlicerSequencesLogic"),
    "subjecthierarchy": ("SubjectHierarchy", "vtkSlicerSubjectHierarchyModuleLogic"),
    "tables": ("Tables", "vtkSlicerTablesLogic"),
    "terminologies": ("Terminologies", "vtkSlicerTerminologiesModuleLogic"),
    "texts": ("Texts", "vtkSlicerTextsLogic"),
    "transforms": ("Transforms", "vtkSlicerTransformLogic"),
    "units": ("Units", "vtkSlicerUnitsLogic"),
    "viewcontrollers": ("ViewControllers", "vtkSlicerViewControllersLogic"),
    "volumerendering": ("VolumeRendering", "vtkSlicerVolumeRenderingLogic"),
    "volumes": ("Volumes", "vtkSlicerVolumesLogic"),
    "cropvolume": ("CropVolume", "vtkSlicerCropVolumeLogic"),
    "data": ("Data", "vtkSlicerDataModuleLogic"),
    "sceneviews": ("SceneViews", "vtkSlicerSceneViewsModuleLogic"),
}


@dataclass
class SceneBundle:
    """The scene and the C++ objects that live as long as it does."""

    scene: Any
    application_logic: Any
    color_logic: Any
    cache_folder: Path
    logics: dict[str, Any] = field(default_factory=dict)
    slice_logics: dict[str, Any] = field(default_factory=dict)
    view_logic: Any = None
    keep_alive: list[Any] = field(default_factory=list)


def _share_folder(home: Path) -> Path:
    """A share folder with the terminologies that ship in the ``trame-slicer`` wheel."""
    share = home / "share"
    (share / "terminologies").mkdir(parents=True, exist_ok=True)
    (share / "ColorFiles").mkdir(exist_ok=True)
    package = Path(importlib.util.find_spec("trame_slicer").origin).parent  # found, not imported: it has many needs
    for source in (package / "resources" / "terminologies").glob("*.json"):
        shutil.copy(source, share / "terminologies" / source.name)
    return share


def _add_data_io(bundle: SceneBundle) -> None:
    """Remote IO is what reads a scene back from an MRB file, even though nothing is remote."""
    cache = slicer.vtkCacheManager()
    cache.SetRemoteCacheDirectory(str(bundle.cache_folder))
    cache.SetMRMLScene(bundle.scene)
    data_io = slicer.vtkDataIOManager()
    data_io.SetCacheManager(cache)
    bundle.scene.SetCacheManager(cache)
    bundle.scene.SetDataIOManager(data_io)
    bundle.keep_alive += [cache, data_io]


def _add_logics(bundle: SceneBundle, share: Path) -> None:
    for module_name, (logic_name, class_name) in MODULE_LOGICS.items():
        logic = getattr(slicer, class_name)()
        if hasattr(logic, "SetModuleShareDirectory"):
            folder = share / "terminologies" if module_name == "terminologies" else share
            logic.SetModuleShareDirectory(str(folder))
        logic.SetMRMLApplicationLogic(bundle.application_logic)
        logic.SetMRMLScene(bundle.scene)
        bundle.application_logic.SetModuleLogic(logic_name, logic)
        bundle.logics[module_name] = logic


def _add_crosshair(scene: Any) -> None:
    crosshair = slicer.vtkMRMLCrosshairNode()
    crosshair.SetCrosshairName("default")
    scene.AddNode(crosshair)


def _add_slice_views(bundle: SceneBundle) -> None:
    """One slice node, composite node and logic per view, as the layout manager of the application makes them."""
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(bundle.scene, True)
    collection = vtk.vtkCollection()
    for name in SLICE_VIEW_NAMES:
        logic = slicer.vtkMRMLSliceLogic()
        logic.SetMRMLApplicationLogic(bundle.application_logic)
        logic.SetMRMLScene(bundle.scene)
        node = logic.AddSliceNode(name)
        node.SetLayoutLabel(name[0])
        node.SetLayoutColor(*_SLICE_COLORS[name])
        node.SetDefaultOrientation(_SLICE_ORIENTATIONS[name])
        node.SetOrientation(_SLICE_ORIENTATIONS[name])
        bundle.slice_logics[name] = logic
        collection.AddItem(logic)
    bundle.application_logic.SetSliceLogics(collection)


def _add_three_d_view(bundle: SceneBundle) -> None:
    logic = slicer.vtkMRMLViewLogic()
    logic.SetMRMLApplicationLogic(bundle.application_logic)
    logic.SetMRMLScene(bundle.scene)
    logic.SetName("1")  # otherwise the logic loses its node at the next event of the scene
    node = logic.AddViewNode("1")
    node.SetLayoutLabel("1")
    bundle.view_logic = logic
    collection = vtk.vtkCollection()
    collection.AddItem(logic)
    bundle.application_logic.SetViewLogics(collection)


def create_scene(home: Path) -> SceneBundle:
    """Make the scene, its logics, default nodes and views.

    Parameters
    ----------
    home : Path
        An existing folder for caches and shared files.
    """
    scene = slicer.vtkMRMLScene()
    application_logic = slicer.vtkSlicerApplicationLogic()
    bundle = SceneBundle(scene, application_logic, None, home / "cache")
    bundle.cache_folder.mkdir(exist_ok=True)
    share = _share_folder(home)
    application_logic.SetHomeDirectory(str(home))
    application_logic.SetShareDirectory("share")
    application_logic.SetTemporaryPath(tempfile.gettempdir())
    _add_data_io(bundle)
    application_logic.SetMRMLScene(scene)
    application_logic.SetMRMLSceneDataIO(scene, None, None)
    _add_crosshair(scene)
    _add_logics(bundle, share)
    bundle.color_logic = bundle.logics["colors"]
    application_logic.SetColorLogic(bundle.color_logic)
    _add_slice_views(bundle)
    _add_three_d_view(bundle)
    return bundle
