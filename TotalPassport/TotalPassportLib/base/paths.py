"""Where TotalPassport keeps what it brings in, and where TotalSegmentator keeps its own weights.

<home>/models/<name>/       the installed models, each whole
<home>/cache/               downloads, work in progress, converted weights folders; may be deleted at any time
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

HOME_VARIABLE = "TOTALPASSPORT_HOME"
"""The environment variable that relocates models and cache."""


def home_folder() -> Path:
    """Return the folder of all that TotalPassport stores for this user; it need not exist yet."""
    given = os.environ.get(HOME_VARIABLE)
    return Path(given).expanduser().absolute() if given else _platform_folder()


def models_folder() -> Path:
    """Return the folder of the installed models."""
    return home_folder() / "models"


def cache_folder() -> Path:
    """Return the folder of what can be made again."""
    return home_folder() / "cache"


def _platform_folder() -> Path:
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "TotalPassport"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "TotalPassport"
    data = Path(os.environ.get("XDG_DATA_HOME", ""))
    # The XDG specification says to ignore a relative path.
    return (data if data.is_absolute() else Path.home() / ".local" / "share") / "totalpassport"


def official_folders() -> tuple[Path, ...]:
    """Return the folders where TotalSegmentator would keep its weights on this machine, the most specific first.

    Its own rules: TOTALSEG_WEIGHTS_PATH is the folder itself; TOTALSEG_HOME_DIR and ``~/.totalsegmentator`` hold it.
    """
    weights, home = os.environ.get("TOTALSEG_WEIGHTS_PATH"), os.environ.get("TOTALSEG_HOME_DIR")
    candidates = [Path(weights)] if weights else []
    homes = [Path(home)] if home else []
    candidates += [folder / "nnunet" / "results" for folder in (*homes, Path.home() / ".totalsegmentator")]
    return tuple(dict.fromkeys(folder.expanduser().absolute() for folder in candidates))
