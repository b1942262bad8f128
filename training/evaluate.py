"""How good is the demo model? ``python -m training.evaluate --work FOLDER`` runs the product on unseen phantoms.

Ten phantoms at clinical spacings, on oblique grids and with several fields of view, go through the product's own
pipeline; its label files are compared with the true labels, voxel by voxel, on the phantoms' own grids.

An organ counts if at least 1 ml and at least half of it lies in the field of view. What the model finds where there is
nothing at all is reported apart.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import nibabel
import numpy as np
from TotalPassportLib.options import RunOptions
from TotalPassportLib.pipeline import run

from training.phantom import LABEL_VALUES, make_phantom
from training.sample import write_image
from training.settings import EVALUATION_SEEDS

CASES: tuple[tuple[tuple[float, float, float], str], ...] = (
    ((0.95, 0.95, 2.5), "trunk"),
    ((1.1, 1.1, 3.0), "trunk"),
    ((1.2, 1.2, 5.0), "trunk"),
    ((1.0, 1.0, 3.0), "trunk"),
    ((0.9, 0.9, 2.5), "chest-abdomen"),
    ((1.1, 1.1, 5.0), "abdomen-pelvis"),
    ((0.9, 0.9, 3.0), "abdomen-pelvis"),
    ((0.8, 0.8, 2.0), "chest"),
    ((0.9, 0.9, 2.5), "abdomen"),
    ((1.0, 1.0, 3.0), "pelvis"),
)
"""Spacing along i, j, k (mm) and field of view of the phantoms, one per seed."""

LEAST_ML, LEAST_SHARE_INSIDE = 1.0, 0.5
WHOLE_BODY_SPACING_MM = (4.0, 4.0, 4.0)
"""Grid on which the whole organs are measured to know how much of them lies in the field of view."""


@dataclass(frozen=True)
class OrganScore:
    """One organ of one phantom.

    Parameters
    ----------
    centroid_error_mm : distance of the centroids; None if nothing was found.
    volume_error_percent : found against true volume, with its sign.
    """

    seed: int
    organ: str
    true_ml: float
    dice: float
    centroid_error_mm: float | None
    volume_error_percent: float


@dataclass(frozen=True)
class FalseFinding:
    """Something found that is not in the phantom's field of view."""

    seed: int
    organ: str
    found_ml: float


def score_labels(
    seed: int, truth: np.ndarray, found: np.ndarray, affine: np.ndarray, whole_ml: Mapping[int, float]
) -> tuple[list[OrganScore], list[FalseFinding]]:
    """Compare two label volumes of one grid.

    Parameters
    ----------
    truth : uint8 [i, j, k].
    affine : 4 x 4, voxel indices to RAS mm.
    whole_ml : volume of every whole organ, by label value.
    """
    voxel_ml = abs(float(np.linalg.det(affine[:3, :3]))) / 1000
    scores, false = [], []
    for organ, value in LABEL_VALUES.items():
        true_mask, found_mask = truth == value, found == value
        true_ml, found_ml = true_mask.sum() * voxel_ml, found_mask.sum() * voxel_ml
        if true_ml == 0 and found_ml > LEAST_ML:
            false.append(FalseFinding(seed, organ, float(found_ml)))
        if true_ml < LEAST_ML or true_ml < LEAST_SHARE_INSIDE * whole_ml.get(value, 0.0):
            continue
        overlap = 2 * (true_mask & found_mask).sum() / (true_mask.sum() + found_mask.sum())
        error_mm = None
        if found_ml > 0:
            error_mm = float(np.linalg.norm(_centroid_mm(true_mask, affine) - _centroid_mm(found_mask, affine)))
        change = float((found_ml / true_ml - 1) * 100)
        scores.append(OrganScore(seed, organ, float(true_ml), float(overlap), error_mm, change))
    return scores, false


def _centroid_mm(mask: np.ndarray, affine: np.ndarray) -> np.ndarray:
    # Means of projections: an index list of a liver would take a gigabyte.
    total = mask.sum()
    mean = [(mask.sum(axis=tuple({0, 1, 2} - {a})) * np.arange(mask.shape[a])).sum() / total for a in range(3)]
    return affine[:3, :3] @ np.array(mean) + affine[:3, 3]


def prepare_case(index: int, folder: Path) -> tuple[Path, Path, dict[int, float]]:
    """Make (or find) one phantom's files.

    Returns
    -------
    CT file, label file, and the volumes of the whole organs in ml by label value.
    """
    seed, (spacing_mm, view) = EVALUATION_SEEDS[index], CASES[index]
    ct, labels, whole = (folder / f"phantom_{seed}{end}" for end in (".nii", "_labels.nii", "_whole.json"))
    if not whole.exists():
        folder.mkdir(parents=True, exist_ok=True)
        phantom = make_phantom(seed, spacing_mm, field_of_view=view)
        write_image(phantom.ct_hu, phantom.affine, ct)
        write_image(phantom.labels, phantom.affine, labels)
        body = make_phantom(seed, WHOLE_BODY_SPACING_MM, field_of_view="trunk", noise_hu=0.0).labels
        counts = np.bincount(body.ravel(), minlength=256) * float(np.prod(WHOLE_BODY_SPACING_MM)) / 1000
        whole.write_text(json.dumps({value: counts[value] for value in LABEL_VALUES.values()}))
    return ct, labels, {int(value): ml for value, ml in json.loads(whole.read_text()).items()}


def evaluate(model: str, folder: Path) -> tuple[list[OrganScore], list[FalseFinding]]:
    """Run the product on every case and score it; one line per phantom is printed on the way."""
    scores: list[OrganScore] = []
    false: list[FalseFinding] = []
    for index, (spacing_mm, view) in enumerate(CASES):
        ct, labels, whole_ml = prepare_case(index, folder)
        result = run(ct, folder / "out", RunOptions(model=model))
        truth, found = nibabel.load(labels), nibabel.load(result.paths.segmentation)
        seed = EVALUATION_SEEDS[index]
        arrays = (np.asarray(truth.dataobj), np.asarray(found.dataobj).astype(np.uint8))
        new_scores, new_false = score_labels(seed, *arrays, truth.affine, whole_ml)
        scores += new_scores
        false += new_false
        mean = np.mean([s.dice for s in new_scores])
        print(f"{seed} {view:15s} {spacing_mm}: {len(new_scores)} organs, Dice {mean:.3f}", flush=True)
    return scores, false


def report(scores: Sequence[OrganScore], false: Sequence[FalseFinding]) -> str:
    """Table of the organs and the means over all organs of all phantoms, as Markdown."""
    lines = ["| organ | phantoms | Dice | centroid error (mm) | volume error (%) |", "|---|---|---|---|---|"]
    for organ in LABEL_VALUES:
        own = [s for s in scores if s.organ == organ]
        if own:
            lines.append(f"| {organ} | {len(own)} | {_figures(own)} |")
    lines.append(f"| all | {len(scores)} | {_figures(scores)} |")
    missed = [f"{s.organ} ({s.seed})" for s in scores if s.dice == 0]
    unexpected = [f"{f.organ} ({f.seed}, {f.found_ml:.1f} ml)" for f in false]
    lines += ["", f"Missed: {', '.join(missed) or 'none'}."]
    lines += [f"Found where there is none: {', '.join(unexpected) or 'none'}."]
    return "\n".join(lines)


def _figures(scores: Sequence[OrganScore]) -> str:
    errors = [s.centroid_error_mm for s in scores if s.centroid_error_mm is not None]
    volume = np.mean([abs(s.volume_error_percent) for s in scores])
    centroid = np.mean(errors) if errors else float("nan")
    return f"{np.mean([s.dice for s in scores]):.3f} | {centroid:.2f} | {volume:.1f}"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="demo", help="name or path of the model")
    parser.add_argument("--work", type=Path, required=True, help="folder for the phantoms and results")
    arguments = parser.parse_args()
    scores, false = evaluate(arguments.model, arguments.work)
    text = report(scores, false)
    print(text)
    (arguments.work / "scores.json").write_text(json.dumps([asdict(s) for s in scores], indent=1))
    (arguments.work / "scores.md").write_text(text + "\n")


if __name__ == "__main__":
    main()
