"""The distribution of onnxruntime that suits this machine: installing it, and exchanging the plain one for it.

Networks run in a child process, so what this process may have imported of the old one does not matter to us.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Collection

from slicer.i18n import tr as _
from TotalPassportLib.base import distributions
from TotalPassportLib.base.distributions import Distribution

from . import brought_in, pip_commands
from .import_check import why_not_importable
from .pip_commands import InstallationError


def faster_engine(installed: Collection[str] | None = None) -> Distribution | None:
    """Return the distribution that would run networks faster than the plain one that is installed; None if none would.

    Whoever has installed another one, such as that for NVIDIA's cards, has chosen, and gets no proposal. ``installed``
    has the names of those that are, where they are known already.
    """
    wanted, present = distributions.suitable(), set(distributions.installed() if installed is None else installed)
    if wanted.package == distributions.PLAIN or distributions.PLAIN not in present:
        return None
    return wanted if present <= {distributions.PLAIN, wanted.package} else None


def install_engine(wanted: Distribution, *options: str) -> str:
    """Install a distribution where there is none, or the plain one if that fails.

    Parameters
    ----------
    options : str
        Further options of ``pip install``.

    Returns
    -------
    A sentence for the user if it is the plain one; else an empty text.

    Raises
    ------
    InstallationError
        That failed, too.
    """
    try:
        _rehearse(wanted, *options)
        _install(wanted, *options)
        return ""
    except InstallationError as error:
        _remove_all()
        pip_commands.ensure(distributions.plain().needs, *options)
        note = _("{reason} The plain onnxruntime was installed instead; it takes about twice as long to find organs.")
        return str(note.format(reason=error.message))


def exchange_engine(wanted: Distribution) -> None:
    """Put a distribution in the place of those that are installed; if that fails, they are put back.

    Raises
    ------
    InstallationError
        It failed; the text says what is installed now.
    """
    _rehearse(wanted)  # what is there is not taken away before it is sure that its successor can be had
    before = distributions.installed()
    with brought_in.recorded(instead_of=before):
        pip_commands.uninstall(before)
        try:
            _install(wanted)
        except InstallationError as error:
            _put_back(before, error)


def _put_back(before: dict[str, str], failure: InstallationError) -> None:
    names = ", ".join(before)
    try:
        _remove_all()
        pip_commands.install([f"{name}=={version}" for name, version in before.items()])
    except InstallationError as error:
        raise InstallationError(
            _("{failure} {packages} could not be put back either, so that no network can run now.").format(
                failure=failure.message, packages=names
            ),
            _("Check the internet connection, then click Apply, which offers to install what is missing."),
        ) from error
    raise InstallationError(
        _("{failure} {packages} was put back.").format(failure=failure.message, packages=names),
        _("Everything works as before."),
    ) from failure


def _rehearse(wanted: Distribution, *options: str) -> None:
    pip_commands.rehearse(wanted.requirements, *options)
    if wanted.libraries:
        pip_commands.rehearse(wanted.libraries, "--no-deps", *options)


def _install(wanted: Distribution, *options: str) -> None:
    pip_commands.install(wanted.requirements, *options)
    if wanted.libraries:
        pip_commands.install(wanted.libraries, "--no-deps", *options)
    importlib.invalidate_caches()
    _require_importable(wanted)


def _remove_all() -> None:
    importlib.invalidate_caches()
    present = distributions.installed()
    if present:
        pip_commands.uninstall(present)


def _require_importable(wanted: Distribution) -> None:
    """Import the module as the child process will: a wheel may need system libraries that are not there."""
    reason = why_not_importable(distributions.MODULE, "m.get_available_providers()")
    if reason:
        raise InstallationError(
            _("{package} was installed but does not start: {reason}.").format(package=wanted.package, reason=reason),
            _("Restart Slicer and try again."),
        )


def restart_note() -> str:
    """Return what to do after an exchange if this process has imported the old one; else an empty text."""
    if distributions.MODULE not in sys.modules:
        return ""
    return str(_("Restart Slicer before you use another module that runs networks in Slicer itself."))
