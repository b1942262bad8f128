"""``slicer.app.coreIOManager()``: what ``slicer.util.loadVolume``, ``saveNode``, ``saveScene`` and others ask.

Reading and writing is done by the real storage nodes and module logics; only the choice between them is made here.
"""

from __future__ import annotations

import os
from typing import Any

import slicer
import vtk

from .file_readers import BuiltInReader, ScriptedFileReader

#: What the application reads and the host too: type, description, extensions with the longest first.
_BUILT_IN = (
    ("SegmentationFile", "Segmentation", (".seg.nrrd",)),
    ("MarkupsFile", "Markups", (".mrk.json", ".fcsv", ".json")),
    ("VolumeFile", "Volume", (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha")),
    ("ModelFile", "Model", (".vtk", ".vtp", ".stl", ".ply", ".obj")),
    ("TransformFile", "Transform", (".h5", ".tfm")),
    ("TableFile", "Table", (".csv", ".tsv")),
    ("TextFile", "Text file", (".txt", ".xml", ".json")),
    ("SceneFile", "Slicer scene", (".mrb", ".mrml")),
)
_EXTENSIONS = sorted((each for _type, _title, every in _BUILT_IN for each in every), key=len, reverse=True)

_LABELMAP, _CENTER, _SINGLE_FILE, _AUTO_WINDOW_LEVEL, _DISCARD_ORIENTATION = 1, 2, 4, 8, 16


class CoreIOManager:
    """Loads and saves nodes and scenes by file type."""

    def __init__(self, bundle: Any) -> None:
        self._bundle = bundle
        self._built_in = [
            BuiltInReader(kind, title, *(f"*{extension}" for extension in extensions))
            for kind, title, extensions in _BUILT_IN
        ]
        self._scripted: list[ScriptedFileReader] = []

    # Questions --------------------------------------------------------------------------------------------------

    def registerIO(self, reader: ScriptedFileReader) -> None:
        """Take the reader of a scripted module."""
        self._scripted.append(reader)

    def host_unregister(self) -> None:
        """Forget the readers of scripted modules."""
        self._scripted.clear()

    def _readers(self, filename: str) -> list[Any]:
        """Return who can read a file, the surest first; of equally sure ones the one that came last."""
        latest_first = (*reversed(self._scripted), *reversed(self._built_in))
        sure = [(reader.confidence(str(filename)), reader) for reader in latest_first]
        return [reader for confidence, reader in sorted(sure, key=lambda pair: -pair[0]) if confidence > 0]

    def fileType(self, filename: str) -> str:
        """The type of a file, by the reader that is surest of it; "NoFile" when there is none."""
        readers = self._readers(filename)
        return readers[0].fileType() if readers else "NoFile"

    def fileDescriptions(self, filename: str) -> list[str]:
        """What a file may be read as, in the order of the list in the dialog Add data."""
        return [reader.description() for reader in self._readers(filename)]

    def fileTypeFromDescription(self, description: str) -> str:
        """The type of the reader that is described so."""
        readers = (*self._built_in, *self._scripted)
        return next((reader.fileType() for reader in readers if reader.description() == description), "NoFile")

    def fileWriterFileType(self, node: Any) -> str:
        """The type under which a node is written."""
        return f"{node.GetNodeTagName()}File"

    def fileWriterExtensions(self, node: Any) -> list[str]:
        """Formats in which a node can be written, as "Description (.ext)"."""
        types = self._storage(node).GetSupportedWriteFileTypes()
        return [types.GetValue(i) for i in range(types.GetNumberOfValues())]

    def extractKnownExtension(self, filename: str, node: Any) -> str:
        """The longest extension of a file name that the node's storage knows."""
        return self._storage(node).GetSupportedFileExtension(str(filename), False, True)

    # Loading ----------------------------------------------------------------------------------------------------

    def loadNodes(self, file_type: Any, properties: Any = None, loaded: Any = None, messages: Any = None) -> bool:
        """Load a file; every node it made is added to the collection ``loaded``.

        The other form takes a list of the properties of several files, which have their types in them.
        """
        if isinstance(file_type, list):
            files, loaded, messages = file_type, properties, loaded or messages
            done = [self.loadNodes(each["fileType"], dict(each), loaded, messages) for each in files]  # all are tried
            return all(done)
        scripted = [reader for reader in self._scripted if reader.fileType() == file_type]
        if scripted:
            return self._load_scripted(scripted, properties, loaded, messages)
        readers = {
            "VolumeFile": self._load_volume,
            "SegmentationFile": self._load_segmentation,
            "MarkupsFile": self._load_markups,
            "ModelFile": self._load_model,
            "TransformFile": self._load_transform,
            "TableFile": self._load_table,
            "TextFile": self._load_text,
            "SceneFile": self._load_scene,
        }
        if file_type not in readers:
            raise NotImplementedError(f"the host has no reader for files of type {file_type!r}")
        path = properties["fileName"]
        if not os.path.exists(path):
            return False
        result = readers[file_type](path, properties)
        if file_type == "SceneFile":
            return bool(result)
        if result is not None and loaded is not None:
            loaded.AddItem(result)
        return result is not None

    def _load_scripted(self, readers: list[ScriptedFileReader], properties: dict, loaded: Any, messages: Any) -> bool:
        path = properties["fileName"]
        for reader in readers:
            if not reader.confidence(path):
                continue
            done = reader.load(properties)
            if messages is not None:
                messages.AddMessages(reader.userMessages(), f"Loading {path} - ")
            if done:
                for identifier in reader.loadedNodes if loaded is not None else ():
                    loaded.AddItem(self._node(identifier))
                return True
        if messages is not None and not messages.GetNumberOfMessages():
            messages.AddMessage(vtk.vtkCommand.ErrorEvent, f"Loading {path} -  load failed.")
        return False

    def _node(self, node_id: str | None) -> Any:
        return self._bundle.scene.GetNodeByID(node_id) if node_id else None

    def _load_volume(self, path: str, properties: dict) -> Any:
        options = _AUTO_WINDOW_LEVEL if properties.get("autoWindowLevel", True) else 0
        for name, bit in (("labelmap", _LABELMAP), ("center", _CENTER), ("singleFile", _SINGLE_FILE)):
            options |= bit if properties.get(name) else 0
        options |= _DISCARD_ORIENTATION if properties.get("discardOrientation") else 0
        name = properties.get("name") or self._base_name(path)
        node = self._bundle.logics["volumes"].AddArchetypeVolume(path, name, options)
        if node is not None and properties.get("show", True):
            self._show_volume(node)
        return node

    def _show_volume(self, node: Any) -> None:
        logic = self._bundle.application_logic
        if node.IsA("vtkMRMLLabelMapVolumeNode"):
            logic.GetSelectionNode().SetActiveLabelVolumeID(node.GetID())
        else:
            logic.GetSelectionNode().SetActiveVolumeID(node.GetID())
        logic.PropagateVolumeSelection()

    def _load_segmentation(self, path: str, properties: dict) -> Any:
        name = properties.get("name") or self._base_name(path)
        return self._bundle.logics["segmentations"].LoadSegmentationFromFile(path, True, name)

    def _load_markups(self, path: str, properties: dict) -> Any:
        name = properties.get("name") or self._base_name(path)
        return self._node(self._bundle.logics["markups"].LoadMarkups(path, name))

    def _load_model(self, path: str, _properties: dict) -> Any:
        return self._bundle.logics["models"].AddModel(path)

    def _load_transform(self, path: str, _properties: dict) -> Any:
        return self._bundle.logics["transforms"].AddTransform(path, self._bundle.scene)

    def _load_table(self, path: str, properties: dict) -> Any:
        return self._bundle.logics["tables"].AddTable(path, properties.get("name") or self._base_name(path))

    def _load_text(self, path: str, _properties: dict) -> Any:
        node = self._bundle.scene.AddNewNodeByClass("vtkMRMLTextNode", self._base_name(path))
        storage = self._bundle.scene.AddNewNodeByClass("vtkMRMLTextStorageNode")
        node.SetAndObserveStorageNodeID(storage.GetID())
        storage.SetFileName(path)
        return node if storage.ReadData(node) else None

    def _load_scene(self, path: str, properties: dict) -> bool:
        clear, scene = properties.get("clear", False), self._bundle.scene
        if path.lower().endswith(".mrb"):
            return scene.ReadFromMRB(path, clear)
        scene.SetURL(path)
        return bool(scene.Connect() if clear else scene.Import())

    def _base_name(self, path: str) -> str:
        name = os.path.basename(path)
        extension = next((each for each in _EXTENSIONS if name.lower().endswith(each)), os.path.splitext(name)[1])
        return name[: len(name) - len(extension)]

    # Saving -----------------------------------------------------------------------------------------------------

    def saveNodes(self, file_type: str, properties: dict, messages: Any = None) -> bool:
        """Save a node, or with type "SceneFile" the scene."""
        path = str(properties["fileName"])
        if file_type == "SceneFile":
            return self._save_scene(path)
        node = self._node(properties["nodeID"])
        if node.GetStorageNode() is None:
            node.AddDefaultStorageNode(path)
        storage = node.GetStorageNode()
        storage.SetFileName(path)
        if "useCompression" in properties:
            storage.SetUseCompression(bool(properties["useCompression"]))
        return bool(storage.WriteData(node))

    def _save_scene(self, path: str) -> bool:
        scene = self._bundle.scene
        if path.lower().endswith(".mrb"):
            return bool(scene.WriteToMRB(path, None))
        if path.lower().endswith(".mrml"):
            scene.SetURL(path)
            return bool(scene.Commit())
        os.makedirs(path, exist_ok=True)
        return bool(self._bundle.application_logic.SaveSceneToSlicerDataBundleDirectory(path, None))

    def exportNodes(
        self, node_ids: list[str], paths: list[str], properties: dict, harden: bool = False, messages: Any = None
    ) -> bool:
        """Write nodes without changing where they are stored."""
        if harden:
            raise NotImplementedError("the host cannot export in world coordinates")
        return all(self._export(self._node(i), str(p)) for i, p in zip(node_ids, paths, strict=True))

    def _export(self, node: Any, path: str) -> bool:
        storage = self._storage(node)
        storage.SetFileName(path)
        return bool(storage.WriteData(node))

    def _storage(self, node: Any) -> Any:
        """A storage node of the right class that is not in the scene."""
        storage = slicer.mrmlScene.CreateNodeByClass(node.GetDefaultStorageNodeClassName())
        storage.UnRegister(None)  # CreateNodeByClass gives its reference away
        return storage
