"""What a user is told before packages and weights are brought in: which, how large, under which licence, from where."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from slicer.i18n import tr as _
from TotalPassportLib.base.package_facts import download_mb, package_facts
from TotalPassportLib.base.paths import models_folder
from TotalPassportLib.models.catalogue_entry import CatalogueEntry

from ..install import installation
from . import model_list

_INDEX_VARIABLE = "PIP_INDEX_URL"


def packages_text(missing: Mapping[Path, Sequence[str]]) -> str:
    """Return which packages are to be installed and what is to be known of that.

    Parameters
    ----------
    missing : Mapping[Path, Sequence[str]]
        What is missing of each file of requirements.
    """
    names = [name for several in missing.values() for name in several]
    text = _(
        "TotalPassport needs these Python packages:\n\n{packages}\n\n{why}They come from {index} into Slicer's Python, "
        "once, about {megabytes:.0f} MB. Packages that Slicer brings along stay as they are, and Slicer need not be "
        "restarted."
    )
    return str(
        text.format(
            packages="\n".join(map(_package_text, names)),
            why="".join(f"{sentence}\n\n" for sentence in _reasons(missing)),
            index=index_text(),
            megabytes=download_mb(names),
        )
    )


def weights_text(entries: Sequence[CatalogueEntry]) -> str:
    """Return which models are to be downloaded and what is to be known of that."""
    one, several = _("The model '{title}' is not installed."), _("These models are not installed: {title}.")
    text = _(
        "{missing} About {size} come from {hosts}, once; they are kept in '{folder}'. Licence: {licence}. Nothing of "
        "the scan is sent."
    )
    return str(
        text.format(
            missing=(one if len(entries) == 1 else several).format(title=model_list.titles(entries)),
            size=model_list.in_bytes(model_list.missing_bytes(*entries)),
            hosts=model_list.hosts(*entries),
            folder=models_folder(),
            licence=", ".join(dict.fromkeys(entry.licence for entry in entries)),
        )
    )


def addresses_text(entries: Iterable[CatalogueEntry]) -> str:
    """Return the addresses that weights come from, an address a line."""
    return "\n".join(dict.fromkeys(address for entry in entries for address in entry.urls))


def index_text() -> str:
    """Return where pip gets packages from, as far as the environment tells."""
    host = urlsplit(os.environ.get(_INDEX_VARIABLE, "")).hostname
    return host or str(_("the Python Package Index, or the mirror that pip is set to,"))


def _package_text(requirement: str) -> str:
    facts = package_facts(requirement)
    if facts is None:
        return requirement
    text = _("{package} – {size:.2g} MB, licence {licence}")
    return str(text.format(package=requirement, size=facts.size_mb, licence=facts.licence))


def _reasons(missing: Mapping[Path, Sequence[str]]) -> list[str]:
    why = []
    engine = installation.proposed_engine(list(missing.get(installation.REQUIREMENTS_FILE, [])))
    if engine is not None:
        why.append(_("{package} runs networks fastest on this computer.").format(package=engine.package))
    if installation.CONVERSION_FILE in missing:
        conversion = _("{packages} turns TotalSegmentator's weights into a network that runs without PyTorch.")
        why.append(conversion.format(packages=", ".join(missing[installation.CONVERSION_FILE])))
    return why
