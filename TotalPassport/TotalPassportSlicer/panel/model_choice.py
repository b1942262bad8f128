"""What is chosen where nobody has: what was used last, and the demo model for its own sample only."""

from __future__ import annotations

from typing import Any

import qt
import slicer
from TotalPassportLib.image.content import is_among
from TotalPassportLib.models.catalogue_entry import CatalogueEntry
from TotalPassportLib.models.task import CT, FAST, MR, load_task
from TotalPassportLib.options import DEFAULT_OPTIONS, RunOptions

from ..nodes.volumes import affine_of, known_modality
from .model_list import ModelList
from .parameters import joined_names
from .task_selection import TaskSelection, select, select_model, selection_of

_REMEMBERED = ("model", "task", "fast", "fastest", "roi", "precision", "provider")
"""Options of the last run that a new scene starts with; the parameters of the panel are called alike."""
_WHAT_TO_FIND = ("model", "task", "fast", "fastest", "roi")
_TASK_FOR_MR = "total_mr"
"""For a scan that is known to be an MR, while what is chosen is for CT."""


class ModelChoice:
    """Follows the scan that is chosen.

    Parameters
    ----------
    models : ModelList
        The models that there are.
    """

    def __init__(self, models: ModelList) -> None:
        self._models = models
        self._parameters: Any = None
        self._volume: Any = None
        self._is_new_scene = True

    def forget_scene(self) -> None:
        """The scene closes; the next one is new."""
        self._is_new_scene = True

    def follow(self, parameters: Any | None) -> None:
        """Choose a model when another scan is chosen; None while the scene closes.

        What a scene has kept stays as it is until the user chooses another scan.
        """
        volume = parameters.inputVolume if parameters is not None else None
        is_same_scene, self._parameters = parameters is self._parameters, parameters
        is_same_scan, self._volume = volume is self._volume, volume
        if is_same_scene and not is_same_scan and volume is not None and not slicer.mrmlScene.IsImporting():
            self._choose_for(volume)

    def remember(self, options: RunOptions) -> None:
        """Keep the options of a run for new scenes, in this session of Slicer and in later ones."""
        settings = qt.QSettings()
        sample_only = not options.task and self._knows_some_scans_only(options.model)
        for name in _REMEMBERED:
            if not (sample_only and name in _WHAT_TO_FIND):
                value = getattr(options, name)
                settings.setValue(f"TotalPassport/{name}", joined_names(value) if isinstance(value, tuple) else value)

    def restore(self, parameters: Any) -> None:
        """Set the parameters of a new scene, once, to what was kept."""
        for name in _REMEMBERED if self._is_new_scene else ():
            setattr(parameters, name, _remembered(name))
        self._is_new_scene = False

    def _restore_what_to_find(self) -> None:
        with slicer.util.NodeModify(self._parameters):
            for name in _WHAT_TO_FIND:
                setattr(self._parameters, name, _remembered(name))

    def _choose_for(self, volume: Any) -> None:
        knowing = next((entry for entry in self._models.entries if _knows(entry, volume)), None)
        if knowing is not None:
            select_model(self._parameters, knowing.name)
            self._parameters.roi = ""
            return
        if not self._parameters.task and self._knows_some_scans_only(self._parameters.model):
            self._restore_what_to_find()
        selection = selection_of(self._parameters)
        if known_modality(volume) == MR and selection.modalities == {CT}:
            select(self._parameters, TaskSelection(tasks=(load_task(_TASK_FOR_MR),), quality=FAST))

    def _knows_some_scans_only(self, name: str) -> bool:
        entry = self._models.find(name)
        return entry is not None and bool(entry.known_scans)


def _remembered(name: str) -> str | bool:
    default, kept = getattr(DEFAULT_OPTIONS, name), qt.QSettings().value(f"TotalPassport/{name}")
    if isinstance(default, bool):
        return kept in (True, "true")  # a file of settings holds texts
    return str(kept or joined_names(default) if isinstance(default, tuple) else kept or default)


def _knows(entry: CatalogueEntry, volume: Any) -> bool:
    """Whether a volume is one of the scans that a model knows, in which case it is meant for no other."""
    if not entry.known_scans or volume.GetImageData() is None:
        return False
    voxels = slicer.util.arrayFromVolume(volume)
    return voxels.ndim == 3 and is_among(entry.known_scans, voxels.transpose(2, 1, 0), affine_of(volume))
