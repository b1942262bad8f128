"""A module's file reader is held to what Slicer wants of it, and to more: what Slicer passes over is an error here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from host.file_readers import ReaderMisuse, ScriptedFileReader


class Reader:
    """A reader that does all as it should."""

    def __init__(self, parent: Any) -> None:
        self.parent = parent

    def description(self) -> Any:
        return "Toy"

    def fileType(self) -> Any:
        return "ToyFile"

    def extensions(self) -> Any:
        return ["Toy (*.toy)", "Toy (*.json)"]

    def canLoadFileConfidence(self, path: str) -> Any:
        return 0.9 if self.parent.supportedNameFilters(path) and "toy" in Path(path).read_text() else 0.0

    def load(self, properties: dict) -> Any:
        import slicer

        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", Path(properties["fileName"]).stem)
        self.parent.loadedNodes = [node.GetID()]
        return True


@pytest.fixture
def manager(slicer_host: Any) -> Iterator[Any]:
    manager = slicer_host.app.ioManager()
    yield manager
    manager.host_unregister()


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    path = tmp_path / "a.JSON"
    path.write_text("toy", encoding="utf-8")
    return path


def test_the_surest_reader_is_asked(slicer_host: Any, manager: Any, toy: Path) -> None:
    import slicer

    manager.registerIO(ScriptedFileReader(Reader))
    assert manager.fileType(str(toy)) == "ToyFile"
    assert manager.fileDescriptions(str(toy)) == ["Toy", "Text file", "Markups"]
    assert slicer.util.loadNodeFromFile(str(toy)).GetName() == "a"
    toy.write_text("another", encoding="utf-8")
    assert manager.fileType(str(toy)) == "TextFile"
    toy.write_text('{"@schema": "https://x/markups-schema-v1.0.3.json#"}', encoding="utf-8")
    assert manager.fileType(str(toy)) == "MarkupsFile"
    assert manager.fileType(str(toy.with_name("none.toy"))) == "NoFile"


MISUSES = {
    "description": lambda _self: 5,
    "fileType": lambda _self: None,
    "extensions": lambda _self: ("Toy (*.toy)",),
    "canLoadFileConfidence": lambda _self, _path: 1,
    "load": lambda _self, _properties: None,
}


@pytest.mark.parametrize("method", MISUSES)
def test_another_kind_of_answer_is_an_error(manager: Any, toy: Path, method: str) -> None:
    def use() -> None:
        reader = ScriptedFileReader(type("Wrong", (Reader,), {method: MISUSES[method]}))
        manager.registerIO(reader)
        manager.fileDescriptions(str(toy))
        reader.extensions()
        manager.loadNodes("ToyFile", {"fileName": str(toy)})

    with pytest.raises(ReaderMisuse):
        use()


@pytest.mark.parametrize("text", ["Toy", "Toy (.toy)", "(*.toy)", "Toy (*.toy, *.json)"])
def test_a_name_filter_that_qt_would_not_understand_is_an_error(text: str, toy: Path) -> None:
    reader = ScriptedFileReader(type("Wrong", (Reader,), {"extensions": lambda _self: [text]}))
    with pytest.raises(ReaderMisuse, match="no name filter"):
        reader.confidence(str(toy))


def failing(self: Any, _properties: dict) -> bool:
    return False


def saying_nothing_of_what_it_loaded(self: Any, _properties: dict) -> bool:
    return True


def loading_what_is_not_there(self: Any, _properties: dict) -> bool:
    self.parent.loadedNodes = ["vtkMRMLTextNode77"]
    return True


def setting_what_is_not_there(self: Any, _properties: dict) -> bool:
    self.parent.loadedNode = "vtkMRMLTextNode1"
    return True


def giving_nodes_for_identifiers(self: Any, _properties: dict) -> bool:
    self.parent.loadedNodes = [object()]
    return True


@pytest.mark.parametrize(
    "load",
    [failing, saying_nothing_of_what_it_loaded, loading_what_is_not_there, setting_what_is_not_there,
     giving_nodes_for_identifiers],
)  # fmt: skip
def test_a_reader_that_leaves_slicer_or_the_user_in_the_dark_is_refused(slicer_host: Any, toy: Path, load: Any) -> None:
    reader = ScriptedFileReader(type("Wrong", (Reader,), {"load": load}))
    with pytest.raises((ReaderMisuse, AttributeError)):
        reader.load({"fileName": str(toy)})


def test_dropped_files_are_read_and_what_was_said_is_shown(slicer_host: Any, manager: Any, toy: Path) -> None:
    import slicer
    import vtk

    def load(self: Any, properties: dict) -> bool:
        self.parent.userMessages().AddMessage(vtk.vtkCommand.WarningEvent, "half of it is missing")
        return Reader.load(self, properties)

    manager.registerIO(ScriptedFileReader(type("Warning", (Reader,), {"load": load})))
    other = toy.with_name("b.toy")
    other.write_text("toy", encoding="utf-8")
    assert slicer_host.drop_files(toy, other)
    (shown,) = slicer_host.answers.take("warning")
    assert shown.text.count("half of it is missing") == 2
    assert {node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLTextNode")} == {"a", "b"}
