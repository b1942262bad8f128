"""Which package brings onnxruntime: those that exist for this machine, those that are installed, the one that suits.

The distributions of onnxruntime bring the same Python module, each with other execution providers, and exclude one
another in one environment. ``data/engines.json`` says which there are. Only the standard library is needed here, for
this is read before anything is installed.
"""

from __future__ import annotations

import importlib.metadata
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .files import DATA_FOLDER, read_json

MODULE = "onnxruntime"
PLAIN = "onnxruntime"
"""The distribution that exists for every machine."""


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """A package that brings onnxruntime.

    Attributes
    ----------
    package : str
        Its name.
    requirements : tuple[str, ...]
        What pip is to install; the first one is the package itself.
    libraries : tuple[str, ...]
        Packages of which it takes the shared libraries alone, and so without their own dependencies.
    extra : str
        The extra of the package ``totalpassport`` that brings the same.
    providers : tuple[str, ...]
        What it can run on, by the providers' names.
    offered : bool
        Whether installers propose it where it exists.
    licence : str
        By its SPDX name.
    size_mb : int
        What has to be downloaded, about, in 10^6 bytes, with what it needs in turn but without its libraries.
    """

    package: str
    requirements: tuple[str, ...]
    libraries: tuple[str, ...]
    extra: str
    providers: tuple[str, ...]
    offered: bool
    licence: str
    size_mb: int

    @property
    def needs(self) -> tuple[str, ...]:
        """All that has to be installed."""
        return self.requirements + self.libraries


def available() -> tuple[Distribution, ...]:
    """Return the distributions that exist for this machine, in order of preference; the plain one is always there."""
    # Our own file is checked by the tests, so that this works before there is anything to check it with.
    entries = read_json(DATA_FOLDER / "engines.json")["distributions"]
    fitting = [entry for entry in entries if any(_fits(place) for place in entry["platforms"])]
    if not any(entry["package"] == PLAIN for entry in fitting):
        fitting.append(next(entry for entry in entries if entry["package"] == PLAIN))
    return tuple(_distribution(entry) for entry in fitting)


def suitable() -> Distribution:
    """Return the distribution that an installer proposes on this machine."""
    return next((each for each in available() if each.offered), plain())


def plain() -> Distribution:
    """Return the distribution to fall back to."""
    return next(each for each in available() if each.package == PLAIN)


def installed() -> dict[str, str]:
    """Return the installed packages that bring the module, whoever installed them: name as pip compares it -> version.

    Nothing is imported. More than one means that they have written over one another.
    """
    found: dict[str, str] = {}
    for package in filter(_may_be_one, importlib.metadata.distributions()):
        metadata = package.metadata  # read and parsed at every look
        name = canonical(metadata["Name"] or "")
        if (name.startswith(MODULE) or name == "ort-nightly") and _brings_module(package):
            found.setdefault(name, metadata["Version"])  # the first one of a name is the one that Python imports
    return found


def canonical(name: str) -> str:
    """Return a package's name as pip compares it: ``Onnx_Runtime`` -> ``onnx-runtime``."""
    return re.sub(r"[-_.]+", "-", name).lower()


def package_name(requirement: str) -> str:
    """Return the package that a requirement is about, as pip compares it: ``Nib_Abel>=5.2`` -> ``nib-abel``."""
    return canonical(re.split(r"[\s<>=!~;\[(]", requirement.strip(), maxsplit=1)[0])


def _fits(place: Mapping[str, Any]) -> bool:
    return bool(place["system"] == platform.system() and platform.machine() in place["machines"])


def _distribution(entry: Mapping[str, Any]) -> Distribution:
    return Distribution(
        package=entry["package"],
        requirements=tuple(entry["requirements"]),
        libraries=tuple(entry.get("libraries", ())),
        extra=entry["extra"],
        providers=tuple(entry["providers"]),
        offered=entry["offered"],
        licence=entry["licence"],
        size_mb=entry["size_mb"],
    )


def _may_be_one(package: importlib.metadata.Distribution) -> bool:
    # By the folder that pip left, where there is one: to open what every installed package says of itself takes long
    # in an environment as full as Slicer's, and a window asks often.
    folder = getattr(package, "_path", None)
    return folder is None or canonical(folder.name).startswith((MODULE, "ort-nightly"))


def _brings_module(package: importlib.metadata.Distribution) -> bool:
    # onnxruntime-extensions and others are only called alike.
    names = (package.read_text("top_level.txt") or "").split()
    if names:
        return MODULE in names
    return any(file.parts[:1] == (MODULE,) for file in package.files or ())
