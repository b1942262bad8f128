"""The way from a click to work: the packages that it needs are there, and a failure is a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from ..install import installation, package_work
from .dialogs import Dialogs
from .run_panel import ErrorsShown, RunPanel


class Starter:
    """Starts what the user clicked, after asking for the packages that are missing.

    Parameters
    ----------
    panel : RunPanel
        Says and logs what happens.
    dialogs : Dialogs
        Asks and tells the user.
    """

    def __init__(self, panel: RunPanel, dialogs: Dialogs) -> None:
        self._panel = panel
        self._dialogs = dialogs

    def __call__(self, start: Callable[[], None], conversion: bool = False) -> None:
        """Call ``start`` when the packages are there, or say why not.

        Parameters
        ----------
        conversion : bool
            Weights will be turned into a network, which needs a package more.
        """
        with ErrorsShown(self._panel, self._dialogs.error):
            package_work.refuse_meanwhile()
            if self._ensure_packages(conversion):
                start()

    def _ensure_packages(self, conversion: bool) -> bool:
        """Return whether all packages are installed; the user is asked before anything is."""
        files = [installation.REQUIREMENTS_FILE, *([installation.CONVERSION_FILE] if conversion else [])]
        missing = {file: names for file in files if (names := installation.missing_requirements(file))}
        if not missing:
            return True
        with package_work.exclusively(self._panel.packages_changed):
            if not self._dialogs.install_packages(_install_question(missing)):
                self._panel.say(_("Nothing was installed. Click again to install the missing packages."))
                return False
            for file, names in missing.items():
                self._install(file, names)
        return True

    def _install(self, file: Path, names: list[str]) -> None:
        self._panel.say(_("Installing {packages}…").format(packages=", ".join(names)))
        slicer.app.processEvents()
        with slicer.util.WaitCursor():
            note = installation.install_missing(names, file)
        if note:  # not what was asked for; it says what was installed instead
            self._panel.remember(note)
        else:
            self._panel.logged(_("Installed {packages}.").format(packages=", ".join(names)))


def _install_question(missing: dict[Path, list[str]]) -> str:
    why = []
    engine = installation.proposed_engine(missing.get(installation.REQUIREMENTS_FILE, []))
    if engine is not None:
        why.append(_("{package} runs networks fastest on this computer.").format(package=engine.package))
    if installation.CONVERSION_FILE in missing:
        conversion = _("{packages} turns TotalSegmentator's weights into a network that runs without PyTorch.")
        why.append(conversion.format(packages=", ".join(missing[installation.CONVERSION_FILE])))
    question = _(
        "TotalPassport needs these Python packages:\n\n{packages}\n\n{why}Install them into Slicer now? Packages that "
        "Slicer brings along stay as they are. This needs an internet connection once, for about {megabytes} MB."
    )
    return question.format(
        packages="\n".join(name for names in missing.values() for name in names),
        why="".join(f"{sentence}\n\n" for sentence in why),
        megabytes=sum(installation.download_mb(names) for names in missing.values()),
    )
