"""Whether packages can be imported as the child process will: their files may be damaged, or miss system libraries."""

from __future__ import annotations

import subprocess

from slicer.i18n import tr as _

from ..child.runner import python_program

_TIMEOUT_S = 120
"""The first import after an installation may have to wait for a virus scanner."""


def why_not_importable(module: str, further: str = "") -> str:
    """Return why Slicer's Python cannot import a module, in its words; an empty text if it can.

    Parameters
    ----------
    further : str
        What else is to work: code in which the module is called ``m``.
    """
    command = [python_program(), "-c", f"m = __import__({module!r}); {further}"]
    hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S, creationflags=hidden
        )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    said = done.stderr.strip().splitlines()
    return said[-1].rstrip(".")[:300] if said else str(_("exit code {code}").format(code=done.returncode))
