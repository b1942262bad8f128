"""How sure the networks are, over the slice views as long as the panel asks for it."""

from __future__ import annotations

from typing import Any

from ..nodes.confidence_map import show_confidence
from ..nodes.scan_nodes import ScanNodes


class ConfidenceLayer:
    """Follows the parameters ``passport`` and ``confidence``; the views stay as they are while neither changes."""

    def __init__(self) -> None:
        self._shown: tuple[Any, bool] | None = None

    def follow(self, parameters: Any | None) -> None:
        """Show or hide the confidence of the scan whose passport is shown; None while the scene closes."""
        wanted = None if parameters is None else (parameters.passport, bool(parameters.confidence))
        if wanted == self._shown:
            return
        self._shown = wanted
        if wanted is not None and wanted[0] is not None:
            show_confidence(ScanNodes(wanted[0]), wanted[1])

    def forget(self) -> None:
        """Look anew when next told to follow: a run may have made what was not there."""
        self._shown = None
