"""Two dozen passports of ellipsoids: two models, an MR, an outlier, a scan without a kidney, a patient followed up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from TotalPassportLib.passport import Passport, write_passport

from support.passports import body

LABELS = (1, 2, 3, 5)
"""Spleen, right and left kidney, liver."""
SCANS = 24
OUTLIER, WITHOUT_KIDNEY, CUT, OF_OTHER_MODEL, MR = 7, 8, 9, 10, 11
PATTERN = r"(?P<patient>p[0-9]+)_(?P<date>[0-9]{8})"


def passport(number: int) -> Passport:
    """The same organs, each scan's of a size of its own."""
    rng = np.random.default_rng(number)
    whole, organs = body(LABELS), {}
    for label, organ in whole.organs.items():
        factor = float(rng.uniform(0.9, 1.1)) * (4 if (number, label) == (OUTLIER, 5) else 1)
        measured: dict[str, Any] = {"hu_mean": 50.0 + number, "hu_sd": 10.0}
        if number == MR:
            measured = {"intensity_mean": 1000.0 * number, "intensity_sd": 10.0}
        organs[label] = replace(
            organ,
            volume_mm3=organ.volume_mm3 * factor,
            surface_area_mm2=6000.0 * factor,
            touches_border=number == CUT and label == 5,
            **measured,
        )
    if number == WITHOUT_KIDNEY:
        del organs[3]
    model = {"name": "full" if number == OF_OTHER_MODEL else "fast", "task": "total"}
    source = {"sha256": f"{number:064x}", "modality": "MR" if number == MR else "CT"}
    return replace(whole, organs=organs, model=model, source=source)


def file_name(number: int) -> str:
    """Six patients with four scans each, a year apart."""
    return f"p{number % 6}_20{20 + number // 6}0315_passport.json"


def write_passports(folder: Path, numbers: range = range(SCANS)) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        write_passport(passport(number), folder / file_name(number))
    return folder


def scan_of(number: int) -> str:
    return file_name(number).removesuffix("_passport.json")
