"""Changing packages is work like a run: while it goes on, nothing else may start, and it does not start twice.

Slicer's pip lets the window live meanwhile, and in its middle there may be nothing to run networks with. There is one
Python for all of Slicer, so this is one state for all panels and scripts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from slicer.i18n import tr as _

from .pip_commands import InstallationError

_under_way = False


def is_under_way() -> bool:
    """Whether packages are being installed, exchanged or removed."""
    return _under_way


def refuse_meanwhile() -> None:
    """Do nothing, unless packages are being changed.

    Raises
    ------
    InstallationError
        They are.
    """
    if _under_way:
        raise InstallationError(_("Python packages are being installed."), _("Wait until that is done."))


@contextmanager
def exclusively(on_changed: Callable[[], None]) -> Iterator[None]:
    """Change packages within this context.

    Parameters
    ----------
    on_changed : Callable[[], None]
        Called when the work begins and when it is over, however it ends.

    Raises
    ------
    InstallationError
        Packages are being changed already.
    """
    global _under_way
    refuse_meanwhile()
    _under_way = True
    try:
        on_changed()
        yield
    finally:
        _under_way = False
        on_changed()
