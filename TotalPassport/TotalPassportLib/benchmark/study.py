"""The study of implementations: the official package, plain onnxruntime, ours, in one table from one run.

Each one runs as a whole process on the same scans in turns, see `measure`; what cannot run is a row that says why.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from ..base.errors import BadInput, TotalPassportError
from ..base.events import EventCallback
from ..base.files import validate
from ..base.labels import LabelTable, load_label_table
from ..base.text import counted
from ..image.formats import image_files
from ..models.description import ModelDescription
from ..report.named_structures import load_structures
from ..report.organ_statistics import mean_dice_of
from ..report.overlap import DEFAULT_TOLERANCE_MM
from ..report.scan_agreement import compare_structures
from ..report.subject_files import TRUTH_ENDINGS, SubjectFiles
from ..verification import organ_agreements
from .aggregation import OFFICIAL, PLAIN, PLAIN_WINDOWS, reference_of
from .benchmarking import Settings, check_official, official_size, run_benchmark
from .measure import Trial
from .page import load_notes

SCHEMA = "totalpassport-study/1"
IMPLEMENTATIONS = {
    OFFICIAL: "TotalSegmentator (official)",
    PLAIN_WINDOWS: "Plain onnxruntime, windows",
    "exact-auto": "TotalPassport exact",
    "turbo-auto": "TotalPassport turbo",
    PLAIN: "Plain onnxruntime, whole volume",
}
"""Key -> title, in the order of the table; an earlier one is rather what the others' times are compared with."""
LEAST_DICE = 0.90
"""What the study before called necessary for use; a recommendation has at least that."""
FEWEST_SCANS = 5
"""With fewer, a median over scans is one scan's number."""
NO_PYTHON = "The python of the environment that has it was not given."


@dataclass(frozen=True, kw_only=True)
class StudySettings:
    """What is asked for.

    Attributes
    ----------
    inputs : tuple of Path
        NIfTI files, or folders of them.
    output : Path
        Folder for the report.
    model : str
        As for a run.
    weights : Path, optional
        Official weights; the official package needs them, and ours are then made of the same.
    official : Path, optional
        The python of an environment that has the official package.
    repeats : int
        Runs of each on every scan.
    ground_truth, labels : str, optional
        As for a report.
    most_scans : int, optional
        No more than so many.
    """

    inputs: tuple[Path, ...]
    output: Path
    model: str = "fast"
    weights: Path | None = None
    official: Path | None = None
    repeats: int = 1
    ground_truth: str | None = None
    labels: str | None = None
    most_scans: int | None = None


@dataclass(frozen=True, kw_only=True)
class _Agreement:
    """Mean Dice of one implementation on one scan, with the reference and with ground truth; None where unknown."""

    reference: float | None
    truth: float | None


def run_study(settings: StudySettings, on_event: EventCallback) -> dict[str, Any]:
    """Measure all implementations and return the document, see ``data/schemas/study.schema.json``.

    Raises
    ------
    TotalPassportError
        There are no scans, or the model is not there. What single implementations cannot do is in the document.
    """
    scans = study_scans(settings.inputs, settings.most_scans)
    asked = Settings(
        scans=scans,
        output=settings.output,
        model=settings.model,
        weights=settings.weights,
        repeats=settings.repeats,
        plain_windows=True,
        whole_volume=True,
    )
    truths = SubjectFiles(settings.ground_truth, "ground truth", TRUTH_ENDINGS) if settings.ground_truth else None
    table = load_label_table(settings.labels) if settings.labels else None
    official, why_not = _official(replace(asked, official=settings.official))
    agreements: dict[tuple[str, str], _Agreement] = {}
    notes: list[str] = []

    def compare(trials: Sequence[Trial], model: ModelDescription) -> None:
        agreements.update(_agreements(trials, model, truths, table, notes.append))

    benchmark = run_benchmark(replace(asked, official=official), on_event, compare)
    document = _document(benchmark, agreements, why_not, [*notes, *_notes(benchmark, settings)])
    validate(document, "study", "The study's document")
    return document


def study_scans(inputs: Sequence[Path], most: int | None = None) -> tuple[Path, ...]:
    """Return the NIfTI files that are meant: given themselves, or anywhere in a folder, at most ``most``.

    Raises
    ------
    BadInput
        There is none.
    """
    scans: list[Path] = []
    for path in inputs:
        if path.is_dir():
            files = sorted(each for each in path.rglob("*") if each.is_file() and not each.name.startswith("."))
            scans += [each for each in image_files(files) if each.name.lower().endswith((".nii", ".nii.gz"))]
        else:
            scans.append(path)
    scans = list(dict.fromkeys(scans))
    if not scans:
        raise BadInput("There is no NIfTI file in what was given.", "Give scans, or folders of scans (.nii, .nii.gz).")
    return tuple(scans[:most])


def _official(settings: Settings) -> tuple[Path | None, str]:
    """Return the official package's python, or None and why it cannot run."""
    if settings.official is None:
        return None, NO_PYTHON
    try:
        check_official(settings)
        official_size(settings)
    except BadInput as error:
        return None, error.message
    return settings.official, ""


def _agreements(
    trials: Sequence[Trial],
    model: ModelDescription,
    truths: SubjectFiles | None,
    table: LabelTable | None,
    note: Callable[[str], None],
) -> dict[tuple[str, str], _Agreement]:
    """Return the mean Dice of each contender's labels on each scan, by the scan's name and the contender's key."""
    found = {}
    known = frozenset(model.labels.describe(value).name for value in model.label_values)
    for scan in dict.fromkeys(trial.scan for trial in trials):
        of_scan = [trial for trial in trials if trial.scan == scan]
        reference = reference_of(of_scan)
        truth = None
        if truths is not None:
            try:
                truth = load_structures(truths.of(scan.path.name), table=table)
            except BadInput as error:
                note(f"{scan.name}: not compared with ground truth. {error.message}")
        for trial in of_scan:
            if trial.labels is None:
                continue
            with_truth = None
            if truth is not None:
                try:
                    ours = replace(load_structures(trial.labels, table=model.labels), known=known)
                    with_truth = mean_dice_of(compare_structures(ours, truth, DEFAULT_TOLERANCE_MM))
                except TotalPassportError as error:
                    note(f"{scan.name}: not compared with ground truth. {error.message}")
                    truth = None
            mean = None
            if reference is not None and reference is not trial and reference.labels is not None:
                mean = mean_dice_of_labels(trial.labels, reference.labels, model.labels)
            found[scan.name, trial.contender.key] = _Agreement(reference=mean, truth=with_truth)
    return found


def mean_dice_of_labels(labels: Path, reference: Path, table: LabelTable) -> float | None:
    """Return the mean Dice over the labels that either file has; None where none has any, or their shapes differ."""
    one, other = (np.asarray(nibabel.load(path).dataobj).astype(np.intp) for path in (labels, reference))
    if one.shape != other.shape:
        return None
    dices = [organ.dice for organ in organ_agreements(one, other, table, 1.0)]
    return statistics.fmean(dices) if dices else None


def _document(
    benchmark: Mapping[str, Any],
    agreements: Mapping[tuple[str, str], _Agreement],
    why_not: str,
    notes: Sequence[str],
) -> dict[str, Any]:
    results = {(scan["name"], result["contender"]): result for scan in benchmark["scans"] for result in scan["results"]}
    done = {key: [scan["name"] for scan in benchmark["scans"] if _finished(results, scan["name"], key)]
            for key in IMPLEMENTATIONS}  # fmt: skip
    baseline = next((key for key in IMPLEMENTATIONS if done[key]), None)
    reference = next((key for key in (OFFICIAL, "exact-auto") if done[key]), None)
    rows = [
        _row(key, done[key], baseline, reference, results, agreements, why_not if key == OFFICIAL else "")
        for key in IMPLEMENTATIONS
    ]
    return {
        "schema": SCHEMA,
        "baseline": baseline,
        "reference": reference,
        "rows": rows,
        "recommended": _recommended(rows, baseline),
        "least_dice": LEAST_DICE,
        "agreements": [
            {"scan": scan, "implementation": key, "dice": _rounded(each.reference), "dice_truth": _rounded(each.truth)}
            for (scan, key), each in agreements.items()
        ],
        "notes": list(notes),
        "benchmark": dict(benchmark),
    }


def _finished(results: Mapping[tuple[str, str], Mapping[str, Any]], scan: str, key: str) -> bool:
    result = results.get((scan, key))
    return result is not None and result["failure"] is None


def _row(
    key: str,
    scans: Sequence[str],
    baseline: str | None,
    reference: str | None,
    results: Mapping[tuple[str, str], Mapping[str, Any]],
    agreements: Mapping[tuple[str, str], _Agreement],
    why_not: str,
) -> dict[str, Any]:
    seconds = {scan: results[scan, key]["seconds"]["median"] for scan in scans}
    ratios = [
        results[scan, str(baseline)]["seconds"]["median"] / seconds[scan]
        for scan in scans
        if _finished(results, scan, str(baseline))
    ]
    peaks = [results[scan, key]["peak_bytes"]["highest"] for scan in scans if results[scan, key]["peak_bytes"]]
    failures = [
        f"{scan}: {result['failure']}" for (scan, of), result in results.items() if of == key and result["failure"]
    ]
    of_scans = [agreements[scan, key] for scan in scans if (scan, key) in agreements]
    return {
        "implementation": key,
        "title": IMPLEMENTATIONS[key],
        "environment": _environment(key, [results[scan, key] for scan in scans]),
        "scans": len(scans),
        "seconds": _spread(list(seconds.values())),
        "times_as_fast": _rounded(statistics.median(ratios)) if ratios else None,
        "peak_bytes": max(peaks, default=None),
        "dice": _mean([each.reference for each in of_scans]),
        "dice_truth": _mean([each.truth for each in of_scans]),
        "is_reference": key == reference,
        "why_not": why_not or " ".join(failures),
    }


def _environment(key: str, results: Sequence[Mapping[str, Any]]) -> str:
    if key == OFFICIAL:
        return "Python, PyTorch float32"
    ran = {(str(result["provider"]).removesuffix("ExecutionProvider"), str(result["arithmetic"])) for result in results}
    told = " and ".join(" ".join(words) for words in sorted(ran))
    return f"Python, onnxruntime {told}".strip()


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return _rounded(statistics.fmean(known)) if known else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _recommended(rows: Sequence[Mapping[str, Any]], baseline: str | None) -> str | None:
    """Return the fastest that agrees well enough: with ground truth where that is known, else with the reference."""
    good = []
    for row in rows:
        dice = row["dice_truth"] if row["dice_truth"] is not None else 1.0 if row["is_reference"] else row["dice"]
        if row["times_as_fast"] is not None and dice is not None and dice >= LEAST_DICE:
            good.append(row)
    best = max(good, key=lambda row: row["times_as_fast"], default=None)
    return None if best is None else str(best["implementation"])


def _notes(benchmark: Mapping[str, Any], settings: StudySettings) -> list[str]:
    notes = []
    count = len(benchmark["scans"])
    if count < FEWEST_SCANS:
        notes.append(f"{counted(count, 'scan')} {'says' if count == 1 else 'say'} little of others.")
    notes += [f"Not measured on {note[0].lower()}{note[1:]}" for note in load_notes(benchmark)]
    if settings.ground_truth is None:
        notes.append("No ground truth was given: Dice compares implementations with one another, not with anatomy.")
    return notes
