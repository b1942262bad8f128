"""Readers of files: how sure each is of a file, and those that scripted modules bring along.

A scripted module's class ``<Module>FileReader`` is held to what ``qSlicerScriptedFileReader`` documents, and to more:
where the application only prints a warning and goes on, the host raises.
"""

from __future__ import annotations

import fnmatch
import os
import re
import sys
from pathlib import Path
from typing import Any

import slicer

_FILTER = re.compile(r"(?P<title>[^()*]*\S) \((?P<patterns>\*\.[^()\s,;]+(?: \*\.[^()\s,;]+)*)\)")


class ReaderMisuse(TypeError):
    """A module's reader that the application would pass over with a warning."""


class BuiltInReader:
    """One of the application's readers: a type, its name filters, and how it looks at files that end generally."""

    def __init__(self, file_type: str, description: str, *patterns: str) -> None:
        self._file_type, self._description, self._patterns = file_type, description, patterns

    def fileType(self) -> str:
        return self._file_type

    def description(self) -> str:
        return self._description

    def confidence(self, path: str) -> float:
        sure = confidence_by_name(path, self._patterns)
        if self._file_type == "MarkupsFile" and 0 < sure < 0.56 and path.lower().endswith(".json"):
            with open(path, "rb") as file:
                return 0.6 if b"/markups-schema-v1." in file.read(300) else 0.4
        return sure


class ScriptedFileReader:
    """The ``parent`` of a module's reader, standing for ``qSlicerScriptedFileReader``."""

    __slots__ = ("_loaded", "_messages", "_python", "_was_set")

    def __init__(self, reader_class: Any) -> None:
        self._messages = slicer.vtkMRMLMessageCollection()
        self._loaded: list[str] = []
        self._was_set = False
        self._python = reader_class(self)

    # What the module's class may ask --------------------------------------------------------------------------------

    def supportedNameFilters(self, path: str) -> list[str]:
        """Return the name filters of the reader that a file's name fits."""
        if not isinstance(path, str):
            raise ReaderMisuse(f"supportedNameFilters() wants the path as a text, not {path!r}")
        return [text for text in self.extensions() if confidence_by_name(path, patterns_of(text))]

    def userMessages(self) -> Any:
        return self._messages

    def mrmlScene(self) -> Any:
        return slicer.mrmlScene

    @property
    def loadedNodes(self) -> tuple[str, ...]:
        """A copy: appending to it would change nothing in the application either."""
        return tuple(self._loaded)

    @loadedNodes.setter
    def loadedNodes(self, identifiers: Any) -> None:
        if not isinstance(identifiers, list) or not all(isinstance(each, str) for each in identifiers):
            raise ReaderMisuse(f"loadedNodes is a list of identifiers, not {identifiers!r}")
        self._loaded, self._was_set = list(identifiers), True

    # What the application asks --------------------------------------------------------------------------------------

    def fileType(self) -> str:
        return self._checked(self._python.fileType(), str, "fileType")

    def description(self) -> str:
        return self._checked(self._python.description(), str, "description")

    def extensions(self) -> list[str]:
        filters = self._checked(self._python.extensions(), list, "extensions")
        for text in filters:
            patterns_of(self._checked(text, str, "extensions"))
        return filters

    def confidence(self, path: str) -> float:
        sure = self._checked(self._python.canLoadFileConfidence(path), float, "canLoadFileConfidence")
        if not 0.0 <= sure <= 1.0:
            raise ReaderMisuse(f"canLoadFileConfidence() is {sure}, not from 0 to 1")
        if sure and not confidence_by_name(path, [each for text in self.extensions() for each in patterns_of(text)]):
            raise ReaderMisuse(f"{path!r} has none of the reader's endings, and it would take it")
        return sure

    def load(self, properties: dict) -> bool:
        self._messages.ClearMessages()
        self._was_set = False
        done = self._checked(self._python.load(dict(properties)), bool, "load")
        if done and (not self._was_set or not self._loaded):
            raise ReaderMisuse("load() was successful and has not said which nodes it loaded")
        if not done and not self._messages.GetNumberOfMessages():
            raise ReaderMisuse("load() failed and told the user nothing")
        missing = [each for each in self._loaded if slicer.mrmlScene.GetNodeByID(each) is None]
        if done and missing:
            raise ReaderMisuse(f"loaded nodes that are not in the scene: {missing}")
        return done

    def _checked(self, value: Any, kind: type, method: str) -> Any:
        if type(value) is not kind:
            raise ReaderMisuse(f"{method}() returned {value!r}, not a {kind.__name__}")
        return value


def reader_of_module(name: str) -> ScriptedFileReader | None:
    """Return the reader that a module's file has, as the application finds it: by its name in ``sys.modules``."""
    reader_class = getattr(sys.modules[name], f"{name}FileReader", None)
    return None if reader_class is None else ScriptedFileReader(reader_class)


def patterns_of(name_filter: str) -> list[str]:
    """Return the patterns of a name filter such as ``Passport (*.json)``."""
    match = _FILTER.fullmatch(name_filter)
    if match is None:
        raise ReaderMisuse(f"{name_filter!r} is no name filter such as 'Volume (*.nrrd *.nhdr)'")
    return match["patterns"].split(" ")


def confidence_by_name(path: str, patterns: Any) -> float:
    """How sure a reader is by a file's name alone: more so the longer the ending is that it knows; 0 of no file."""
    if not os.path.isfile(path) or not os.access(path, os.R_OK):
        return 0.0
    name = Path(path).name.lower()
    matched = [len(pattern) - 1 for pattern in patterns if fnmatch.fnmatch(name, pattern.lower())]
    return 0.5 + 0.01 * max(matched) if matched else 0.0
