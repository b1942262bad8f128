"""What the user should know of a scan before a click on Apply, above that button."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from ..nodes.marks import WARNING
from ..nodes.preflight import concerns
from .marked_label import show_marked
from .task_selection import TaskSelection


class ConcernsShown:
    """Shows them in a label; a scan is looked at once, until it or what is to be found changes.

    Parameters
    ----------
    label : Any
        The label.
    folder : Path
        Where a run's files go.
    """

    def __init__(self, label: Any, folder: Path) -> None:
        self._label = label
        self._folder = folder
        self._looked_at: tuple[Any, ...] = ()
        self._label.visible = False

    def show(self, volume_node: Any | None, selection: TaskSelection) -> None:
        """Show what speaks against running a scan as it is; None hides the label."""
        modality = next(iter(selection.modalities)) if len(selection.modalities) == 1 else ""
        image = volume_node.GetImageData() if volume_node is not None else None
        looked_at = (volume_node, image.GetMTime() if image is not None else 0, modality)
        if looked_at == self._looked_at:
            return
        self._looked_at = looked_at
        found = concerns(volume_node, modality, self._folder) if volume_node is not None else []
        text = _("Before you run: {concerns}").format(concerns=" ".join(found)) if found else ""
        show_marked(self._label, text, WARNING)
