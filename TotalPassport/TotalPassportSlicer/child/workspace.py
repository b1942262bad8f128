"""Private temporary folders: made for one run, gone after it, and swept up later if this process had no chance to."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from .process_table import is_alive

PREFIX = "TotalPassport-run-"

_OWNER_FILE = "owner.json"

_UNOWNED_AFTER_S = 24 * 3600.0
"""A folder without a readable owner is being made this very moment, or is debris; a day tells which."""


_in_use: set[Path] = set()
"""Folders of this very process; any other folder with its number is left from an earlier process of that number."""


class Workspace:
    """A folder that only this user can read (mode 0700), with this process recorded as its owner.

    Parameters
    ----------
    root : Path
        The folder in which to make it, normally Slicer's temporary folder.
    """

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=root))
        _in_use.add(self.folder)
        (self.folder / _OWNER_FILE).write_text(json.dumps({"pid": os.getpid()}), encoding="utf-8")

    @property
    def cancel_file(self) -> Path:
        """The file whose appearance asks the child to stop."""
        return self.folder / "cancel"

    @property
    def is_whole(self) -> bool:
        """Whether nobody else has removed it, or begun to."""
        return (self.folder / _OWNER_FILE).is_file()

    def remove(self) -> bool:
        """Delete the folder and all that is in it; return whether it is gone."""
        _in_use.discard(self.folder)
        return _remove(self.folder)


def remove_stale(root: Path) -> list[Path]:
    """Delete the folders of processes that no longer run, and return them."""
    stale = [folder for folder in root.glob(f"{PREFIX}*") if not folder.is_symlink() and _is_stale(folder)]
    return [folder for folder in stale if _remove(folder)]


def _is_stale(folder: Path) -> bool:
    try:
        pid = int(json.loads((folder / _OWNER_FILE).read_text(encoding="utf-8"))["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return _age_s(folder) > _UNOWNED_AFTER_S
    if pid == os.getpid():
        return folder not in _in_use
    return not is_alive(pid)


def _age_s(folder: Path) -> float:
    try:
        return time.time() - folder.stat().st_mtime
    except OSError:
        return 0.0


def _remove(folder: Path) -> bool:
    # On Windows a process that was just killed may hold its files for a moment.
    for attempt in range(5):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return True
        time.sleep(0.05 * 2**attempt)
    return False
