"""Hounsfield units of tissues, by contrast phase."""

from __future__ import annotations

from enum import Enum

from .variation import Jitter


class Phase(Enum):
    """When the scan was made, counted from the injection of contrast medium."""

    NATIVE = "native"
    ARTERIAL = "arterial"
    PORTAL_VENOUS = "portal venous"
    LATE = "late"


PHASES = (Phase.NATIVE, Phase.ARTERIAL, Phase.PORTAL_VENOUS, Phase.LATE)

FIXED_HU: dict[str, tuple[float, float]] = {
    "air": (-1000, 0),
    "skin": (30, 10),
    "fat": (-100, 8),
    "visceral_fat": (-95, 8),
    "muscle_wall": (45, 6),
    "mediastinum": (-60, 15),
    "lung_upper": (-860, 15),
    "lung_middle": (-825, 12),
    "lung_lower": (-790, 15),
    "fissure": (-450, 60),
    "trachea": (-990, 8),
    "airway_wall": (20, 15),
    "esophagus": (35, 6),
    "spinal_cord": (32, 5),
    "disc": (85, 10),
    "cartilage": (60, 10),
    "rib": (330, 50),
    "arm_bone": (450, 60),
    "sternum": (210, 30),
    "vertebra": (230, 35),
    "sacrum": (200, 30),
    "hip": (300, 40),
    "femur": (360, 45),
    "gallbladder": (8, 5),
    "stomach": (20, 8),
    "gas": (-880, 50),
    "bowel": (25, 15),
    "colon": (-20, 40),
    "back_muscle": (58, 6),
    "gluteus": (52, 6),
    "iliopsoas": (62, 6),
    "couch_shell": (-150, 60),
    "couch_foam": (-850, 30),
}
"""Mean and standard deviation between patients, for tissues that contrast medium hardly changes."""

ENHANCING_HU: dict[str, tuple[float, float, float, float, float]] = {
    "heart": (42, 190, 140, 110, 10),
    "aorta": (42, 310, 165, 125, 15),
    "inferior_vena_cava": (38, 85, 155, 120, 10),
    "liver": (58, 72, 112, 95, 7),
    "spleen": (48, 125, 120, 98, 7),
    "kidney": (32, 165, 190, 165, 12),
    "pancreas": (38, 100, 85, 70, 7),
    "urinary_bladder": (6, 8, 12, 160, 5),
}
"""Native, arterial, portal venous and late mean, then the standard deviation between patients."""


def draw_tissues(jitter: Jitter, phase: Phase) -> dict[str, float]:
    """Hounsfield units of every tissue of one patient.

    Returns
    -------
    tissue name to HU.
    """
    tissues = {name: mean + float(jitter.normal(sd)) for name, (mean, sd) in FIXED_HU.items()}
    column = PHASES.index(phase)
    for name, row in ENHANCING_HU.items():
        tissues[name] = row[column] + float(jitter.normal(row[4]))
    return tissues
