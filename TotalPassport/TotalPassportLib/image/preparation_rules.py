"""What a model asks for before its networks see a scan, as data; `preparation` does it.

Nothing needs to be installed for this: models are listed where nothing is installed yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .sampling_rules import TOTALSEGMENTATOR, SamplingRule, sampling_from_document

CANONICAL, STORED = "RAS", "stored"
"""Orientations: rising indices go right, anterior and superior; as the file has them."""


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """How a scan comes to a model's networks, and labels back.

    Attributes
    ----------
    spacing_mm : tuple of float, optional
        Voxel sizes along x, y, z, None where the rule has none or the scan keeps its own.
    sampling : SamplingRule
        How a scan comes to these, and labels back.
    orientation : str
        Where rising indices of x, y and z go, such as ``RAS`` or ``LPS``; `STORED` for the file's own axes.
    crop_to_filled : bool
        Whether the networks see only the box of what is not 0, as nnU-Net's do.
    """

    spacing_mm: tuple[float, float, float] | None
    sampling: SamplingRule = TOTALSEGMENTATOR
    orientation: str = CANONICAL
    crop_to_filled: bool = True

    @property
    def is_totalsegmentators(self) -> bool:
        """Whether a scan is prepared as TotalSegmentator does it, and its options for that have a meaning."""
        return self.sampling == TOTALSEGMENTATOR


def preparation_from_document(
    document: Mapping[str, Any], spacing_mm: tuple[float, float, float] | None
) -> Preparation:
    """Return what the valid description of a model asks for; where it says nothing that is TotalSegmentator's way."""
    sampling = sampling_from_document(document["sampling"]) if "sampling" in document else TOTALSEGMENTATOR
    return Preparation(
        spacing_mm=spacing_mm,
        sampling=sampling,
        orientation=document.get("orientation", CANONICAL),
        crop_to_filled=document.get("crop_to_filled", sampling == TOTALSEGMENTATOR),
    )
