"""The way from a click to work: the packages that it needs are there, and a failure is a sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from ..install import installation, package_work
from .dialogs import Dialogs
from .install_texts import packages_text
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
        self._begin(lambda _agreed: start(), conversion, "", "")

    def with_weights(self, offer: str, addresses: str, start: Callable[[bool], None]) -> None:
        """Call ``start`` when the packages are there that weights need, asking for both at once.

        Parameters
        ----------
        offer : str
            Which weights are to come.
        addresses : str
            Where from.
        start : Callable[[bool], None]
            Gets whether the user was asked and has agreed to the offer; where no package is missing, that was not.
        """
        self._begin(start, True, offer, addresses)

    def install(self, missing: Mapping[Path, Sequence[str]], *options: str) -> None:
        """Install what is missing of each file of requirements, after the user has agreed, within `package_work`.

        Parameters
        ----------
        options : str
            Further options of ``pip install``.
        """
        for file, names in missing.items():
            self._install(file, list(names), *options)

    def _begin(self, start: Callable[[bool], None], conversion: bool, offer: str, addresses: str) -> None:
        with ErrorsShown(self._panel, self._dialogs.error):
            package_work.refuse_meanwhile()
            missing = installation.missing_packages(conversion)
            if not missing or self._installed(missing, offer, addresses):
                start(bool(missing))

    def _installed(self, missing: Mapping[Path, Sequence[str]], offer: str, addresses: str) -> bool:
        """Return whether what was missing is now there; the user is asked before anything is installed."""
        with package_work.exclusively(self._panel.packages_changed):
            if not self._agreed(packages_text(missing), offer, addresses):
                self._panel.say(_("Nothing was installed. Click again to install the missing packages."))
                return False
            self.install(missing)
        return True

    def _agreed(self, packages: str, offer: str, addresses: str) -> bool:
        if not offer:
            return self._dialogs.install_packages(f"{packages}\n\n{_('Install them now?')}")
        return self._dialogs.confirm(
            _("TotalPassport: install and download"),
            f"{packages}\n\n{offer}\n\n{_('Install and download all this now, and then run?')}",
            _("Install and download"),
            addresses,
        )

    def _install(self, file: Path, names: list[str], *options: str) -> None:
        self._panel.say(_("Installing {packages}…").format(packages=", ".join(names)))
        slicer.app.processEvents()
        with slicer.util.WaitCursor():
            note = installation.install_missing(names, file, *options)
        if note:  # not what was asked for; it says what was installed instead
            self._panel.remember(note)
        else:
            self._panel.logged(_("Installed {packages}.").format(packages=", ".join(names)))
