"""What is said of a Python package before it is installed: licence and size.

Only the standard library is needed, for this is read before anything is installed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .distributions import available, package_name
from .files import DATA_FOLDER, read_json


@dataclass(frozen=True, kw_only=True)
class PackageFacts:
    """A package that is about to be installed.

    Attributes
    ----------
    package : str
        Its name.
    licence : str
        By its SPDX name.
    size_mb : float
        What has to be downloaded, about, in 10^6 bytes, with what it needs in turn.
    """

    package: str
    licence: str
    size_mb: float


def package_facts(requirement: str) -> PackageFacts | None:
    """Return what is known of the package that a requirement is about, such as ``nibabel>=5.2``; None if nothing is."""
    name = package_name(requirement)
    # Our own file is checked by the tests, so that this works before there is anything to check it with.
    entries = read_json(DATA_FOLDER / "packages.json")["packages"]
    engines = ({"package": each.package, "licence": each.licence, "size_mb": each.size_mb} for each in available())
    found = next((entry for entry in (*entries, *engines) if entry["package"] == name), None)
    return PackageFacts(**found) if found is not None else None


def download_mb(requirements: Iterable[str]) -> float:
    """Return about how much installing packages downloads, in 10^6 bytes; those of which nothing is known count 0."""
    return sum(facts.size_mb for requirement in requirements if (facts := package_facts(requirement)) is not None)
