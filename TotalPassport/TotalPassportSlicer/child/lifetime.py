"""Tells a run that what it works for is about to go: Slicer quits, or the scene closes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer


class Lifetime:
    """Calls back when the scene starts to close or the application is about to quit, while it is watching."""

    def __init__(self, on_end: Callable[[], None]) -> None:
        self._on_end = on_end
        self._watching = False
        self._scene: Any = None
        self._tag = 0

    def watch(self, of_scene: bool = True) -> None:
        """Start to watch; what is not of the scene goes on when that closes."""
        self.release()
        self._watching = True
        slicer.app.connect("aboutToQuit()", self._ended)
        if of_scene:
            self._scene = slicer.mrmlScene
            self._tag = self._scene.AddObserver(slicer.vtkMRMLScene.StartCloseEvent, self._ended)

    def release(self) -> None:
        """Stop watching, so that nothing holds on to the run."""
        if not self._watching:
            return
        self._watching = False
        slicer.app.disconnect("aboutToQuit()", self._ended)
        if self._scene is not None:
            self._scene.RemoveObserver(self._tag)
            self._scene = None

    def _ended(self, *_event: Any) -> None:
        self._on_end()
