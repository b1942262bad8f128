"""Packages that are not installed, for those who ask whether they are."""

from __future__ import annotations

import importlib.metadata
import sys

import pytest


def pretend_missing(monkeypatch: pytest.MonkeyPatch, *names: str) -> set[str]:
    """Hide packages from those who ask for their version; whoever takes a name out of the returned set installs it."""
    missing, version = set(names), importlib.metadata.version

    def look_up(name: str) -> str:
        if name in missing:
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", look_up)
    return missing


def without_package(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let importing a package, or a module of it, fail as where it is not installed."""
    for module in [module for module in sys.modules if module.partition(".")[0] == name]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, name, None)
