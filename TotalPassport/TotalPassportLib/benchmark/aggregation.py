"""From finished runs to numbers that can be compared: medians, ratios, agreement of labels, the network's speed."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..models.description import ModelDescription
from ..segmentation.engines import EXACT, plain_engine
from .agreement import Agreement, compare_labels
from .contenders import Contender, OurProgram, Run
from .matrix_peaks import processor_engines
from .measure import BenchmarkScan, Trial

OFFICIAL, PLAIN, OURS = "official", "plain", "totalpassport"
"""Kinds of contenders."""
PLAIN_WINDOWS = "plain-windows"
"""Key of the plain one that runs in windows; the one over the whole volume has its kind as its key."""
STAGES = ("start-up", "load", "prepare", "network", "rest of infer", "restore", "describe", "write")
"""What a run's wall time is made of, in order."""


def scan_entry(
    scan: BenchmarkScan, trials: Sequence[Trial], model: ModelDescription, peaks: Sequence[Mapping[str, Any]]
) -> Any:
    """Return one scan's part of the document, see ``data/schemas/benchmark.schema.json``.

    Parameters
    ----------
    trials : Sequence[Trial]
        All contenders on this scan.
    model : ModelDescription
        The model that they run.
    peaks : Sequence[Mapping[str, Any]]
        See `matrix_peaks.measure_matrix_peaks`.
    """
    reference, baseline = reference_of(trials), baseline_of(trials)
    return {
        "name": scan.name,
        "synthetic": scan.synthetic,
        "shape": list(scan.shape),
        "spacing_mm": [round(size, 4) for size in scan.spacing_mm],
        "voxels": scan.voxels,
        "reference": reference and reference.contender.key,
        "baseline": baseline and baseline.contender.key,
        "results": [_result(trial, reference, baseline, model, peaks) for trial in trials],
    }


def contender_entry(contender: Contender) -> dict[str, Any]:
    """Return a contender's part of the document."""
    entry = {"key": contender.key, "title": contender.title, "kind": contender.kind}
    if isinstance(contender, OurProgram):
        entry |= {"precision": contender.precision, "provider": contender.provider}
    return entry


def reference_of(trials: Sequence[Trial]) -> Trial | None:
    """Return the trial whose labels the others are compared with.

    The official one if there is one, else ours in the precision exact, by onnxruntime's own CPU provider if it has run.
    """
    finished = [trial for trial in trials if trial.labels is not None]
    official = [trial for trial in finished if trial.contender.kind == OFFICIAL]
    exact = [trial for trial in finished if getattr(trial.contender, "precision", None) == EXACT]
    plain = plain_engine().execution_provider
    exact.sort(key=lambda trial: trial.runs[0].told.get("provider") != plain)
    return next(iter(official + exact), None)


def baseline_of(trials: Sequence[Trial]) -> Trial | None:
    """Return the trial whose time the others are compared with: the official one, else the first of ours."""
    finished = [trial for trial in trials if trial.labels is not None]
    return min(finished, key=lambda trial: (OFFICIAL, OURS, PLAIN).index(trial.contender.kind), default=None)


def _result(
    trial: Trial,
    reference: Trial | None,
    baseline: Trial | None,
    model: ModelDescription,
    peaks: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    entry: dict[str, Any] = {"contender": trial.contender.key, "failure": trial.failure}
    if trial.failure is not None:
        return entry
    runs = trial.runs
    middle = median_run(runs)
    seconds = [run.usage.seconds for run in runs]
    told = middle.told
    entry |= {
        "runs": [_run(run) for run in runs],
        "seconds": _spread(seconds),
        "processor_seconds": _median(run.usage.processor_seconds for run in runs),
        "peak_bytes": _spread([run.usage.peak_bytes for run in runs]),
        "largest_process_bytes": _spread([run.usage.largest_process_bytes for run in runs]),
        "times_as_fast": _times_as_fast(trial, baseline),
        "stages": stages_of(middle),
        "provider": told.get("provider"),
        "arithmetic": told.get("arithmetic"),
        "agreement": _agreement(trial, reference),
        "network": network_speed(middle, model, peaks) if trial.contender.kind == OURS else None,
    }
    return entry


def median_run(runs: Sequence[Run]) -> Run:
    """Return the run with the median wall time, the faster one of two."""
    return sorted(runs, key=lambda run: run.usage.seconds)[(len(runs) - 1) // 2]


def _run(run: Run) -> dict[str, Any]:
    usage = run.usage
    return {
        "seconds": round(usage.seconds, 3),
        "processor_seconds": None if usage.processor_seconds is None else round(usage.processor_seconds, 3),
        "peak_bytes": usage.peak_bytes,
        "largest_process_bytes": usage.largest_process_bytes,
        "network_seconds": run.told.get("network_seconds"),
    }


def _spread(values: Sequence[float | None]) -> dict[str, float] | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    numbers = {"median": statistics.median(known), "lowest": min(known), "highest": max(known)}
    return {name: round(number, 3) for name, number in numbers.items()}


def _median(values: Iterable[float | None]) -> float | None:
    spread = _spread(list(values))
    return None if spread is None else spread["median"]


def _times_as_fast(trial: Trial, baseline: Trial | None) -> float | None:
    if baseline is None:
        return None
    theirs, ours = (statistics.median(run.usage.seconds for run in one.runs) for one in (baseline, trial))
    return float(f"{theirs / ours:.4g}")


def stages_of(run: Run) -> dict[str, float] | None:
    """Return the seconds of each of `STAGES` that the run has told of; None if it has told of none.

    Start-up is all of the wall time that is no stage: starting Python, importing, ending. Without the network's own
    time the whole of the inference counts as ``network``.
    """
    told = run.told.get("seconds")
    if not told:
        return None
    network = run.told.get("network_seconds")
    infer = told.get("infer", 0.0)
    parts = {
        **told,
        "start-up": max(run.usage.seconds - sum(told.values()), 0.0),
        "network": infer if network is None else network,
        "rest of infer": 0.0 if network is None else max(infer - network, 0.0),
    }
    return {stage: round(parts[stage], 3) for stage in STAGES if stage in parts}


def _agreement(trial: Trial, reference: Trial | None) -> dict[str, Any] | None:
    if reference is None or trial is reference or trial.labels is None or reference.labels is None:
        return None
    found: Agreement = compare_labels(trial.labels, reference.labels)
    return {
        "voxels": found.voxels,
        "differing": found.differing,
        "labelled": found.labelled,
        "equal_percent": found.equal_percent,
        "labelled_equal_percent": found.labelled_equal_percent,
    }


def network_speed(run: Run, model: ModelDescription, peaks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the network has achieved in 10^9 operations a second, against the processor's measured peak.

    Returns
    -------
    Dictionary: ``gflops``, ``peak_gflops`` and ``percent`` or None, and ``missing``: why something is None.
    """
    told = run.told
    seconds, arithmetic = told.get("network_seconds"), told.get("arithmetic")
    gflop = _gflop_of(model, told.get("windows"))
    if not seconds or gflop is None:
        missing = "the run did not tell its time in the network" if not seconds else "the model does not tell its work"
        return {"gflops": None, "peak_gflops": None, "percent": None, "missing": missing}
    gflops = gflop / seconds
    on_processor = {engine.execution_provider for engine in processor_engines()}
    fitting = [peak["gflops"] for peak in peaks if peak["arithmetic"] == arithmetic]
    peak = max(fitting, default=None) if told.get("provider") in on_processor else None
    return {
        "gflops": round(gflops, 1),
        "peak_gflops": peak,
        "percent": round(100 * gflops / peak, 1) if peak else None,
        "missing": None if peak else f"no peak of {told.get('provider')} in {arithmetic} was measured",
    }


def _gflop_of(model: ModelDescription, windows: int | None) -> float | None:
    """Return the work of all windows; None where the model does not tell, or not which part has how many of them."""
    each = [part.gigaflop_per_window for part in model.parts]
    same = len({(part.patch_size_zyx, part.step) for part in model.parts}) == 1
    if not windows or not same or None in each:
        return None
    return sum(float(gflop or 0) for gflop in each) * windows / len(each)
