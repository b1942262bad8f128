"""``PythonSlicer``: the launcher through which modules start Python processes.

As in the application it starts Python as a child of its own and waits for it: killing the launcher leaves that child
running, and a module that wants it gone has to see to it.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

_SCRIPT = """#!/bin/sh
# Not "exec": the launcher of the application stays in front of the process that it starts.
{python} "$@"
exit $?
"""


def install(home: Path) -> Path:
    """Write the launcher into ``home/bin`` and put that folder first on PATH; returns the launcher's path."""
    folder = home / "bin"
    folder.mkdir(exist_ok=True)
    launcher = folder / "PythonSlicer"
    launcher.write_text(_SCRIPT.format(python=shlex.quote(sys.executable)), encoding="utf-8")
    launcher.chmod(0o755)
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"
    return launcher
