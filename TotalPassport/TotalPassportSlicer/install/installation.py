"""Find out which Python packages are missing, and install them without touching those that Slicer brings along.

Nothing happens at import. The caller asks the user first; nothing here opens a dialog of its own.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _
from TotalPassportLib.base import distributions
from TotalPassportLib.base.distributions import Distribution

from . import brought_in, package_work, pip_commands
from .engine_exchange import install_engine
from .pip_commands import InstallationError

REQUIREMENTS_FILE = Path(__file__).with_name("requirements.txt")
CONVERSION_FILE = Path(__file__).with_name("requirements-conversion.txt")
"""What the conversion of weights needs on top."""


def missing_requirements(requirements_file: Path = REQUIREMENTS_FILE) -> list[str]:
    """Return the requirements that are not met, such as ``nibabel>=5.2``, without importing any of the packages.

    Any distribution of onnxruntime will do. Where there is none, the one that suits this machine is missing.
    """
    importlib.invalidate_caches()
    missing = []
    for requirement in requirements_of(requirements_file):
        if requirement.name == distributions.PLAIN:
            missing += _missing_engine(requirement)
        elif not _is_met(requirement):
            missing.append(str(requirement))
    return missing


def missing_packages(conversion: bool) -> dict[Path, list[str]]:
    """Return what is missing of each file of requirements.

    Parameters
    ----------
    conversion : bool
        Also of what turns weights into a network.
    """
    files = (REQUIREMENTS_FILE, *((CONVERSION_FILE,) if conversion else ()))
    return {file: names for file in files if (names := missing_requirements(file))}


def require(conversion: bool = False) -> None:
    """Make sure that all packages are installed, for callers that cannot ask the user.

    Parameters
    ----------
    conversion : bool
        Also those that turn weights into a network.

    Raises
    ------
    InstallationError
        Some are missing, or some are being installed at this moment.
    """
    package_work.refuse_meanwhile()
    missing = [name for names in missing_packages(conversion).values() for name in names]
    if missing:
        raise InstallationError(
            _("These Python packages are missing: {packages}.").format(packages=", ".join(missing)),
            _("Click Apply in the module TotalPassport, which offers to install them."),
        )


def proposed_engine(missing: list[str]) -> Distribution | None:
    """Return the distribution of onnxruntime that is among what is missing because it suits this machine, or None."""
    wanted = distributions.suitable()
    is_proposed = wanted.package != distributions.PLAIN and set(wanted.needs) <= set(missing)
    return wanted if is_proposed else None


def install_missing(missing: list[str], requirements_file: Path = REQUIREMENTS_FILE, *options: str) -> str:
    """Install what is missing: wheels only, every other installed package held at its present version.

    Where the proposed distribution of onnxruntime cannot be installed, the plain one is.

    Parameters
    ----------
    options : str
        Further options of ``pip install``, such as those of `pip_commands.from_folders`.

    Returns
    -------
    A sentence for the user if something else was installed than what was missing; else an empty text.

    Raises
    ------
    InstallationError
        Pip failed, or the packages are still missing afterwards.
    """
    engine = proposed_engine(missing)
    libraries = [] if engine else [name for name in missing if name in distributions.suitable().libraries]
    others = [name for name in missing if name not in libraries and (engine is None or name not in engine.needs)]
    with brought_in.recorded():
        if others:  # first, for without a network they fail at once, and nothing else need be tried
            pip_commands.ensure(others, *options)
        if libraries:
            pip_commands.install(libraries, "--no-deps", *options)
        note = install_engine(engine, *options) if engine is not None else ""
    still_missing = missing_requirements(requirements_file)
    if still_missing:
        raise InstallationError(
            _("These Python packages are still missing after the installation: {packages}.").format(
                packages=", ".join(still_missing)
            ),
            _("Restart Slicer and try again."),
        )
    return note


def _missing_engine(requirement: Any) -> list[str]:
    """Return what has to be installed to run networks; where there is something, it is never another one beside it."""
    present = distributions.installed()
    if not present:
        return list(distributions.suitable().needs)
    known = {each.package: each.needs for each in distributions.available()}
    needs = [known.get(name, (f"{name}{requirement.specifier}",)) for name in present]
    unmet = [[each for each in group if not _is_met(_parsed(each), present)] for group in needs]
    return min(unmet, key=len)


def requirements_of(path: Path) -> list[Any]:
    """Return the requirements in a file, parsed."""
    lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [_parsed(line) for line in lines if line]


def _is_met(requirement: Any, present: Mapping[str, str] | None = None) -> bool:
    """Tell whether a requirement is met; ``present`` has versions of packages that are known already."""
    try:
        version = (present or {}).get(requirement.name) or importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return bool(requirement.specifier.contains(version, prereleases=True))


def _parsed(requirement: str) -> Any:
    """Return a requirement in parts; pip always carries a copy of the parser when it is not installed by itself."""
    try:
        module = importlib.import_module("packaging.requirements")
    except ImportError:
        module = importlib.import_module("pip._vendor.packaging.requirements")
    return module.Requirement(requirement)
