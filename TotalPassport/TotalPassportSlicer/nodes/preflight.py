"""What speaks against running a scan as it is, said before minutes are spent: intensities, geometry, memory, disk."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import slicer
from slicer.i18n import tr as _
from TotalPassportLib.base.memory import available_bytes
from TotalPassportLib.image.hounsfield import remark_on_intensities
from TotalPassportLib.models.task import CT, MR

from .volumes import affine_of, known_modality

THICK_SLICES_MM = 5.0
"""From here on small structures fall between two slices."""
SMALL_FIELD_MM = 100.0
"""Of the shortest side of a scan; shorter ones show organs in parts only."""
LIKELY_CT = -500.0
"""An MR has hardly any value as low as this, as `TotalPassportLib.segmentation_run.LOWEST_MR` has it."""
BYTES_A_VOXEL = 4 + 3
"""A run keeps the scan as float32, and three bytes for labels and their measuring (`segmentation.estimate`)."""
NETWORK_BYTES = 10**9
"""Less than this no published network takes."""
DISK_BYTES_A_VOXEL = 3
"""The child's input, labels and passport, beside the scan's own number type."""


def concerns(
    volume_node: Any,
    modality: str,
    folder: Path,
    free_memory: Callable[[], int | None] = available_bytes,
    free_disk: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
) -> list[str]:
    """Return what the user should know before a run, a sentence each, the gravest first; nothing where all is well.

    Parameters
    ----------
    volume_node : vtkMRMLScalarVolumeNode
        The scan.
    modality : str
        CT or MR: what the run is for; empty where it does not matter.
    folder : Path
        Where the child's files go.
    free_memory, free_disk : callable
        Return how many bytes there are; None where nobody knows.
    """
    image = volume_node.GetImageData()
    if image is None or image.GetNumberOfScalarComponents() != 1 or image.GetNumberOfPoints() == 0:
        return []  # refused anyway, with a reason
    found = [
        _intensities(volume_node, modality),
        *_geometry(volume_node),
        _memory(image.GetNumberOfPoints(), free_memory()),
        _disk(image.GetNumberOfPoints() * (image.GetScalarSize() + DISK_BYTES_A_VOXEL), folder, free_disk),
    ]
    return [sentence for sentence in found if sentence]


def _intensities(volume_node: Any, modality: str) -> str:
    """Return a guess that the scan is of the other kind; where the kind is known nothing need be guessed."""
    if not modality or known_modality(volume_node):
        return ""
    lowest, highest = volume_node.GetImageData().GetScalarRange()
    if modality == MR:
        text = _("Its lowest value is {lowest:g}, as of a CT and hardly of an MR: a task for CT may be meant.")
        return str(text.format(lowest=lowest)) if lowest < LIKELY_CT else ""
    if modality != CT:
        return ""
    voxels = slicer.util.arrayFromVolume(volume_node).transpose(2, 1, 0)
    if remark_on_intensities(voxels, lowest, highest) is None:
        return ""
    text = _(
        "Its values, {lowest:g} to {highest:g}, are hardly Hounsfield units: it may be an MR or a rescaled image, and "
        "the result would mean nothing."
    )
    return str(text.format(lowest=lowest, highest=highest))


def _geometry(volume_node: Any) -> list[str]:
    shape = np.array(volume_node.GetImageData().GetDimensions())
    spacing_mm = np.linalg.norm(affine_of(volume_node)[:3, :3], axis=0)
    extent_mm = shape * spacing_mm
    found = []
    if shape.min() < 2:
        found.append(_("It has a single slice; organs are found in whole scans only."))
    elif extent_mm.min() < SMALL_FIELD_MM:
        text = _(
            "It is {extent:.0f} mm across at its shortest; organs that it shows in part are found and marked as cut."
        )
        found.append(text.format(extent=extent_mm.min()))
    if spacing_mm.max() > THICK_SLICES_MM:
        text = _("Its slices are {spacing:.1f} mm apart; small structures may be missed.")
        found.append(text.format(spacing=spacing_mm.max()))
    return [str(sentence) for sentence in found]


def _memory(voxels: int, free: int | None) -> str:
    needed = BYTES_A_VOXEL * voxels + NETWORK_BYTES
    if free is None or needed <= free:
        return ""
    text = _(
        "It needs at least {needed:.1f} GB of memory, and {free:.1f} GB are free: close other programs, crop the scan "
        "or choose a faster quality."
    )
    return str(text.format(needed=needed / 1e9, free=free / 1e9))


def _disk(needed: int, folder: Path, free_disk: Callable[[Path], int]) -> str:
    existing = next((each for each in (folder, *folder.parents) if each.exists()), None)
    free = free_disk(existing) if existing is not None else math.inf
    if needed <= free:
        return ""
    text = _("It needs about {needed:.1f} GB in '{folder}', where {free:.1f} GB are free.")
    return str(text.format(needed=needed / 1e9, folder=folder, free=free / 1e9))
