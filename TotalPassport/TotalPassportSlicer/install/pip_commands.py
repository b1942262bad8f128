"""Slicer's pip: wheels only, and every package that is not meant stays as it is.

Nothing happens at import, and nothing here asks the user: whoever calls has done that.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import slicer
import slicer.util
from slicer.i18n import tr as _
from TotalPassportLib.base.distributions import canonical, package_name
from TotalPassportLib.base.errors import TotalPassportError

from .pip_failures import explain

_PIP_FAILURES = (subprocess.CalledProcessError, RuntimeError, OSError)


class InstallationError(TotalPassportError):
    """Packages could not be installed.

    Parameters
    ----------
    shown : bool
        Slicer has already told the user in a dialog of its own.
    """

    code = "installation"

    def __init__(self, message: str, hint: str, shown: bool = False) -> None:
        super().__init__(message, hint)
        self.shown = shown


def from_folders(folders: Iterable[Path]) -> tuple[str, ...]:
    """Return the options with which pip takes packages from folders of wheels, and asks no server."""
    return ("--no-index", *(part for folder in folders for part in ("--find-links", str(folder))))


def ensure(requirements: Sequence[str], *options: str) -> None:
    """Install those packages that are missing, by the newest means that this Slicer has.

    Parameters
    ----------
    options : str
        Further options of ``pip install``.

    Raises
    ------
    InstallationError
        Pip failed.
    """
    packaging = _slicer_packaging()
    if packaging is None or options:  # of which pip_ensure knows none
        install(requirements, *options)
        return
    with _constraints_file(requirements) as constraints:
        # pip_ensure wants what its own reader makes of a file.
        file = constraints.with_name("requirements.txt")
        file.write_text("\n".join(requirements), encoding="utf-8")
        with _as_installation_error(_failed_text(requirements), constraints, shown=_slicer_tells()):
            _pip_ensure(packaging, constraints, file)


def install(requirements: Sequence[str], *options: str) -> None:
    """Install packages, whatever is there already.

    Parameters
    ----------
    options : str
        Further options of ``pip install``, such as ``--no-deps``.

    Raises
    ------
    InstallationError
        Pip failed.
    """
    _pip_install(requirements, options, quiet=False)


def rehearse(requirements: Sequence[str], *options: str) -> None:
    """Find out, without any dialog, whether packages can be installed; nothing is changed.

    Raises
    ------
    InstallationError
        They cannot.
    """
    _pip_install(requirements, (*options, "--dry-run"), quiet=True)


def _pip_install(requirements: Sequence[str], options: Sequence[str], quiet: bool) -> None:
    packaging = _slicer_packaging()
    with (
        _constraints_file(requirements) as constraints,
        _as_installation_error(_failed_text(requirements), constraints, options, not quiet and _slicer_tells()),
    ):
        arguments = [*requirements, "--only-binary=:all:", "-c", str(constraints), *options]
        if packaging is None:
            slicer.util.pip_install(arguments)
        else:
            packaging.pip_install(arguments, show_progress=not quiet, requester="TotalPassport")


def uninstall(packages: Iterable[str]) -> None:
    """Remove packages.

    Raises
    ------
    InstallationError
        Pip failed.
    """
    names = sorted(packages)
    failed = _("Removing {packages} failed: {reason}.").format(packages=", ".join(names), reason="{reason}")
    again = _("Restart Slicer and try again.")
    with _constraints_file(()) as constraints, _as_installation_error(failed, constraints, again=again):
        slicer.util.pip_uninstall(names)


@contextmanager
def _as_installation_error(
    sentence: str, constraints: Path, options: Sequence[str] = (), shown: bool = False, again: str = ""
) -> Iterator[None]:
    """Say what failed and why, as pip's log, which lies beside the constraints meanwhile, tells it.

    Parameters
    ----------
    sentence : str
        What failed, with a place for ``{reason}``.
    again : str
        What to do where nobody knows why.
    """
    log = constraints.with_name("pip.log")
    try:
        with _environment("PIP_LOG", str(log)):
            yield
    except _PIP_FAILURES as error:
        explanation = explain(f"{_text_of(log)}\n{_said(error)}", offline="--no-index" in options)
        raise InstallationError(
            sentence.format(reason=explanation.reason if explanation is not None else _why(error)),
            explanation.cure if explanation is not None else again or _cure_of_all(),
            shown=shown,
        ) from error


def _failed_text(requirements: Sequence[str]) -> str:
    text = _("Installing {packages} failed: {reason}.")
    return str(text.format(packages=", ".join(requirements), reason="{reason}"))


def _cure_of_all() -> str:
    return str(_("Check the internet connection, or install from a folder (section Setup); then try again."))


def _text_of(log: Path) -> str:
    try:
        return log.read_text(encoding="utf-8", errors="replace")
    except OSError:  # pip has not even begun
        return ""


def _said(error: Exception) -> str:
    """Return what is known of a failure besides pip's log: with other installers it is all there is."""
    parts = (error, getattr(error, "stdout", None), getattr(error, "stderr", None))
    return "\n".join(str(part) for part in parts if isinstance(part, str | Exception))


def _slicer_tells() -> bool:
    """Whether Slicer itself shows a failure of pip: from 5.12 on, with pip's log; a second dialog would say less."""
    return _slicer_packaging() is not None and not slicer.app.testingEnabled()


def _why(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):  # its own text is the whole command line
        return str(_("pip ended with exit code {code}; the Python console shows why").format(code=error.returncode))
    return str(error).rstrip(".")


def _pip_ensure(packaging: Any, constraints: Path, requirements_file: Path) -> None:
    """Call Slicer's own installer (5.12 and newer); it has no option for wheels only, but pip reads the environment."""
    with _environment("PIP_ONLY_BINARY", ":all:"):
        packaging.pip_ensure(
            packaging.load_requirements(requirements_file),
            constraints=constraints,
            prompt_install=False,  # the panel has asked, and said what for
            skip_in_testing=False,
            requester="TotalPassport",
        )


def _slicer_packaging() -> Any | None:
    """Return the module ``slicer.packaging`` if this Slicer has it with everything that is used here."""
    try:
        packaging = importlib.import_module("slicer.packaging")
    except ImportError:
        return None
    return packaging if hasattr(packaging, "pip_ensure") and hasattr(packaging, "load_requirements") else None


@contextmanager
def _constraints_file(requirements: Iterable[str]) -> Iterator[Path]:
    """Yield a pip constraints file that holds every installed package, apart from those required, where it is."""
    excluded = {package_name(requirement) for requirement in requirements}
    lines = sorted(
        f"{name}=={distribution.version}"
        for distribution in importlib.metadata.distributions()
        if (name := distribution.metadata["Name"]) and canonical(name) not in excluded
    )
    with tempfile.TemporaryDirectory(prefix="TotalPassport-pip-") as folder:
        path = Path(folder) / "constraints.txt"
        path.write_text("\n".join(dict.fromkeys(lines)) + "\n", encoding="utf-8")
        yield path


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    previous = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if previous is None:
            del os.environ[name]
        else:
            os.environ[name] = previous
