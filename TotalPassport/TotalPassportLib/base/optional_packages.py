"""Packages that only some functions need: imported where they are used, and missed in a sentence."""

from __future__ import annotations

import importlib
from typing import Any

from .errors import BadInput, TotalPassportError
from .hints import Hint, HintCode


def required_modules(*names: str, missing: TotalPassportError) -> Any:
    """Import some modules of a package and return the first of them; raise ``missing`` if that is not possible."""
    try:
        first, *_ = [importlib.import_module(name) for name in names]
    except ImportError as error:
        raise missing from error
    return first


def optional_package(name: str, what: str) -> Any:
    """Return a module of a package that may not be installed.

    Parameters
    ----------
    name : str
        The module, such as ``matplotlib.pyplot``.
    what : str
        What it is needed for, the beginning of the sentence, such as ``"A plot"``.

    Raises
    ------
    BadInput
        The package is not installed.
    """
    package = name.partition(".")[0]
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise  # it is there, and broken
        hint = Hint(HintCode.INSTALL_PACKAGE, package=package)
        raise BadInput(f"{what} needs the Python package {package}, which is not installed.", hint) from error
