"""The parts that runs are made of, as they stand in this Slicer: which are there, in which version, and which lack."""

from __future__ import annotations

import csv
import enum
import importlib.metadata
from dataclasses import dataclass
from pathlib import Path

from slicer.i18n import tr as _
from TotalPassportLib.base import distributions
from TotalPassportLib.base.distributions import package_name

from . import installation, pip_commands
from .import_check import why_not_importable


class PartState(enum.Enum):
    """How a package stands."""

    READY = "ready"
    OUTDATED = "outdated"
    MISSING = "missing"


@dataclass(frozen=True, kw_only=True)
class SetupPart:
    """A package that runs need; ``for_weights`` says that only making networks of weights does."""

    name: str
    version: str
    state: PartState
    for_weights: bool
    module: str


def package_parts() -> list[SetupPart]:
    """Return all packages that runs need, without importing any."""
    files = {installation.REQUIREMENTS_FILE: False, installation.CONVERSION_FILE: True}
    return [part for file, for_weights in files.items() for part in _parts_of(file, for_weights)]


def damaged_packages() -> dict[str, str]:
    """Return the packages that are there and lack files or cannot be imported -> why; each in a process of its own."""
    there = [part for part in package_parts() if part.state is not PartState.MISSING]
    why = {part.name: _lost_files(part.name) or why_not_importable(part.module) for part in there}
    return {name: reason for name, reason in why.items() if reason}


def reinstall(packages: list[str]) -> None:
    """Install packages once more in the versions that they have, over what is there, and nothing else.

    Raises
    ------
    InstallationError
        Pip failed.
    """
    exact = [f"{name}=={importlib.metadata.version(name)}" for name in packages]
    pip_commands.install(exact, "--force-reinstall", "--no-deps")


def _parts_of(file: Path, for_weights: bool) -> list[SetupPart]:
    missing = {package_name(requirement) for requirement in installation.missing_requirements(file)}
    parts = []
    for requirement in installation.requirements_of(file):
        name = package_name(str(requirement))
        if name == distributions.PLAIN:
            parts += _engine_parts(missing, for_weights)
        else:
            parts.append(_part(name, _version(name), name in missing, for_weights, name))
    return parts


def _engine_parts(missing: set[str], for_weights: bool) -> list[SetupPart]:
    present = distributions.installed()
    if not present:
        wanted = distributions.suitable()
        return [_part(wanted.package, "", True, for_weights, distributions.MODULE)]
    return [
        _part(name, version, bool(missing & set(map(package_name, _needs(name)))), for_weights, distributions.MODULE)
        for name, version in present.items()
    ]


def _needs(package: str) -> tuple[str, ...]:
    return next((each.needs for each in distributions.available() if each.package == package), (package,))


def _part(name: str, version: str, lacks: bool, for_weights: bool, module: str) -> SetupPart:
    state = PartState.READY if not lacks else PartState.OUTDATED if version else PartState.MISSING
    return SetupPart(name=name, version=version, state=state, for_weights=for_weights, module=module)


def _lost_files(package: str) -> str:
    """Return what a package has lost of the files that pip has installed; an empty text if nothing."""
    distribution = importlib.metadata.distribution(package)
    # Its own list leaves out what is gone.
    names = [row[0] for row in csv.reader((distribution.read_text("RECORD") or "").splitlines()) if row]
    lost = [
        name for name in names if not name.endswith(".pyc") and not Path(str(distribution.locate_file(name))).exists()
    ]
    if not lost:
        return ""
    return str(_("{count} of its files are gone, such as {name}").format(count=len(lost), name=lost[0]))


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
