"""What Slicer asks when a file is dropped onto it or added as data: whether it is a passport, and to open it.

Slicer asks this of every file with our ending, whoever wrote it, and in a Slicer in which nothing of ours is installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import slicer
import vtk
from slicer.i18n import tr as _
from TotalPassportLib.base.errors import TotalPassportError
from TotalPassportLib.passport.recognition import is_passport_file

from ..nodes.passport_opening import open_passport
from .wording import error_in_the_window

SURE, NOT_OURS = 0.9, 0.0
"""Slicer's own readers of texts, markups and terminologies say at most 0.6 of a file that ends with .json."""


class PassportFileReader:
    """Slicer's file reader for passports, see qSlicerScriptedFileReader.

    Parameters
    ----------
    parent : qSlicerScriptedFileReader
        Knows the name filters, and takes the loaded nodes and the messages.
    """

    def __init__(self, parent: Any) -> None:
        self.parent = parent

    def description(self) -> str:
        """Return what the files are, for the list in the dialog Add data."""
        return str(_("Anatomical passport"))

    def fileType(self) -> str:
        """Return the type's name, for ``slicer.util.loadNodeFromFile``."""
        return "TotalPassportFile"

    def extensions(self) -> list[str]:
        """Return the name filters."""
        return [str(_("Anatomical passport")) + " (*.json)"]

    def canLoadFileConfidence(self, filePath: str) -> float:
        """Return how sure it is that a file is a passport, 0 to 1; its content decides."""
        if not self.parent.supportedNameFilters(filePath):
            return NOT_OURS
        return SURE if is_passport_file(Path(filePath)) else NOT_OURS

    def load(self, properties: Mapping[str, Any]) -> bool:
        """Open a passport with what lies beside it; what the user should know becomes a message."""
        self.parent.loadedNodes = []
        try:
            opened = open_passport(Path(properties["fileName"]))
        except TotalPassportError as error:
            self.parent.userMessages().AddMessage(vtk.vtkCommand.ErrorEvent, error_in_the_window(error))
            return False
        for remark in opened.remarks:
            self.parent.userMessages().AddMessage(vtk.vtkCommand.WarningEvent, remark)
        self.parent.loadedNodes = [opened.nodes.document.GetID()]
        panel = getattr(slicer.modules, "TotalPassportWidget", None)  # there is none before its first visit
        if panel is not None:
            panel.showPassport(opened.nodes)
            for remark in opened.remarks:
                panel.panel.logged(remark)
        return True
