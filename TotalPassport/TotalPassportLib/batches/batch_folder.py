"""Where the files of a batch are: one folder for each kind, and what is said of all scans together beside them.

    DIR/masks/<name>_mask.nii.gz           the labels
    DIR/passports/<name>_passport.json     the passports
    DIR/results.json, DIR/organs.csv       of all scans: how it went; all organs
    DIR/batch.json                         the settings of all results in the folder
    DIR/records/<name>.json, <name>.csv    what is known of one scan, from which the files of all are made

Statistics, previews and folders of masks have a folder each too, where they are asked for.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ..base.errors import BadInput
from ..base.locking import exclusive
from ..base.temporaries import remove_all_leftovers
from ..options import OutputPaths, RunOptions

FOLDERS = {
    "segmentation": "masks",
    "passport": "passports",
    "statistics": "statistics",
    "preview": "previews",
    "masks": "structure_masks",
}
"""Kind of a run's file, as `OutputPaths` calls it -> the folder of all scans' files of this kind."""
MASK_ENDING = "_mask.nii.gz"
"""Of the labels' file name, as the study that this layout is from has it."""
WAIT_SECONDS = 10.0
"""How long workers of a batch that was just killed may take to end."""


@dataclass(frozen=True)
class BatchFolder:
    """The folder of a batch's results."""

    path: Path

    @property
    def results(self) -> Path:
        """How it went with every scan."""
        return self.path / "results.json"

    @property
    def table(self) -> Path:
        """All organs of all scans."""
        return self.path / "organs.csv"

    @property
    def settings(self) -> Path:
        """What all results were made with."""
        return self.path / "batch.json"

    @property
    def records(self) -> Path:
        """The folder of what is known of single scans."""
        return self.path / "records"

    def record(self, name: str) -> Path:
        """Return the file of what is known of a scan."""
        return self.records / f"{name}.json"

    def rows(self, name: str) -> Path:
        """Return the file of a scan's rows of the table."""
        return self.records / f"{name}.csv"

    def outputs(self, name: str, options: RunOptions) -> OutputPaths:
        """Return the files of a scan's run."""
        usual = OutputPaths.in_folder(self.path, name, options)
        moved = {kind: self.path / FOLDERS.get(kind, kind) / path.name for kind, path in usual.written().items()}
        moved["segmentation"] = self.path / FOLDERS["segmentation"] / f"{name}{MASK_ENDING}"
        return replace(usual, **moved)

    def relative(self, path: Path) -> str:
        """Return a path in the folder as it is written into files: from the folder, with slashes."""
        return path.relative_to(self.path).as_posix()

    @contextmanager
    def held(self) -> Iterator[int]:
        """Hold the folder for one batch, and remove what killed ones left unfinished; yield the lock's open file.

        A process that inherits the open file holds the folder too, until it ends.

        Raises
        ------
        BadInput
            Another batch writes into it, or it cannot be written.
        """
        end = time.monotonic() + WAIT_SECONDS

        def check() -> None:
            if time.monotonic() > end:
                raise BadInput(
                    f"Another batch is writing into '{self.path}'.",
                    "Wait for it, or choose another folder; one batch can use several processes.",
                )

        with exclusive(self.records / ".lock", lambda: None, check) as lock:
            self.remove_unfinished()
            yield lock

    def remove_unfinished(self) -> None:
        """Remove what was being written when its process was killed, on whichever machine; to be called while held."""
        for folder in (self.path, *(path for path in self.path.iterdir() if path.is_dir())):
            remove_all_leftovers(folder)
