"""Every dialog that the panel opens. The logic never does: scripts are told, not asked."""

from __future__ import annotations

from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from ..nodes.columns import RGB
from .plain_text import literally


class Dialogs:
    """Asks and tells the user."""

    def error(self, sentence: str) -> None:
        """Show what went wrong."""
        slicer.util.errorDisplay(literally(sentence))

    def install_packages(self, question: str) -> bool:
        """Ask whether to install Python packages."""
        return bool(slicer.util.confirmOkCancelDisplay(question, _("TotalPassport: install packages")))

    def confirm(self, title: str, question: str, button: str, details: str = "") -> bool:
        """Ask whether to go on; ``button`` says what then happens, and the other one is Cancel.

        ``details`` are shown on request and can be copied.
        """
        if slicer.app.testingEnabled():  # nobody is there to answer
            return False
        box = qt.QMessageBox(slicer.util.mainWindow())
        box.windowTitle = title
        box.icon = qt.QMessageBox.Question
        box.textFormat = qt.Qt.PlainText
        box.text = question
        if details:
            box.detailedText = details
        # A standard button with a word of its own: its number comes back as the answer in every version of Qt.
        box.setStandardButtons(qt.QMessageBox.Ok | qt.QMessageBox.Cancel)
        box.button(qt.QMessageBox.Ok).text = button
        box.setDefaultButton(qt.QMessageBox.Ok)
        try:
            return bool(box.exec_() == qt.QMessageBox.Ok)
        finally:
            box.deleteLater()

    def choose_models(self) -> list[Path]:
        """Ask for files of models; none if the user thinks better of it."""
        kinds = _("Models (*.zip *.onnx);;All files (*)")
        names = qt.QFileDialog.getOpenFileNames(slicer.util.mainWindow(), _("Import models"), "", kinds)
        return [Path(name) for name in names]

    def choose_folder(self) -> list[Path]:
        """Ask for a folder of models; none if the user thinks better of it."""
        name = qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), _("Import models from a folder"))
        return [Path(name)] if name else []

    def choose_offline_folder(self) -> Path | None:
        """Ask for a folder of wheels and zips; None if the user thinks better of it."""
        name = qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), _("Install from a folder"))
        return Path(name) if name else None

    def choose_masks(self) -> Path | None:
        """Ask for a folder of binary masks; None if the user thinks better of it."""
        name = qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), _("Load a folder of masks"))
        return Path(name) if name else None

    def choose_passports(self) -> list[Path]:
        """Ask for files of passports; none if the user thinks better of it."""
        kinds = _("Passports (*.json);;All files (*)")
        names = qt.QFileDialog.getOpenFileNames(slicer.util.mainWindow(), _("Open passports"), "", kinds)
        return [Path(name) for name in names]

    def choose_segments_folder(self) -> Path | None:
        """Ask for the folder that segments are written into; None if the user thinks better of it."""
        name = qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), _("Export segments into a folder"))
        return Path(name) if name else None

    def choose_export(self, suggestion: str) -> Path | None:
        """Ask where to write a passport; None if the user thinks better of it."""
        kinds = _("Passport (*.json);;Table (*.csv);;Slicer markups (*.mrk.json)")
        return self._choose_file(_("Export passport"), suggestion, kinds)

    def choose_log(self, suggestion: str) -> Path | None:
        """Ask where to write the log; None if the user thinks better of it."""
        return self._choose_file(_("Save log"), suggestion, _("Log (*.log *.txt)"))

    def choose_color(self, present: RGB) -> RGB | None:
        """Ask for a colour, 0 to 255; None if the user thinks better of it."""
        color = qt.QColorDialog.getColor(qt.QColor(*present), slicer.util.mainWindow(), _("Colour of the organs"))
        return (color.red(), color.green(), color.blue()) if color.isValid() else None

    def choose_table(self, suggestion: str) -> Path | None:
        """Ask where to write a table; None if the user thinks better of it."""
        return self._choose_file(_("Export table"), suggestion, _("Table (*.csv)"))

    def _choose_file(self, title: str, suggestion: str, kind: str) -> Path | None:
        name = qt.QFileDialog.getSaveFileName(slicer.util.mainWindow(), title, suggestion, kind)
        return Path(name) if name else None
