"""Which file of a folder, or of a pattern, belongs to which scan of a batch."""

from __future__ import annotations

import glob
from pathlib import Path

from ..base.errors import BadInput
from ..base.text import counted
from ..image.formats import has_image_name, stem_of

PLACE = "{subject}"
"""Stands in a pattern for the scan's name without its ending."""
TRUTH_ENDINGS = (
    *("gt", "seg", "segmentation", "label", "labels", "mask", "masks", "truth", "ground_truth", "groundtruth"),
    *("manual", "reference"),
)
"""What may follow the scan's name in the name of its ground truth, behind one of `SEPARATORS`."""
SEPARATORS = "_-."
SCAN_ENDINGS = ("_0000", "_ct", "_mr", "_scan", "_image", "_img")
"""Of image files whose label files, or folders of masks, lack it: the first is nnU-Net's."""
MOST_NAMED = 4


class SubjectFiles:
    """Finds the file or the folder of a scan.

    Parameters
    ----------
    place : str
        A folder, in which the name is the scan's, with or without one of ``endings``; or a pattern with ``{subject}``
        in the place of the scan's name, in which ``*`` stands for anything.
    what : str
        What is looked for, for sentences.
    endings : tuple of str
        What may follow the scan's name.

    Raises
    ------
    BadInput
        The folder does not exist or is empty, or a pattern has no ``{subject}``.
    """

    def __init__(self, place: str, what: str, endings: tuple[str, ...] = ()) -> None:
        self.what, self._endings = what, endings
        self._pattern = place if PLACE in place else ""
        self._by_stem: dict[str, list[Path]] = {}
        if self._pattern:
            return
        folder = Path(place)
        if not folder.is_dir():
            raise BadInput(
                f"There is no folder '{place}' for the {what}.",
                f"Give a folder, or a pattern such as '{Path('truth') / f'{PLACE}_gt.nii.gz'}'.",
            )
        for path in sorted(folder.iterdir()):
            if not path.name.startswith(".") and (path.is_dir() or has_image_name(path)):
                self._by_stem.setdefault(path.name if path.is_dir() else stem_of(path), []).append(path)
        if not self._by_stem:
            raise BadInput(f"The folder '{place}' for the {what} has no image files.", "Check the path.")

    def of(self, subject: str) -> Path:
        """Return the file or folder of a scan.

        Raises
        ------
        BadInput
            There is none, or there are several.
        """
        stem = stem_of(Path(subject))
        stems = dict.fromkeys((stem, *(stem.removesuffix(ending) for ending in SCAN_ENDINGS)))
        for each in stems:
            found = self._matching(each)
            if len(found) > 1:
                names = ", ".join(path.name for path in found[:MOST_NAMED])
                raise BadInput(
                    f"There are {len(found)} candidates for its {self.what}: {names}.",
                    f"Give a pattern with {PLACE} that fits one of them.",
                )
            if found:
                return found[0]
        of_others = "" if self._pattern else f" among {counted(len(self._by_stem), 'name')}"
        raise BadInput(
            f"It has no {self.what}{of_others}.", f"Name the file after the scan, or give a {PLACE} pattern."
        )

    def _matching(self, stem: str) -> list[Path]:
        if self._pattern:
            return [Path(found) for found in sorted(glob.glob(self._pattern.replace(PLACE, glob.escape(stem))))]
        if stem in self._by_stem:
            return self._by_stem[stem]
        names = (f"{stem}{separator}{ending}" for separator in SEPARATORS for ending in self._endings)
        return [path for name in names for path in self._by_stem.get(name, ())]
