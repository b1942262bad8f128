"""Which Python packages TotalPassport has brought into this Slicer, so that they can be taken away again."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import qt
from TotalPassportLib.base.distributions import canonical, package_name

_INSTALLED = "TotalPassport/installed_packages"


@contextmanager
def recorded(instead_of: Iterable[str] = ()) -> Iterator[None]:
    """Take down which packages are there after this context and were not before, however it ends.

    Parameters
    ----------
    instead_of : Iterable[str]
        What they take the place of; where that is not of us, they are neither.
    """
    before = _present()
    ours = set(installed_by_us())
    try:
        yield
    finally:
        if set(instead_of) <= ours:
            _remember(_present() - before)


def installed_by_us() -> list[str]:
    """Return the packages that TotalPassport has installed into this Slicer and that are still there."""
    names = str(qt.QSettings().value(_INSTALLED) or "").split(",")
    return sorted({canonical(name) for name in names} & _present())


def removable() -> list[str]:
    """Return those of our packages that nothing else needs: what others have come to depend on stays."""
    ours = set(installed_by_us())
    while True:
        needed = {
            need
            for distribution in importlib.metadata.distributions()
            if canonical(distribution.metadata["Name"] or "") not in ours
            for need in _needs(distribution)
        }
        if not needed & ours:
            return sorted(ours)
        ours -= needed


def forget_installed() -> None:
    """Keep no longer which packages TotalPassport has installed."""
    qt.QSettings().remove(_INSTALLED)


def _remember(names: Iterable[str]) -> None:
    known = {*installed_by_us(), *names}
    if known:
        qt.QSettings().setValue(_INSTALLED, ",".join(sorted(known)))


def _present() -> set[str]:
    importlib.invalidate_caches()
    return {canonical(distribution.metadata["Name"] or "") for distribution in importlib.metadata.distributions()}


def _needs(distribution: importlib.metadata.Distribution) -> set[str]:
    """Return what a package cannot do without: its dependencies, apart from those of its extras."""
    return {
        package_name(requirement)
        for requirement in distribution.requires or ()
        if not re.search(r"\bextra\s*==", requirement)
    }
