"""A headless stand-in for the Slicer application, for tests: see README.md in this folder.

Importing the package imports neither Qt nor VTK, so that test collection works where they are missing. It does set
the environment variables that both read when they are first imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .environment import host_unavailable_reason, prepare, rendering_unavailable_reason

prepare()

if TYPE_CHECKING:
    from .slicer_host import SlicerHost

__all__ = ["SlicerHost", "host_unavailable_reason", "rendering_unavailable_reason"]


def __getattr__(name: str) -> Any:
    if name == "SlicerHost":
        from .slicer_host import SlicerHost

        return SlicerHost
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
