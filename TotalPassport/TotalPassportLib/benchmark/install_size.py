"""How many bytes Python packages take on disk, with all that they need. Only the standard library is used.

Another environment's python runs this file as a script: ``PYTHON install_size.py PACKAGE ...`` prints JSON.
"""

from __future__ import annotations

import csv
import importlib.metadata
import json
import os
import re
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def install_size(packages: Sequence[str]) -> dict[str, Any]:
    """Return the size of packages and of all that they require, directly or not, as far as it is installed.

    Returns
    -------
    Dictionary: ``packages``, each with ``name``, ``version`` and ``bytes`` (None where the package has no list of its
    files), the largest first; ``bytes`` of them together; ``environment_bytes`` of all packages of the environment.

    Raises
    ------
    importlib.metadata.PackageNotFoundError
        One of ``packages`` is not installed.
    """
    needed = _with_requirements(packages)
    sizes = sorted(((_bytes(one), one.metadata["Name"], one.version) for one in needed), key=_largest_first)
    return {
        "packages": [{"name": name, "version": version, "bytes": taken} for taken, name, version in sizes],
        "bytes": sum(taken or 0 for taken, _, _ in sizes),
        "environment_bytes": sum(_bytes(one) or 0 for one in importlib.metadata.distributions()),
    }


def _largest_first(entry: tuple[int | None, str, str]) -> tuple[int, str]:
    return -(entry[0] or 0), entry[1]


def folder_bytes(folder: Path) -> int:
    """Return the size of all files in a folder but for what Python compiles by itself."""
    files = (path for path in folder.rglob("*") if "__pycache__" not in path.parts)
    return sum(path.stat().st_size for path in files if path.is_file())


def _with_requirements(packages: Sequence[str]) -> list[importlib.metadata.Distribution]:
    found = {_key(name): importlib.metadata.distribution(name) for name in packages}
    waiting = list(found.values())
    while waiting:
        for requirement in waiting.pop().requires or ():
            # What only an extra asks for is not needed; other conditions show in what is installed.
            name, marker = requirement.partition(";")[::2]
            key = _key(re.split(r"[^A-Za-z0-9._-]", name.strip(), maxsplit=1)[0])
            if "extra" in marker or key in found:
                continue
            try:
                found[key] = importlib.metadata.distribution(key)
                waiting.append(found[key])
            except importlib.metadata.PackageNotFoundError:
                continue
    return list(found.values())


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _bytes(distribution: importlib.metadata.Distribution) -> int | None:
    """Return the bytes of a package's files; None where it has no list of them."""
    # The list itself: `files` makes an object of each of some ten thousand files, and asks first whether it is there.
    record = distribution.read_text("RECORD")
    if record is not None:
        names = [row[0] for row in csv.reader(record.splitlines()) if row]
    elif distribution.files is not None:
        names = [str(file) for file in distribution.files]
    else:
        return None
    root = str(distribution.locate_file(""))
    return sum(_file_bytes(os.path.join(root, name)) for name in names if "__pycache__" not in name.split("/"))


def _file_bytes(path: str) -> int:
    """Return the size of a file; 0 for what is none."""
    try:
        entry = os.stat(path)
    except OSError:
        return 0
    return entry.st_size if stat.S_ISREG(entry.st_mode) else 0


if __name__ == "__main__":
    json.dump(install_size(sys.argv[1:]), sys.stdout)
