"""What a bug report needs: versions, machine, settings and log, without anything that tells of a patient."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
from collections.abc import Iterable

import qt
import slicer
from TotalPassportLib import __version__
from TotalPassportLib.base.distributions import installed as installed_engines
from TotalPassportLib.base.memory import physical_bytes

SETTINGS = "TotalPassport"
"""The group of Slicer's settings that is ours."""
_PACKAGES = ("numpy", "scipy", "SimpleITK", "nibabel", "fastjsonschema", "onnx", "openvino")
_QUOTED = re.compile(r"'[^'\n]*'")
_PATH = re.compile(r"(?:[A-Za-z]:)?[\\/](?:[^\s\\/:\"'<>|]+[\\/])*([^\s\\/:\"'<>|,]*)")
_NUMBERS = re.compile(r"\d{5,}")
"""Longer than a date's year: numbers of patients and studies."""


def bug_report(log: str, models: Iterable[str]) -> str:
    """Return the report as text.

    Parameters
    ----------
    log : str
        The panel's log; what it quotes, such as names of scans and files, is left out.
    models : Iterable[str]
        The names of the installed models.
    """
    memory = physical_bytes()
    settings = qt.QSettings()
    settings.beginGroup(SETTINGS)
    kept = {str(key): settings.value(key) for key in settings.allKeys()}
    settings.endGroup()
    known = list(models)
    lines = [
        f"TotalPassport {__version__}",
        f"Slicer {slicer.app.applicationVersion}",
        f"{platform.system()} {platform.release()}, {platform.machine()}, Python {platform.python_version()}",
        f"{os.cpu_count()} processors" + (f", {memory / 1e9:.0f} GB of memory" if memory else ""),
        f"packages: {', '.join(_versions())}",
        f"models: {', '.join(known) or 'none'}",
        f"settings: {', '.join(f'{key}={value}' for key, value in sorted(kept.items())) or 'none'}",
        "",
        without_patients(log, known),
    ]
    return "\n".join(lines)


def without_patients(text: str, known: Iterable[str] = ()) -> str:
    """Return a text in which nothing that is quoted, no folder and no long number stands, but the names that are known.

    >>> without_patients("'Doe^John' is under 'T' in /home/doe/scan.nii of 20260102; 'fast' ran", ["fast"])
    "'…' is under '…' in …/scan.nii of …; 'fast' ran"
    """
    kept = {f"'{name}'" for name in known}
    text = _QUOTED.sub(lambda found: found.group() if found.group() in kept else "'…'", text)
    return _NUMBERS.sub("…", _PATH.sub(lambda found: f"…/{found.group(1)}", text))


def _versions() -> list[str]:
    found = [f"{name} {version}" for name, version in installed_engines().items()]
    for name in _PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
