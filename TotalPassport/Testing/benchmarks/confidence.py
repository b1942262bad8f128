#!/usr/bin/env python3
"""Does low confidence find poor structures? The demo model on phantoms that it has never seen, clean and noisy.

    python TotalPassport/Testing/benchmarks/confidence.py [--work FOLDER]

Every structure that was found is one case: poor if its Dice with the true labels is below 0.7, what is found where
there is nothing included. Printed are the area under the receiver operating characteristic (the chance
that a poor structure has a lower confidence than a good one), and what the check `uncertain` finds with its threshold.
What was not found at all has no confidence; it is counted apart. The exit code is 1 where the area is below 0.8.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import nibabel
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from TotalPassportLib.options import RunOptions
from TotalPassportLib.passport.rules import rule_named
from TotalPassportLib.pipeline import run

from training.phantom import LABEL_VALUES, make_phantom
from training.sample import write_image

GOAL_AREA = 0.8
POOR_DICE = 0.7
LEAST_ML = 1.0
SPACING_MM = (1.5, 1.5, 3.0)
CASES: tuple[tuple[int, str, float], ...] = (
    (91_000, "trunk", 12.0),
    (91_001, "chest-abdomen", 20.0),
    (91_002, "abdomen-pelvis", 20.0),
    (91_003, "abdomen", 12.0),
    (91_004, "pelvis", 20.0),
    (91_005, "chest", 60.0),
    (91_006, "chest-abdomen", 120.0),
    (91_007, "abdomen-pelvis", 60.0),
    (91_008, "abdomen", 120.0),
    (91_009, "trunk", 90.0),
)
"""Seed (training's end at 399), field of view, and standard deviation of the noise in HU (training's is 6 to 24)."""


@dataclass(frozen=True, kw_only=True)
class Structure:
    """A structure that was found, or that should have been."""

    seed: int
    name: str
    true_ml: float
    found_ml: float
    dice: float
    confidence: float | None
    entropy_bits: float | None


def main() -> int:
    """Run the phantoms and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, help="folder for phantoms and results, which are then kept")
    options = parser.parse_args()
    structures: list[Structure] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.work or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for seed, view, noise_hu in CASES:
            own = of_phantom(seed, view, noise_hu, folder)
            structures += own
            found = [each for each in own if each.confidence is not None]
            mean = np.mean([each.dice for each in found]) if found else float("nan")
            print(f"{seed} {view:15} noise {noise_hu:3.0f} HU: {len(found)} structures, Dice {mean:.3f}", flush=True)
        (folder / "structures.json").write_text(json.dumps([asdict(each) for each in structures], indent=1))
    found = [each for each in structures if each.confidence is not None]
    print(report(found, sum(each.found_ml == 0 for each in structures)))
    return 0 if area_under_curve(found) >= GOAL_AREA else 1


def of_phantom(seed: int, view: str, noise_hu: float, folder: Path) -> list[Structure]:
    """Segment a phantom and return what was found, and what should have been, with Dice and confidence."""
    phantom = make_phantom(seed, SPACING_MM, field_of_view=view, noise_hu=noise_hu)
    ct = folder / f"phantom_{seed}.nii"
    write_image(phantom.ct_hu, phantom.affine, ct)
    result = run(ct, folder / "out", RunOptions(model="demo", confidence=True))
    found = np.asarray(nibabel.load(result.paths.segmentation).dataobj)
    voxel_ml = abs(float(np.linalg.det(phantom.affine[:3, :3]))) / 1000
    true_counts, found_counts, both_counts = (
        np.bincount(labels.ravel(), minlength=256)
        for labels in (phantom.labels, found, phantom.labels[phantom.labels == found])
    )
    structures = []
    for name, value in LABEL_VALUES.items():
        total = int(true_counts[value]) + int(found_counts[value])
        organ = result.passport.organs.get(value)
        if organ is not None or true_counts[value] * voxel_ml >= LEAST_ML:
            structures.append(
                Structure(
                    seed=seed,
                    name=name,
                    true_ml=float(true_counts[value] * voxel_ml),
                    found_ml=float(found_counts[value] * voxel_ml),
                    dice=2 * int(both_counts[value]) / total,
                    confidence=organ.confidence if organ is not None else None,
                    entropy_bits=organ.entropy_bits if organ is not None else None,
                )
            )
    return structures


def area_under_curve(structures: Sequence[Structure]) -> float:
    """Return the chance that a poor structure has a lower confidence than a good one; ties count half."""
    poor = np.array([each.confidence for each in structures if each.dice < POOR_DICE])
    good = np.array([each.confidence for each in structures if each.dice >= POOR_DICE])
    lower = (poor[:, None] < good).sum() + 0.5 * (poor[:, None] == good).sum()
    return float(lower / max(poor.size * good.size, 1))


def report(found: Sequence[Structure], missed: int) -> str:
    """Return the figures as text."""
    large = [each for each in found if each.found_ml >= LEAST_ML]
    rule = rule_named("uncertain")
    assert rule is not None
    most = rule.settings["bits_above"]
    flagged = [each for each in found if each.entropy_bits is not None and each.entropy_bits > most]
    hits, poor = _poor(flagged), _poor(found)
    return "\n".join(
        [
            f"{len(found)} structures found, {poor} of them poor (Dice below {POOR_DICE}); {missed} not found at all.",
            f"Area under the curve: {area_under_curve(found):.3f} (goal {GOAL_AREA}).",
            f"Of {LEAST_ML:g} ml or more are {len(large)}, {_poor(large)} of them poor: {area_under_curve(large):.3f}.",
            f"Above {most:g} bits are {len(flagged)}, {hits} of them poor: {hits / max(poor, 1):.0%} of the poor are "
            f"found, {(len(flagged) - hits) / max(len(found) - poor, 1):.1%} of the good are flagged.",
        ]
    )


def _poor(structures: Sequence[Structure]) -> int:
    return sum(each.dice < POOR_DICE for each in structures)


if __name__ == "__main__":
    sys.exit(main())
