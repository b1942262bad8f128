"""Small stand-ins for the qMRML widgets that scripted modules use, on the real MRML scene."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, ClassVar

import shiboken6
from PySide6 import QtCore, QtWidgets
from PySide6.QtCore import Property, Signal

from .signals import connect_weakly


class NodeObserver:
    """Observations of VTK objects on behalf of a widget: they end with the widget, and do not keep it alive."""

    def __init__(self, widget: QtWidgets.QWidget) -> None:
        tags: list[tuple[Any, int]] = []
        self._tags = tags
        widget.destroyed.connect(lambda: _remove_observers(tags))

    def add(self, vtk_object: Any, events: tuple, method: Callable[[], None]) -> None:
        """Call a method of the widget at any of the events, as long as the widget exists."""
        reference = weakref.WeakMethod(method)

        def deliver(_caller, _event) -> None:
            function = reference()
            if function is not None and shiboken6.isValid(function.__self__):
                function()

        self._tags += [(vtk_object, vtk_object.AddObserver(event, deliver)) for event in events]

    def remove_all(self) -> None:
        """End all observations."""
        _remove_observers(self._tags)


def _remove_observers(tags: list[tuple[Any, int]]) -> None:
    for vtk_object, tag in tags:
        vtk_object.RemoveObserver(tag)
    tags.clear()


class qMRMLWidget(QtWidgets.QWidget):
    """A widget that knows the scene and tells it on."""

    host_strict = True
    host_signals: ClassVar = {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged"}
    mrmlSceneChanged = Signal(object)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene = None

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene) -> None:
        if scene is not self._scene:
            self._scene = scene
            self.mrmlSceneChanged.emit(scene)


class qMRMLSegmentationShow3DButton(QtWidgets.QPushButton):
    """Checked while the segmentation has a closed surface and shows it in 3-D."""

    host_strict = True
    host_signals: ClassVar = {}

    def __init__(self, *arguments) -> None:
        super().__init__(*[a for a in arguments if a is not None])
        self._segmentation_node = None
        self._scene = None
        self._locked = False
        self._observer = NodeObserver(self)
        self.setText("Show 3D")
        self.setCheckable(True)
        self.setEnabled(False)
        connect_weakly(self, "toggled", self._on_toggled)

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene) -> None:
        if scene is not self._scene:
            self._scene = scene
            self.setSegmentationNode(None)

    def segmentationNode(self):
        return self._segmentation_node

    def setSegmentationNode(self, node) -> None:
        import slicer
        import vtk

        if node is not None and not node.IsA("vtkMRMLSegmentationNode"):
            raise TypeError(f"{node.GetClassName()} is no segmentation")
        if node is self._segmentation_node:
            return
        self._observer.remove_all()
        self._segmentation_node = node
        if node is not None:
            segmentation_node = slicer.vtkMRMLSegmentationNode
            events = (vtk.vtkCommand.ModifiedEvent, segmentation_node.DisplayModifiedEvent)
            representations = (
                slicer.vtkSegmentation.ContainedRepresentationNamesModified,
                slicer.vtkSegmentation.SegmentAdded,
                slicer.vtkSegmentation.SegmentRemoved,
            )
            self._observer.add(node, events, self._update_from_node)
            self._observer.add(node.GetSegmentation(), representations, self._update_from_node)
        self._update_from_node()

    @staticmethod
    def _surface_name() -> str:
        import slicer

        return slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()

    def _update_from_node(self) -> None:
        if self._locked:
            return
        node = self._segmentation_node
        segmentation = node.GetSegmentation() if node is not None else None
        has_segments = segmentation is not None and segmentation.GetNumberOfSegments() > 0
        display = node.GetDisplayNode() if node is not None else None
        shown = bool(
            has_segments
            and segmentation.ContainsRepresentation(self._surface_name())
            and display is not None
            and display.GetVisibility()
            and display.GetVisibility3D()
        )
        self._locked = True
        self.setEnabled(has_segments)
        self.setChecked(shown)
        self._locked = False

    def _on_toggled(self, checked: bool) -> None:
        node = self._segmentation_node
        if self._locked or node is None:
            return
        self._locked = True
        if node.GetDisplayNode() is None:
            node.CreateDefaultDisplayNodes()
        if checked:
            node.CreateClosedSurfaceRepresentation()
            node.GetDisplayNode().SetPreferredDisplayRepresentationName3D(self._surface_name())
            node.GetDisplayNode().SetVisibility(True)
        else:
            node.RemoveClosedSurfaceRepresentation()
        node.GetDisplayNode().SetVisibility3D(checked)
        self._locked = False
        self._update_from_node()


class qMRMLTableView(QtWidgets.QTableWidget):
    """Shows a table node; every cell is text, as in ``vtkMRMLTableNode.GetCellText``."""

    host_strict = True
    host_signals: ClassVar = {"selectionChanged()": "tableSelectionChanged"}
    tableSelectionChanged = Signal()

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene = None
        self._table_node = None
        self._observer = NodeObserver(self)
        connect_weakly(self, "itemSelectionChanged", self._on_selection_changed)

    def _on_selection_changed(self) -> None:
        self.tableSelectionChanged.emit()

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene) -> None:
        self._scene = scene

    def mrmlTableNode(self):
        return self._table_node

    def setMRMLTableNode(self, node) -> None:
        import vtk

        self._observer.remove_all()
        self._table_node = node
        if node is not None:
            self._observer.add(node, (vtk.vtkCommand.ModifiedEvent,), self._update_from_node)
        self._update_from_node()

    def _update_from_node(self) -> None:
        node = self._table_node
        rows = node.GetNumberOfRows() if node is not None else 0
        columns = node.GetNumberOfColumns() if node is not None else 0
        self.setRowCount(rows)
        self.setColumnCount(columns)
        self.setHorizontalHeaderLabels([node.GetColumnName(c) for c in range(columns)])
        for row in range(rows):
            for column in range(columns):
                self.setItem(row, column, QtWidgets.QTableWidgetItem(node.GetCellText(row, column)))


class qMRMLSegmentsTableView(QtWidgets.QTableWidget):
    """Lists the segments of a segmentation."""

    host_strict = True
    host_signals: ClassVar = {
        "selectionChanged(QItemSelection,QItemSelection)": "segmentSelectionChanged",
        "segmentAboutToBeModified(QString)": "segmentAboutToBeModified",
    }
    segmentSelectionChanged = Signal(QtCore.QItemSelection, QtCore.QItemSelection)
    segmentAboutToBeModified = Signal(str)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene = None
        self._segmentation_node = None
        self._segment_ids: list[str] = []
        self._observer = NodeObserver(self)
        self.setColumnCount(1)
        self.setHorizontalHeaderLabels(["Name"])
        connect_weakly(self.selectionModel(), "selectionChanged", self._on_selection_changed)

    def _on_selection_changed(self, new: QtCore.QItemSelection, old: QtCore.QItemSelection) -> None:
        self.segmentSelectionChanged.emit(new, old)

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene) -> None:
        self._scene = scene

    def segmentationNode(self):
        return self._segmentation_node

    def setSegmentationNode(self, node) -> None:
        import slicer

        self._observer.remove_all()
        self._segmentation_node = node
        if node is not None:
            kinds = slicer.vtkSegmentation
            events = (kinds.SegmentAdded, kinds.SegmentRemoved, kinds.SegmentModified)
            self._observer.add(node.GetSegmentation(), events, self._update_from_node)
        self._update_from_node()

    def _update_from_node(self) -> None:
        segmentation = self._segmentation_node.GetSegmentation() if self._segmentation_node is not None else None
        self._segment_ids = list(segmentation.GetSegmentIDs()) if segmentation is not None else []
        self.setRowCount(len(self._segment_ids))
        for row, segment_id in enumerate(self._segment_ids):
            name = segmentation.GetSegment(segment_id).GetName()
            self.setItem(row, 0, QtWidgets.QTableWidgetItem(name))

    def selectedSegmentIDs(self) -> list[str]:
        rows = sorted({index.row() for index in self.selectionModel().selectedIndexes})
        return [self._segment_ids[row] for row in rows]

    def setSelectedSegmentIDs(self, segment_ids: list[str]) -> None:
        self.clearSelection()
        for segment_id in segment_ids:
            self.selectRow(self._segment_ids.index(segment_id))

    def _count(self) -> int:
        return len(self._segment_ids)

    segmentCount = Property(int, _count)


WIDGETS = (qMRMLWidget, qMRMLSegmentationShow3DButton, qMRMLTableView, qMRMLSegmentsTableView)
