"""The body as a list of structures in the order in which they are painted."""

from __future__ import annotations

from dataclasses import dataclass

from .shapes import Shape


@dataclass(frozen=True)
class Structure:
    """One thing in the body.

    Parameters
    ----------
    tissue : key of the table of Hounsfield units.
    shape : where it is, in the body's own RAS millimetres.
    name : TotalSegmentator's name if it carries a label; None for what is only scenery.
    """

    tissue: str
    shape: Shape
    name: str | None = None


LABEL_VALUES: dict[str, int] = {
    "spleen": 1,
    "kidney_right": 2,
    "kidney_left": 3,
    "gallbladder": 4,
    "liver": 5,
    "stomach": 6,
    "lung_upper_lobe_left": 10,
    "lung_lower_lobe_left": 11,
    "lung_upper_lobe_right": 12,
    "lung_middle_lobe_right": 13,
    "lung_lower_lobe_right": 14,
    "esophagus": 15,
    "trachea": 16,
    "urinary_bladder": 21,
    "sacrum": 25,
    "vertebrae_L5": 27,
    "vertebrae_L4": 28,
    "vertebrae_L3": 29,
    "vertebrae_L2": 30,
    "vertebrae_L1": 31,
    "vertebrae_T12": 32,
    "vertebrae_T11": 33,
    "vertebrae_T10": 34,
    "vertebrae_T9": 35,
    "vertebrae_T8": 36,
    "heart": 51,
    "aorta": 52,
    "inferior_vena_cava": 63,
    "femur_left": 75,
    "femur_right": 76,
    "hip_left": 77,
    "hip_right": 78,
    "spinal_cord": 79,
    "gluteus_maximus_left": 80,
    "gluteus_maximus_right": 81,
    "autochthon_left": 86,
    "autochthon_right": 87,
    "iliopsoas_left": 88,
    "iliopsoas_right": 89,
    "sternum": 116,
}
"""Labelled structures and their values in TotalSegmentator's task `total`."""
