"""Find out which Python packages are missing, and install them without touching those that Slicer brings along.

Nothing happens at import. The caller asks the user first; nothing here opens a dialog of its own.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import slicer
import slicer.util
from slicer.i18n import tr as _
from TotalPassportLib.errors import TotalPassportError

REQUIREMENTS_FILE = Path(__file__).with_name("requirements.txt")
CONVERSION_FILE = Path(__file__).with_name("requirements-conversion.txt")
"""What the conversion of weights needs on top."""


class InstallationError(TotalPassportError):
    """Packages could not be installed.

    Parameters
    ----------
    shown : Slicer has already told the user in a dialog of its own.
    """

    code = "installation"

    def __init__(self, message: str, hint: str, shown: bool = False) -> None:
        super().__init__(message, hint)
        self.shown = shown


def missing_requirements(requirements_file: Path = REQUIREMENTS_FILE) -> list[str]:
    """Return the requirements that are not met, such as ``nibabel>=5.2``, without importing any of the packages."""
    importlib.invalidate_caches()
    return [str(requirement) for requirement in _requirements(requirements_file) if not _is_met(requirement)]


def require(conversion: bool = False) -> None:
    """Make sure that all packages are installed, for callers that cannot ask the user.

    Parameters
    ----------
    conversion : also those that turn weights into a network.

    Raises
    ------
    InstallationError : some are missing.
    """
    files = (REQUIREMENTS_FILE, *((CONVERSION_FILE,) if conversion else ()))
    missing = [name for file in files for name in missing_requirements(file)]
    if missing:
        raise InstallationError(
            _("These Python packages are missing: {packages}.").format(packages=", ".join(missing)),
            _("Click Apply in the module TotalPassport, which offers to install them."),
        )


def install(missing: list[str], requirements_file: Path = REQUIREMENTS_FILE) -> None:
    """Install what is missing: wheels only, every other installed package held at its present version.

    Raises
    ------
    InstallationError : pip failed, or the packages are still missing afterwards.
    """
    names = {_canonical(requirement) for requirement in missing}
    with _constraints_file(names) as constraints:
        _install_with_slicer(missing, constraints, requirements_file)
    still_missing = missing_requirements(requirements_file)
    if still_missing:
        raise InstallationError(
            _("These Python packages are still missing after the installation: {packages}.").format(
                packages=", ".join(still_missing)
            ),
            _("Restart Slicer and try again."),
        )


def _install_with_slicer(missing: list[str], constraints: Path, requirements_file: Path) -> None:
    """Use the newest way to install that this Slicer has."""
    packaging = _slicer_packaging()
    try:
        if packaging is not None:
            _pip_ensure(packaging, constraints, requirements_file)
        else:
            slicer.util.pip_install([*missing, "--only-binary=:all:", "-c", str(constraints)])
    except (subprocess.CalledProcessError, RuntimeError, OSError) as error:
        raise InstallationError(
            _("Installing {packages} failed: {reason}.").format(packages=", ".join(missing), reason=error),
            _("Check the internet connection or ask for a package mirror, then click Apply again."),
            # From 5.12 on Slicer shows pip's log in a dialog when it fails; a second one would say less.
            shown=packaging is not None and not slicer.app.testingEnabled(),
        ) from error


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
def _constraints_file(excluded: set[str]) -> Iterator[Path]:
    """Yield a pip constraints file that holds every installed package, apart from those excluded, where it is."""
    lines = sorted(
        f"{name}=={distribution.version}"
        for distribution in importlib.metadata.distributions()
        if (name := distribution.metadata["Name"]) and _canonical(name) not in excluded
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


def _requirements(path: Path) -> list[Any]:
    requirement_class = _packaging_requirements().Requirement
    lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [requirement_class(line) for line in lines if line]


def _is_met(requirement: Any) -> bool:
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return bool(requirement.specifier.contains(version, prereleases=True))


def _canonical(requirement: str) -> str:
    """Return a package's name as pip compares it: ``Onnx_Runtime>=1.2`` -> ``onnx-runtime``."""
    name = re.split(r"[\s<>=!~;\[(]", requirement.strip(), maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def _packaging_requirements() -> Any:
    """Return the module that parses requirements; pip always carries a copy when it is not installed by itself."""
    try:
        return importlib.import_module("packaging.requirements")
    except ImportError:
        return importlib.import_module("pip._vendor.packaging.requirements")
