"""``qMRMLNodeComboBox``: a list of the scene's nodes of some classes, one of them current."""

from __future__ import annotations

from typing import ClassVar

from PySide6 import QtWidgets
from PySide6.QtCore import Property, Signal

from .qmrml_widgets import NodeObserver
from .signals import connect_weakly


def _flag(name: str, default: bool) -> tuple[Property, object]:
    """A yes/no property that changes which nodes are listed, and its setter."""
    attribute = f"_{name}"

    def read(self) -> bool:
        return self.__dict__.get(attribute, default)

    def write(self, value: bool) -> None:
        self.__dict__[attribute] = bool(value)
        self._refresh()

    return Property(bool, read, write), write


def _text(name: str, default: str) -> tuple[Property, object]:
    attribute = f"_{name}"

    def read(self) -> str:
        return self.__dict__.get(attribute, default)

    def write(self, value: str) -> None:
        self.__dict__[attribute] = value
        self._refresh()

    return Property(str, read, write), write


class qMRMLNodeComboBox(QtWidgets.QWidget):
    """Follows the scene. Without ``noneEnabled`` it always has a current node when there is one to have."""

    host_strict = True
    host_signals: ClassVar = {
        "currentNodeChanged(vtkMRMLNode*)": "currentNodeChanged",
        "currentNodeChanged(bool)": "_currentNodeChangedBool",
        "currentNodeIDChanged(QString)": "currentNodeIDChanged",
        "nodeAdded(vtkMRMLNode*)": "nodeAdded",
        "nodeAddedByUser(vtkMRMLNode*)": "nodeAddedByUser",
        "nodeAboutToBeRemoved(vtkMRMLNode*)": "nodeAboutToBeRemoved",
    }
    currentNodeChanged = Signal(object)
    _currentNodeChangedBool = Signal(bool)
    currentNodeIDChanged = Signal(str)
    nodeAdded = Signal(object)
    nodeAddedByUser = Signal(object)
    nodeAboutToBeRemoved = Signal(object)

    noneEnabled, setNoneEnabled = _flag("noneEnabled", False)
    addEnabled, setAddEnabled = _flag("addEnabled", True)
    removeEnabled, setRemoveEnabled = _flag("removeEnabled", True)
    editEnabled, setEditEnabled = _flag("editEnabled", False)
    renameEnabled, setRenameEnabled = _flag("renameEnabled", False)
    showHidden, setShowHidden = _flag("showHidden", False)
    showChildNodeTypes, setShowChildNodeTypes = _flag("showChildNodeTypes", True)
    selectNodeUponCreation, setSelectNodeUponCreation = _flag("selectNodeUponCreation", True)
    noneDisplay, setNoneDisplay = _text("noneDisplay", "None")
    baseName, setBaseName = _text("baseName", "")
    nodeTypeLabel, _set_node_type_label = _text("nodeTypeLabel", "")

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene = None
        self._node_types: list[str] = []
        self._attributes: list[tuple[str, str, str | None]] = []
        self._current_id = ""
        self._filling = False
        self._listed: list[tuple[str, str]] | None = None
        self._observer = NodeObserver(self)
        self._node_observer = NodeObserver(self)
        self._combo = QtWidgets.QComboBox(self)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._combo)
        connect_weakly(self._combo, "currentIndexChanged", self._on_combo_changed)
        self.setEnabled(False)  # as in the application: nothing to choose from before there is a scene

    # Scene ------------------------------------------------------------------------------------------------------

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene) -> None:
        import slicer

        if scene is self._scene:
            return
        self._observer.remove_all()
        self._scene = scene
        if scene is not None:
            kinds = slicer.vtkMRMLScene
            events = (kinds.NodeAddedEvent, kinds.NodeRemovedEvent, kinds.EndBatchProcessEvent, kinds.EndCloseEvent)
            self._observer.add(scene, (*events, kinds.EndImportEvent), self._on_scene_changed)
        self.setEnabled(scene is not None)
        self._refresh()

    def _on_scene_changed(self) -> None:
        if not self._scene.IsBatchProcessing():
            self._refresh()

    # What is listed ---------------------------------------------------------------------------------------------

    def _get_node_types(self) -> list[str]:
        return self._node_types

    def setNodeTypes(self, node_types: list[str]) -> None:
        import slicer

        for name in node_types:
            if not hasattr(slicer, name):
                raise ValueError(f"there is no node class {name!r}")
        self._node_types = list(node_types)
        self._refresh()

    nodeTypes = Property("QStringList", _get_node_types, setNodeTypes)

    def addAttribute(self, node_type: str, name: str, value: object = None) -> None:
        """List nodes of a class only if they have an attribute (with a value).

        The application ignores an attribute of a class that is not listed yet, and forgets the one before.
        """
        if node_type not in self._node_types:
            raise ValueError(f"{self.objectName!r} does not list {node_type!r}; set its node types first")
        if any(node_type == known and name != other for known, other, _ in self._attributes):
            raise ValueError(f"{self.objectName!r} has an attribute for {node_type!r} already; the last one would win")
        self._attributes = [a for a in self._attributes if a[0] != node_type]
        self._attributes.append((node_type, name, None if value is None else str(value)))
        self._refresh()

    def removeAttribute(self, node_type: str, name: str) -> None:
        self._attributes = [a for a in self._attributes if a[:2] != (node_type, name)]
        self._refresh()

    def setNodeTypeLabel(self, label: str, _node_type: str = "") -> None:
        self._set_node_type_label(label)

    def _nodes_of_types(self) -> list:
        """Nodes of the right classes, in the order of the scene, whether or not they are listed."""
        if self._scene is None:
            return []
        scene, types = self._scene, self._node_types
        # The scene counts faster than Python does, and this is asked whenever anything in it changes.
        present = [node_type for node_type in types if scene.GetNumberOfNodesByClass(node_type)]
        if len(present) <= 1:
            return [
                scene.GetNthNodeByClass(i, node_type)
                for node_type in present
                for i in range(scene.GetNumberOfNodesByClass(node_type))
            ]
        every = [scene.GetNthNode(i) for i in range(scene.GetNumberOfNodes())]
        return [node for node in every if any(node.IsA(node_type) for node_type in present)]

    def _is_listed(self, node) -> bool:
        if node.GetHideFromEditors() and not self.showHidden:
            return False
        if not self.showChildNodeTypes and node.GetClassName() not in self._node_types:
            return False
        return all(
            node.GetAttribute(name) is not None and value in (None, node.GetAttribute(name))
            for node_type, name, value in self._attributes
            if node.IsA(node_type)
        )

    def nodes(self) -> list:
        """The listed nodes, in the order of the scene."""
        return [node for node in self._nodes_of_types() if self._is_listed(node)]

    def nodeCount(self) -> int:
        return len(self.nodes())

    def nodeFromIndex(self, index: int):
        return self.nodes()[index]

    def _refresh(self) -> None:
        """List the nodes anew and keep, or choose, the current one."""
        self._observe_nodes()
        self._update_list()

    def _observe_nodes(self) -> None:
        """Hear of new names and attributes of every node that might be listed."""
        import vtk

        self._node_observer.remove_all()
        for node in self._nodes_of_types():
            self._node_observer.add(node, (vtk.vtkCommand.ModifiedEvent,), self._update_list)

    def _update_list(self) -> None:
        entries = [(node.GetName() or "", node.GetID()) for node in self.nodes()]
        if self.noneEnabled:
            entries.insert(0, (self.noneDisplay, ""))
        if entries != self._listed:
            self._listed = entries
            self._filling = True
            self._combo.clear()
            for text, node_id in entries:
                self._combo.addItem(text, node_id)
            self._filling = False
        ids = [node_id for _text, node_id in entries if node_id]
        wanted = self._current_id if self._current_id in ids else ""
        if not wanted and not self.noneEnabled and ids:
            wanted = ids[0]
        self._make_current(wanted)

    # The current node -------------------------------------------------------------------------------------------

    def _make_current(self, node_id: str) -> None:
        self._filling = True
        self._combo.setCurrentIndex(self._combo.findData(node_id))
        self._filling = False
        if node_id == self._current_id:
            return
        self._current_id = node_id
        node = self.currentNode()
        self.currentNodeChanged.emit(node)
        self._currentNodeChangedBool.emit(node is not None)
        self.currentNodeIDChanged.emit(node_id)

    def _on_combo_changed(self, _index: int) -> None:
        if not self._filling:
            self._make_current(self._combo.currentData or "")

    def currentNode(self):
        return self._scene.GetNodeByID(self._current_id) if self._scene is not None and self._current_id else None

    def _get_current_id(self) -> str:
        return self._current_id

    def setCurrentNodeID(self, node_id: str | None) -> None:
        """Select a listed node; anything else selects none (or, without ``noneEnabled``, changes nothing)."""
        listed = {node.GetID() for node in self.nodes()}
        if node_id in listed:
            self._make_current(node_id)
        elif self.noneEnabled or not listed:
            self._make_current("")

    currentNodeID = Property(str, _get_current_id, setCurrentNodeID)

    def setCurrentNode(self, node) -> None:
        self.setCurrentNodeID(node if isinstance(node, str) or node is None else node.GetID())

    # What the user can do through the menu ------------------------------------------------------------------------

    def addNode(self, node_type: str | None = None):
        """Create a node, as "Create new ..." in the list does."""
        if self._scene is None:
            return None
        class_name = node_type or self._node_types[0]
        name = self.baseName or self.nodeTypeLabel or self._scene.GetTagByClassName(class_name)
        node = self._scene.AddNewNodeByClass(class_name, self._scene.GenerateUniqueName(name))
        self.nodeAdded.emit(node)
        if self.selectNodeUponCreation:
            self.setCurrentNode(node)
        self.nodeAddedByUser.emit(node)
        return node

    def removeCurrentNode(self) -> None:
        """Delete the current node, as "Delete current ..." in the list does."""
        node = self.currentNode()
        if node is not None:
            self.nodeAboutToBeRemoved.emit(node)
            self._scene.RemoveNode(node)


WIDGETS = (qMRMLNodeComboBox,)
