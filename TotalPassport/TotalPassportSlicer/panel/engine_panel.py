"""The section Advanced: in which precision and where networks run, and the faster engine for those who lack it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import slicer
from slicer.i18n import tr as _
from TotalPassportLib.base import distributions
from TotalPassportLib.base.distributions import Distribution
from TotalPassportLib.base.package_facts import download_mb

from ..install import engine_exchange, package_work
from .buttons import why_wait
from .dialogs import Dialogs
from .engine_titles import precision_titles, provider_titles
from .run_panel import ErrorsShown, RunPanel


class EnginePanel:
    """Works the section's widgets.

    Parameters
    ----------
    ui : Any
        The panel's widgets by name.
    logic : Any
        Runs the networks.
    panel : RunPanel
        Says and logs what happens.
    dialogs : Dialogs
        Asks the user.
    on_changed : Callable[[], None]
        Called after another engine was installed.
    """

    def __init__(self, ui: Any, logic: Any, panel: RunPanel, dialogs: Dialogs, on_changed: Callable[[], None]) -> None:
        self._ui = ui
        self._logic = logic
        self._panel = panel
        self._dialogs = dialogs
        self._on_changed = on_changed
        self._parameters: Any = None
        self._boxes = {"precision": ui.precisionComboBox, "provider": ui.providerComboBox}
        _fill(ui.precisionComboBox, precision_titles())
        _fill(ui.providerComboBox, provider_titles())
        ui.precisionComboBox.connect("currentIndexChanged(int)", lambda index: self._on_chosen("precision", index))
        ui.providerComboBox.connect("currentIndexChanged(int)", lambda index: self._on_chosen("provider", index))
        ui.installEngineButton.connect("clicked(bool)", self._on_install)
        # A section that opens shows all that it holds, also what was to be hidden while it was closed.
        ui.advancedCollapsibleButton.connect("contentsCollapsed(bool)", self._on_collapsed)
        self.refresh()

    def follow(self, parameters: Any | None) -> None:
        """Bring the section in line with the parameters; None while the scene closes."""
        self._parameters = parameters
        for name, box in self._boxes.items() if parameters is not None else ():
            box.currentIndex = box.findData(getattr(parameters, name))

    def refresh(self) -> None:
        """Look which distribution of onnxruntime is installed, and show it."""
        installed = distributions.installed()
        faster = engine_exchange.faster_engine(installed)
        self._ui.engineLabel.text = _engine_text(installed, faster)
        self._ui.installEngineButton.visible = faster is not None
        self.update()

    def update(self) -> None:
        """Bring the button in line with what is under way."""
        reason = why_wait(self._logic.state)
        self._ui.installEngineButton.enabled = not reason
        tip = _("Put the onnxruntime that suits this computer in the place of the plain one. You are asked first.")
        self._ui.installEngineButton.toolTip = reason or tip

    def _on_collapsed(self, collapsed: bool) -> None:
        if not collapsed:
            self.refresh()

    def _on_chosen(self, name: str, index: int) -> None:
        if self._parameters is not None and index >= 0:
            setattr(self._parameters, name, self._boxes[name].itemData(index))

    def _on_install(self) -> None:
        wanted = engine_exchange.faster_engine()
        if wanted is not None:
            with ErrorsShown(self._panel, self._dialogs.error), package_work.exclusively(self._panel.packages_changed):
                if self._dialogs.confirm(_("Faster engine"), _exchange_question(wanted), _("Install")):
                    self._install(wanted)
        self.refresh()
        self._on_changed()

    def _install(self, wanted: Distribution) -> None:
        self._panel.say(_("Installing {packages}…").format(packages=", ".join(wanted.needs)))
        slicer.app.processEvents()
        with slicer.util.WaitCursor():
            engine_exchange.exchange_engine(wanted)
        done = _("{package} runs the networks from now on.").format(package=wanted.package)
        sentence = f"{done} {engine_exchange.restart_note()}".strip()
        self._panel.say(sentence)
        self._panel.logged(sentence)


def _fill(box: Any, titles: dict[str, str]) -> None:
    for name, title in titles.items():
        box.addItem(title, name)


def _engine_text(present: Mapping[str, str], faster: Distribution | None) -> str:
    if not present:
        return str(_("Apply offers to install what runs networks."))
    installed = ", ".join(f"{name} {version}" for name, version in present.items())
    if faster is None:
        return str(_("Installed: {installed}.").format(installed=installed))
    text = _("Installed: {installed}. {package} finds organs about twice as fast on this computer.")
    return str(text.format(installed=installed, package=faster.package))


def _exchange_question(wanted: Distribution) -> str:
    question = _(
        "{package} runs networks faster on this computer than {present}, and takes its place. It brings the same "
        "Python module, so that other extensions find what they need; it changes for all of them.\n\n"
        "Exchange them now? This needs an internet connection, for about {megabytes} MB."
    )
    present = ", ".join(distributions.installed())
    return str(question.format(package=wanted.package, present=present, megabytes=round(download_mb(wanted.needs))))
