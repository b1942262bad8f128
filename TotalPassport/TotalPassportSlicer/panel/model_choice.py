"""Which model is chosen where nobody has: the one used last, and the demo model for its own sample only."""

from __future__ import annotations

from typing import Any

import qt
import slicer
from TotalPassportLib.image.content import is_among
from TotalPassportLib.models.catalogue import CatalogueEntry
from TotalPassportLib.options import DEFAULT_OPTIONS, RunOptions

from ..nodes.volumes import affine_of
from .model_list import ModelList

_REMEMBERED = ("model", "precision", "provider")
"""Options of the last run that a new scene starts with; the parameters of the panel are called alike."""


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
        for name in _REMEMBERED:
            if name != "model" or not self._knows_some_scans_only(options.model):
                settings.setValue(f"TotalPassport/{name}", getattr(options, name))

    def restore(self, parameters: Any) -> None:
        """Set the parameters of a new scene, once, to what was kept."""
        for name in _REMEMBERED if self._is_new_scene else ():
            setattr(parameters, name, _remembered(name))
        self._is_new_scene = False

    def _choose_for(self, volume: Any) -> None:
        knowing = next((entry for entry in self._models.entries if _knows(entry, volume)), None)
        if knowing is not None:
            self._parameters.model = knowing.name
        elif self._knows_some_scans_only(self._parameters.model):
            self._parameters.model = _remembered("model")

    def _knows_some_scans_only(self, name: str) -> bool:
        entry = self._models.find(name)
        return entry is not None and bool(entry.known_scans)


def _remembered(name: str) -> str:
    return str(qt.QSettings().value(f"TotalPassport/{name}") or getattr(DEFAULT_OPTIONS, name))


def _knows(entry: CatalogueEntry, volume: Any) -> bool:
    """Whether a volume is one of the scans that a model knows, in which case it is meant for no other."""
    if not entry.known_scans or volume.GetImageData() is None:
        return False
    voxels = slicer.util.arrayFromVolume(volume)
    return voxels.ndim == 3 and is_among(entry.known_scans, voxels.transpose(2, 1, 0), affine_of(volume))
