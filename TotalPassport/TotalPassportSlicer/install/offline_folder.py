"""A folder of wheels and zips that somebody has filled on another computer: what it must hold, and what it holds."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slicer.i18n import tr as _
from TotalPassportLib.base import distributions
from TotalPassportLib.base.distributions import canonical, package_name
from TotalPassportLib.models.nnunet.layout import dataset_number

from . import installation
from .pip_commands import InstallationError

_PLATFORMS = {
    ("Windows", "AMD64"): ("win_amd64",),
    ("Windows", "ARM64"): ("win_arm64",),
    ("Darwin", "arm64"): ("macosx_14_0_arm64",),
    ("Darwin", "x86_64"): ("macosx_14_0_x86_64",),
    ("Linux", "x86_64"): ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux2014_x86_64"),
    ("Linux", "aarch64"): ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux2014_aarch64"),
}
"""What platform.system() and platform.machine() say -> the names of wheels that fit; pip is told each."""


@dataclass(frozen=True, kw_only=True)
class OfflineFolder:
    """What a folder holds: wheels of packages and zips of weights, its own and those of the folders in it."""

    folder: Path
    wheels: tuple[Path, ...]
    archives: tuple[Path, ...]

    @property
    def wheel_folders(self) -> list[Path]:
        """The folders with wheels in them."""
        return sorted({wheel.parent for wheel in self.wheels})

    def has_wheel_of(self, package: str) -> bool:
        """Return whether there is a wheel of a package, whether it fits or not."""
        return any(canonical(wheel.name.partition("-")[0]) == package for wheel in self.wheels)

    def require_wheels_of(self, missing: Mapping[Path, Sequence[str]]) -> None:
        """Make sure that there is a wheel of everything that is missing, whether it fits or not: pip says that.

        Raises
        ------
        InstallationError
            There are some without.
        """
        names = [package_name(requirement) for several in missing.values() for requirement in several]
        engine = {package_name(requirement) for requirement in distributions.suitable().needs}
        lacking = [name for name in names if name not in engine and not self.has_wheel_of(name)]
        if engine & set(names) and not any(map(self.has_wheel_of, {*engine, distributions.PLAIN})):
            lacking.append(distributions.suitable().package)
        if lacking:
            text = _("'{folder}' holds no wheel of {packages}.")
            raise InstallationError(text.format(folder=self.folder, packages=", ".join(lacking)), contents_text())


def look_into(folder: Path) -> OfflineFolder:
    """Return what a folder holds, without opening anything in it.

    Raises
    ------
    InstallationError
        It holds neither wheels nor zips of weights, or cannot be read.
    """
    try:
        files = [path for pattern in ("*", "*/*") for path in sorted(folder.glob(pattern)) if path.is_file()]
    except OSError as error:
        text = _("'{folder}' cannot be read: {reason}.")
        reason = error.strerror or str(error)
        raise InstallationError(text.format(folder=folder, reason=reason), _("Choose another folder.")) from error
    found = OfflineFolder(
        folder=folder,
        wheels=tuple(path for path in files if path.suffix == ".whl"),
        archives=tuple(path for path in files if path.suffix == ".zip" and dataset_number(path.name) is not None),
    )
    if not found.wheels and not found.archives:
        text = _("'{folder}' holds neither wheels (*.whl) nor zips of weights (Dataset….zip).")
        raise InstallationError(text.format(folder=folder), contents_text())
    return found


def contents_text() -> str:
    """Return what the folder must hold, in a sentence or two."""
    text = _(
        "It must hold the wheels (*.whl) of {packages} and of what these need, for Python {python} on {system} "
        "{machine}, and the zips of weights as they were published (Dataset….zip), in itself or in folders within it."
    )
    wanted = ", ".join(package_name(requirement) for requirement in _wanted())
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return str(text.format(packages=wanted, python=python, system=platform.system(), machine=platform.machine()))


def download_command() -> str:
    """Return the command that fetches the wheels on a computer with a network, whatever system that has."""
    numpy = [f"numpy=={importlib.metadata.version('numpy')}"]  # Slicer's own, which stays and has to suit the others
    places = [part for name in _platform_names() for part in ("--platform", name)]
    python = ["--python-version", f"{sys.version_info[0]}.{sys.version_info[1]}"]
    command = ["python", "-m", "pip", "download", "--only-binary=:all:", *python, *places, "-d", "FOLDER"]
    return " ".join([*command, *(f'"{requirement}"' for requirement in [*_wanted(), *numpy])])


def _platform_names() -> tuple[str, ...]:
    return _PLATFORMS.get((platform.system(), platform.machine()), ())


def _wanted() -> list[str]:
    """Return all requirements, whether they are met here or not: the folder may serve many computers."""
    files = (installation.REQUIREMENTS_FILE, installation.CONVERSION_FILE)
    return [each for file in files for each in _with_engine(map(str, installation.requirements_of(file)))]


def _with_engine(requirements: Iterable[str]) -> list[str]:
    wanted: list[str] = []
    for requirement in requirements:
        is_engine = package_name(requirement) == distributions.PLAIN
        wanted += distributions.suitable().needs if is_engine else (requirement,)
    return wanted
