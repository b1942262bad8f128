"""What the scans of a batch are called: each by a name of its own, which does not change from one call to the next."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..image.formats import stem_of
from .scan_sources import ScanSource

LONGEST = 120
"""Characters of a name; file systems allow 255 bytes, and endings come behind."""
MOST_FOLDERS = 4
"""How many folders a name tells at most; after that it is told apart by a number made of its path."""
_UNFIT = re.compile(r"[\x00-\x1f\x7f<>:\"/\\|?*]+|^\.+|[. ]+$")
"""What some systems allow in no name."""


@dataclass(frozen=True)
class Subject:
    """A scan with its name.

    Attributes
    ----------
    name : str
        How its files begin; no two in a folder differ by letter case only.
    source : ScanSource
        The scan.
    """

    name: str
    source: ScanSource

    @property
    def title(self) -> str:
        """What results call it: its name, with the ending of a file that was given."""
        stem, file_name = stem_of(self.source.path), self.source.path.name
        return self.name if self.source.path.is_dir() else f"{self.name}{file_name[len(stem) :]}"


def name_subjects(sources: Sequence[ScanSource], known: Mapping[tuple[str, str], str] | None = None) -> list[Subject]:
    """Return the scans with their names, sorted by them.

    A scan is called as its file; where several are, by the folders that they are in, too: ``s0001_ct``, ``s0002_ct``.

    Parameters
    ----------
    sources : sequence of ScanSource
        The scans, each once.
    known : mapping, optional
        Path and series of scans that have had a name in this folder before -> that name, which they keep.

    Examples
    --------
    >>> from pathlib import Path
    >>> scans = [ScanSource(Path(f"data/{folder}/ct.nii.gz")) for folder in ("s0001", "s0002")]
    >>> [subject.name for subject in name_subjects(scans)]
    ['s0001_ct', 's0002_ct']
    """
    known = known or {}
    named = {source: known[key] for source in sources if (key := key_of(source)) in known}
    # What a scan is called follows from all scans of the call, be it the first one or the continuation of one.
    names = _told_apart(sources)
    taken = {_folded(name) for name in known.values()}
    for source in (source for source in sorted(sources) if source not in named):
        name = names[source]
        if _folded(name) in taken:  # a scan of an earlier call has it
            others = taken | {_folded(other) for other in (*names.values(), *named.values())}
            deeper = (_name(source, depth) for depth in range(1, MOST_FOLDERS + 1))
            numbered = f"{_name(source, 1)}_{_number(source)}"
            name = next((name for name in deeper if _folded(name) not in others), numbered)
        named[source] = name
    return sorted((Subject(name, source) for source, name in named.items()), key=lambda subject: subject.name)


def _told_apart(sources: Sequence[ScanSource]) -> dict[ScanSource, str]:
    """Return names that differ, with as many folders as it takes; those that are called alike get one together."""
    named: dict[ScanSource, str] = {}
    taken: set[str] = set()
    unnamed = list(sources)
    for depth in range(MOST_FOLDERS + 1):
        names = {source: _name(source, depth) for source in unnamed}
        counts = Counter(_folded(name) for name in names.values())
        named |= {
            each: name for each, name in names.items() if counts[_folded(name)] == 1 and _folded(name) not in taken
        }
        taken |= counts.keys()  # also of those that are not settled: what meant several must not mean one
        unnamed = [source for source in unnamed if source not in named]
    return named | {source: f"{_name(source, 1)}_{_number(source)}" for source in unnamed}


def key_of(source: ScanSource) -> tuple[str, str]:
    """Return what a scan is remembered by: its path from the root, and its series."""
    return str(source.path.resolve()), source.series


def _name(source: ScanSource, depth: int) -> str:
    """Return the name of a scan with so many of its folders before it."""
    path = source.path.resolve() if depth else source.path
    folders = [folder.name for folder in path.parents][:depth]
    parts = [*reversed([folder for folder in folders if folder]), stem_of(source.path)]
    if depth == MOST_FOLDERS:  # in one folder, then, and of several formats
        parts.append(source.path.name[len(stem_of(source.path)) :].strip(".").replace(".", "_"))
    name = _UNFIT.sub("-", unicodedata.normalize("NFC", "_".join(part for part in parts if part)))
    return name if 0 < len(name) <= LONGEST else f"{name[: LONGEST - 9]}_{_number(source)}"


def _number(source: ScanSource) -> str:
    return hashlib.sha256("\0".join(key_of(source)).encode("utf-8", "surrogateescape")).hexdigest()[:8]


def _folded(name: str) -> str:
    """Return what a file system that tells no small letters from capitals sees of a name."""
    return unicodedata.normalize("NFC", name).casefold()
