"""Tiny wheels and an environment to install them into, with the real pip and no network."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from functools import cached_property
from pathlib import Path
from typing import Any

import pip

from .forks import PreparedProcess

PIP_MODULES = ("pip._internal.cli.main", "pip._internal.commands.install", "pip._internal.commands.uninstall")
PATIENCE_SECONDS = 120.0
STARTS = "def get_available_providers():\n    return []\n"
"""A module that stands for onnxruntime."""


def write_wheel(folder: Path, name: str, version: str, modules: dict[str, str], *needs: str) -> Path:
    """Write a wheel for every Python.

    Parameters
    ----------
    modules : name of each package within it -> the code of its ``__init__.py``.
    needs : what it depends on.
    """
    stem = f"{name.replace('-', '_')}-{version}"
    header = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}", *(f"Requires-Dist: {each}" for each in needs)]
    content = {f"{module}/__init__.py": code for module, code in modules.items()}
    content[f"{stem}.dist-info/METADATA"] = "\n".join(header) + "\n"
    content[f"{stem}.dist-info/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = [f"{path},{_digest(text)},{len(text.encode())}" for path, text in content.items()]
    content[f"{stem}.dist-info/RECORD"] = "\n".join([*record, f"{stem}.dist-info/RECORD,,"]) + "\n"
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name_within, text in content.items():
            archive.writestr(name_within, text)
    return path


def _digest(text: str) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


class OtherPython:
    """An environment without any packages, and the folder of wheels that can be had there.

    Parameters
    ----------
    folder : where both are made.
    """

    def __init__(self, folder: Path) -> None:
        self.wheels = folder / "wheels"
        self.wheels.mkdir()
        root = folder / "environment"
        venv.create(root, with_pip=False, symlinks=os.name != "nt")
        self.python = str(root / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
        self.packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(root), "platbase": str(root)}))
        self._only_pip = folder / "only pip"
        self._only_pip.mkdir()

    def empty(self) -> None:
        """Remove all packages, and all wheels."""
        for path in (*self.packages.iterdir(), *self.wheels.iterdir()):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def offer(self, name: str, version: str, module: str | None = None, code: str = STARTS, *needs: str) -> Path:
        """Put a wheel into the folder; its module is called like the package by default."""
        return write_wheel(self.wheels, name, version, {module or name: code}, *needs)

    def pip(self, *arguments: str) -> None:
        """Run pip on this environment."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
        rules = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
        if arguments[0] == "install":  # in the environment a folder could have no spaces
            arguments = (*arguments, "--find-links", str(self.wheels))
        only = {key: os.environ[key] for key in ("PIP_ONLY_BINARY", "PIP_LOG") if key in os.environ}
        if hasattr(os, "fork"):
            self._prepared_pip.run(arguments, None, kept | rules | only, PATIENCE_SECONDS).check_returncode()
        else:
            command = [sys.executable, "-m", "pip", "--python", self.python, *arguments]
            subprocess.run(command, env=kept | rules | only, check=True, capture_output=True)

    @cached_property
    def _prepared_pip(self) -> PreparedProcess:
        """The pip of the tests' environment, and nothing else of it, in this one; as ``pip --python`` does."""
        (self._only_pip / "pip").symlink_to(Path(pip.__file__).parent, target_is_directory=True)
        return PreparedProcess("pip", PIP_MODULES, os.environ | {"PYTHONPATH": str(self._only_pip)}, self.python)

    def install(self, *requirements: str) -> None:
        """Install as somebody else would."""
        self.pip("install", "-q", *requirements)

    def discover(self, **context: Any) -> Any:
        """Find installed packages here; to stand for ``importlib.metadata.Distribution.discover``."""
        context["path"] = [str(self.packages)]
        return _discover(**context)


_discover = importlib.metadata.Distribution.discover
