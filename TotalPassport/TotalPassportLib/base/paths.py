"""Where TotalPassport keeps what it brings in, and where TotalSegmentator keeps its own weights.

<home>/models/<name>/       the installed models, each whole
<home>/cache/               downloads, work in progress, converted weights folders; may be deleted at any time
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import tempfile
from pathlib import Path

from .errors import BadInput

HOME_VARIABLE = "TOTALPASSPORT_HOME"
"""The environment variable that relocates models and cache."""
WEIGHTS_VARIABLE = "TOTALSEG_WEIGHTS_PATH"
"""The one by which TotalSegmentator finds its weights; here also several folders, as in ``PATH``."""


def home_folder() -> Path:
    """Return the folder of all that TotalPassport stores for this user; it need not exist yet."""
    given = os.environ.get(HOME_VARIABLE)
    return _expanded(Path(given)) if given else _platform_folder()


def models_folder() -> Path:
    """Return the folder of the installed models."""
    return home_folder() / "models"


def cache_folder() -> Path:
    """Return the folder of what can be made again."""
    return home_folder() / "cache"


def _expanded(folder: Path) -> Path:
    """Return a folder with ``~`` replaced by the home; as it stands where nobody knows that."""
    try:
        return folder.expanduser().absolute()
    except RuntimeError:
        return folder.absolute()


def _user_home() -> Path:
    """Return the user's home; where the system knows none, a private folder for what is temporary."""
    try:
        return Path.home()
    except RuntimeError:  # no HOME, and no account of this number, as in many containers
        return _folder_without_home()


def _folder_without_home() -> Path:
    if sys.platform == "win32":
        return Path(tempfile.gettempdir())  # each user has one there
    folder = Path(tempfile.gettempdir()) / f"totalpassport-{os.getuid()}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise BadInput(
            f"This user has no home, and '{folder}' belongs to somebody else.",
            f"Set {HOME_VARIABLE} to a folder of your own.",
        )
    return folder


def _platform_folder() -> Path:
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else _user_home() / "AppData" / "Local") / "TotalPassport"
    if sys.platform == "darwin":
        return _user_home() / "Library" / "Application Support" / "TotalPassport"
    data = Path(os.environ.get("XDG_DATA_HOME", ""))
    # The XDG specification says to ignore a relative path.
    return (data if data.is_absolute() else _user_home() / ".local" / "share") / "totalpassport"


def official_folders() -> tuple[Path, ...]:
    """Return the folders where TotalSegmentator would keep its weights on this machine, the most specific first.

    Its own rules: TOTALSEG_WEIGHTS_PATH is the folder itself (here also several, as in ``PATH``); TOTALSEG_HOME_DIR and
    ``~/.totalsegmentator`` hold it.
    """
    weights, home = os.environ.get(WEIGHTS_VARIABLE), os.environ.get("TOTALSEG_HOME_DIR")
    candidates = [Path(folder) for folder in (weights or "").split(os.pathsep) if folder]
    homes = [Path(home)] if home else []
    candidates += [folder / "nnunet" / "results" for folder in (*homes, _user_home() / ".totalsegmentator")]
    return tuple(dict.fromkeys(_expanded(folder) for folder in candidates))
