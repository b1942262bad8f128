"""The subject hierarchy follows the scene: an item for every data node, as the application's Qt plugins do it."""

from __future__ import annotations

from typing import Any

import slicer
import vtk

#: Owner plugin by node class: what the application writes beside an item; first match wins.
_OWNER_PLUGINS = (
    ("vtkMRMLSegmentationNode", "Segmentations"),
    ("vtkMRMLLabelMapVolumeNode", "LabelMaps"),
    ("vtkMRMLVolumeNode", "Volumes"),
    ("vtkMRMLMarkupsNode", "Markups"),
    ("vtkMRMLModelNode", "Models"),
    ("vtkMRMLTransformNode", "Transforms"),
    ("vtkMRMLTableNode", "Tables"),
    ("vtkMRMLTextNode", "Texts"),
    ("vtkMRMLPlotChartNode", "Charts"),
)


def owner_plugin(node: Any) -> str | None:
    """The plugin that would show a node; None for nodes that have no place in the subject hierarchy."""
    if node.GetHideFromEditors():
        return None
    return next((plugin for class_name, plugin in _OWNER_PLUGINS if node.IsA(class_name)), None)


class SubjectHierarchyMirror:
    """Keeps the subject hierarchy of a scene up to date."""

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        kinds = slicer.vtkMRMLScene
        for event, function in (
            (kinds.NodeAddedEvent, self._on_node_added),
            (kinds.NodeAboutToBeRemovedEvent, self._on_node_about_to_be_removed),
            (kinds.EndImportEvent, self._on_end_import),
        ):
            scene.AddObserver(event, function)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _on_node_added(self, _scene, _event, node) -> None:
        # While a scene is read, its own subject hierarchy arrives with it: a second item would be a duplicate.
        if not self._scene.IsImporting():
            self._add(node)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _on_node_about_to_be_removed(self, _scene, _event, node) -> None:
        if self._scene.IsClosing() or node.IsA("vtkMRMLSubjectHierarchyNode"):
            return
        hierarchy = self._scene.GetSubjectHierarchyNode()
        item = hierarchy.GetItemByDataNode(node)
        if item != hierarchy.GetInvalidItemID():
            hierarchy.RemoveItem(item, False, False)

    def _on_end_import(self, _scene, _event) -> None:
        for index in range(self._scene.GetNumberOfNodes()):
            self._add(self._scene.GetNthNode(index))

    def _add(self, node: Any) -> None:
        plugin = owner_plugin(node)
        if plugin is None:
            return
        hierarchy = self._scene.GetSubjectHierarchyNode()
        if hierarchy.GetItemByDataNode(node) == hierarchy.GetInvalidItemID():
            item = hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)
            hierarchy.SetItemOwnerPluginName(item, plugin)
