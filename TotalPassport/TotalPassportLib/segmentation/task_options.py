"""How a task is run beside what its data say; nothing needs to be installed to ask for it."""

from __future__ import annotations

from dataclasses import dataclass

SMALL_BLOB_MM3 = 200.0
"""TotalSegmentator's limit: its `remove_small_blobs` removes what is not larger than this."""


@dataclass(frozen=True, kw_only=True)
class TaskOptions:
    """How a model is run beside what its task says; each is TotalSegmentator's option of that name.

    Attributes
    ----------
    crop_to_wanted : bool
        Cut the scan to the wanted structures first (``roi_subset``).
    robust_crop : bool
        Find what the scan is cut to by a finer model.
    body_seg : bool
        Cut a CT to the patient, where it is not cut to anything else.
    higher_order_resampling : bool
        Smooth labels: the networks' logits are brought to the scan's grid.
    resampling_order : int
        Of the splines on the way to the networks' grid, 0 to 5.
    smooth_masks : bool
        Smooth labels, the older way: each label is resampled as a mask (``higher_order_resampling_LEGACY``).
    force_split : bool
        Run on three parts of the scan, one after the other.
    small_blobs_mm3 : float
        Pieces up to this volume are removed; 0 for none.
    confidence : bool
        Also keep how sure the networks are; the only one of these that TotalSegmentator does not have.
    """

    crop_to_wanted: bool = False
    robust_crop: bool = False
    body_seg: bool = False
    higher_order_resampling: bool = False
    smooth_masks: bool = False
    resampling_order: int = 1
    force_split: bool = False
    small_blobs_mm3: float = 0.0
    confidence: bool = False
