"""Tells a run that what it works for is about to go: the scene closes, or Slicer quits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer


class Lifetime:
    """Calls back when the scene starts to close or the application is about to quit, while it is watching."""

    def __init__(self, on_end: Callable[[], None]) -> None:
        self._on_end = on_end
        self._scene: Any = None
        self._tag = 0

    def watch(self) -> None:
        """Start to watch."""
        self.release()
        self._scene = slicer.mrmlScene
        self._tag = self._scene.AddObserver(slicer.vtkMRMLScene.StartCloseEvent, self._ended)
        slicer.app.connect("aboutToQuit()", self._ended)

    def release(self) -> None:
        """Stop watching, so that nothing holds on to the run."""
        if self._scene is None:
            return
        self._scene.RemoveObserver(self._tag)
        slicer.app.disconnect("aboutToQuit()", self._ended)
        self._scene = None

    def _ended(self, *_event: Any) -> None:
        self._on_end()
