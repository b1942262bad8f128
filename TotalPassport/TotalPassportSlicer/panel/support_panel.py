"""The section Log: saving it, collecting what a bug report needs, and deleting all that was brought in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _
from TotalPassportLib.base.outputs import atomic_write
from TotalPassportLib.base.paths import home_folder
from TotalPassportLib.models.store import remove_everything

from ..install import brought_in, package_work, pip_commands
from . import model_list
from .bug_report import SETTINGS, bug_report
from .buttons import allow, why_wait
from .dialogs import Dialogs
from .models_panel import ModelsPanel
from .run_panel import ErrorsShown, RunPanel


class SupportPanel:
    """Works the section's widgets.

    Parameters
    ----------
    ui : Any
        The panel's widgets by name.
    logic : Any
        Tells what is under way.
    panel : RunPanel
        Says and logs what happens.
    dialogs : Dialogs
        Asks the user.
    models : ModelsPanel
        Knows the models that there are.
    """

    def __init__(self, ui: Any, logic: Any, panel: RunPanel, dialogs: Dialogs, models: ModelsPanel) -> None:
        self._ui = ui
        self._logic = logic
        self._panel = panel
        self._dialogs = dialogs
        self._models = models
        ui.saveLogButton.connect("clicked(bool)", lambda _checked=False: self._on_save())
        ui.reportButton.connect("clicked(bool)", lambda _checked=False: self._on_report())
        ui.deleteEverythingButton.connect("clicked(bool)", lambda _checked=False: self._on_delete_everything())

    def update(self) -> None:
        """Bring the buttons in line with what is under way."""
        tip = _(
            "Delete all models, Python packages and settings that TotalPassport has brought in. You are asked first."
        )
        allow(self._ui.deleteEverythingButton, why_wait(self._logic.state), tip)

    def _on_save(self) -> None:
        path = self._dialogs.choose_log("TotalPassport.log")
        if path is not None:
            with ErrorsShown(self._panel, self._dialogs.error):
                save_text(self._ui.logText.toPlainText(), path)
                self._panel.say(_("Saved: {path}.").format(path=path))

    def _on_report(self) -> None:
        installed = [entry.name for entry in self._models.models.entries if entry.installed]
        slicer.app.clipboard().setText(bug_report(self._ui.logText.toPlainText(), installed))
        self._panel.say(_("The report is in the clipboard: paste it where you report the problem, and read it first."))

    def _on_delete_everything(self) -> None:
        packages = brought_in.removable()
        models = [entry for entry in self._models.models.entries if model_list.can_delete(entry)]
        question = _question(models=model_list.titles(models), packages=packages)
        if not self._dialogs.confirm(_("TotalPassport: delete everything"), question, _("Delete")):
            return
        with ErrorsShown(self._panel, self._dialogs.error), package_work.exclusively(self._panel.packages_changed):
            remove_everything()
            if packages:
                pip_commands.uninstall(packages)
                brought_in.forget_installed()
            settings = qt.QSettings()
            settings.remove(SETTINGS)
            self._models.refresh()
            self._panel.say(
                _(
                    "Everything was deleted. The module itself is removed where it was added: in the Extensions "
                    "Manager, or in Application Settings > Modules > Additional module paths."
                )
            )


def save_text(text: str, path: Path) -> None:
    """Write a text to a file, which appears whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _question(models: str, packages: list[str]) -> str:
    question = _(
        "Delete all that TotalPassport has brought to this computer?\n\nModels and cache in '{folder}': {models}\n"
        "Python packages, also for other extensions: {packages}\nSettings of the panel\n\nScans and results stay."
    )
    nothing = _("none")
    return str(question.format(folder=home_folder(), models=models or nothing, packages=", ".join(packages) or nothing))
