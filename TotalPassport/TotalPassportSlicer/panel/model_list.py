"""The models that there are, and how the panel speaks of each."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from slicer.i18n import tr as _
from TotalPassportLib.base.errors import ModelError
from TotalPassportLib.base.paths import official_folders
from TotalPassportLib.models.catalogue import (
    CATALOGUE_VARIABLE,
    bundled_catalogue,
    list_models,
    list_models_of_ours,
    with_companions,
)
from TotalPassportLib.models.catalogue_entry import CatalogueEntry
from TotalPassportLib.models.nnunet.layout import find_datasets
from TotalPassportLib.models.transfer.weights import dataset_numbers

from .wording import error_in_the_window


class ModelList:
    """The models of the catalogue and the user's own ones, as they were when last looked at."""

    def __init__(self) -> None:
        self.entries: tuple[CatalogueEntry, ...] = ()
        """The very same tuple for as long as no model comes, goes or changes."""
        self.problem = ""
        """Why the catalogue that the environment names cannot be used, in a sentence; empty if all is well."""
        self.totalsegmentators: list[CatalogueEntry] = []
        """The models for which TotalSegmentator keeps the weights on this machine."""
        self._sizes: dict[str, int | None] = {}
        self.refresh()

    def refresh(self) -> None:
        """Look again."""
        try:
            entries, self.problem = list_models(), ""
        except ModelError as error:
            problem = _("The catalogue that {variable} names cannot be used. {reason}")
            entries = list_models_of_ours()
            self.problem = problem.format(variable=CATALOGUE_VARIABLE, reason=error_in_the_window(error))
        except ImportError:  # the package that checks a catalogue is yet to be installed; whoever clicks is asked
            entries, self.problem = list_models_of_ours(), ""
        sizes = {entry.name: entry.installed_bytes if entry.installed else None for entry in entries}
        if (entries, sizes) != (self.entries, self._sizes):
            self.entries, self._sizes = entries, sizes
        found = _numbers_of_totalsegmentator()
        self.totalsegmentators = [entry for entry in self.entries if entry.datasets and dataset_numbers(entry) <= found]

    def find(self, name: str) -> CatalogueEntry | None:
        """Return the model of a name, or None."""
        return next((entry for entry in self.entries if entry.name == name), None)

    def is_installed(self, name: str) -> bool:
        """Whether there is a model of a name that could be run when last looked."""
        return self._sizes.get(name) is not None


def _numbers_of_totalsegmentator() -> set[int]:
    try:
        return {number for folder in official_folders() for number in find_datasets(folder)}
    except OSError:  # somebody else's folder: nothing in it is for us
        return set()


def can_download(entry: CatalogueEntry) -> bool:
    """Whether a model is missing and has an address to come from."""
    return bool(entry.datasets or entry.bundle) and not entry.installed and not entry.licensed


def can_delete(entry: CatalogueEntry) -> bool:
    """Whether a model is in the store."""
    return entry.installed and entry.bundled_folder is None


def title_with_state(entry: CatalogueEntry) -> str:
    """Return the title, with a remark if the model cannot be run yet."""
    return entry.title if entry.installed else _("{title} – not installed").format(title=entry.title)


def state_text(entry: CatalogueEntry) -> str:
    """Return whether a model is here, in words."""
    if entry.installed:
        return str(_("comes along") if entry.bundled_folder else _("installed"))
    return str(_("not installed"))


def size_text(entry: CatalogueEntry) -> str:
    """Return how much disk a model takes, or about how much its download is; empty if neither is known."""
    if entry.installed:
        return in_bytes(entry.installed_bytes)
    return f"~ {in_bytes(missing_bytes(entry))}" if entry.datasets or entry.bundle else ""


def missing_bytes(*entries: CatalogueEntry) -> int:
    """Return about how much has to be downloaded before models can run: their own, and those that their tasks need."""
    # What a task needs is of our own catalogue, whatever has become of another one.
    known = {each.name: each for each in (*bundled_catalogue(), *entries)}
    needed = {each.name: each for entry in entries for each in with_companions(entry.name, known.__getitem__)}
    return sum(each.approximate_bytes for each in needed.values() if not each.installed)


def in_bytes(count: int) -> str:
    """Return a number of bytes in words.

    >>> in_bytes(1_150_000_000), in_bytes(66_200_000), in_bytes(1_300_000)
    ('1.1 GB', '66 MB', '1.3 MB')
    """
    size = count / 1e6
    if size >= 1000:
        return f"{size / 1000:.1f} GB"
    return f"{size:.0f} MB" if size >= 10 else f"{size:.1f} MB"


def about(entry: CatalogueEntry) -> str:
    """Return what a model is: its description, and the size of the voxels that it works at."""
    lines = [entry.description]
    if entry.spacing_mm:
        lines.append(_("Voxel size: {sizes} mm").format(sizes=" × ".join(f"{size:g}" for size in entry.spacing_mm)))
    return "\n".join(lines)


def addresses(entry: CatalogueEntry) -> str:
    """Return where a model's weights are, an address a line."""
    return "\n".join(entry.urls)


def hosts(*entries: CatalogueEntry) -> str:
    """Return the computers that models' weights come from."""
    urls = (url for entry in entries for url in entry.urls)
    return _listed(urlsplit(url).hostname or "" for url in urls)


def titles(entries: Iterable[CatalogueEntry]) -> str:
    """Return the models' titles in one line."""
    return _listed(entry.title for entry in entries)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))
