"""A whole benchmark: checks what is asked, measures, and gives the document that the reports are made of."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import __version__
from ..base.errors import BadInput
from ..base.events import EventCallback
from ..base.files import make_folder, parse_json, validate
from ..base.hints import Hint, HintCode
from ..base.outputs import check_destination
from ..image.formats import stem_of
from ..models.catalogue import find_entry, find_model, list_models
from ..models.description import ModelDescription
from ..segmentation.engines import PRECISIONS, provider_choices
from ..segmentation.session import usable_cores
from .aggregation import OFFICIAL, OURS, PLAIN, PLAIN_WINDOWS, contender_entry, scan_entry
from .benchmark_text import REPORT_FILES
from .contenders import LIBRARY, Contender, Official, OurProgram, PlainPass, RunFailed, foreign_environment, run_worker
from .machine import machine, our_install_size
from .measure import BenchmarkScan, Trial, measure
from .official_package import MODES, OFFICIAL_PACKAGES
from .synthetic import SCANS

SCHEMA = "totalpassport-benchmark/1"
INSTALL_SCRIPT = Path(__file__).with_name("install_size.py")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is asked for."""

    scans: tuple[Path, ...]
    output: Path
    model: str = "demo"
    weights: Path | None = None
    repeats: int = 3
    precisions: tuple[str, ...] = PRECISIONS
    providers: tuple[str, ...] = ("auto",)
    official: Path | None = None
    whole_volume: bool = False
    plain_windows: bool = False
    scale: tuple[str, ...] = ()


def run_benchmark(
    settings: Settings,
    on_event: EventCallback,
    on_trials: Callable[[Sequence[Trial], ModelDescription], None] = lambda trials, model: None,
) -> dict[str, Any]:
    """Measure all that is asked for and return the document, valid by its schema.

    Parameters
    ----------
    on_event : EventCallback
        Receives progress events.
    on_trials : callable
        Receives all trials and the model after the last run, while the files with their labels are still there.

    Raises
    ------
    TotalPassportError
        Something that is asked for cannot be done; what a contender cannot do is in the document.
    """
    check_settings(settings)
    with tempfile.TemporaryDirectory(prefix="totalpassport-benchmark-", ignore_cleanup_errors=True) as folder:
        work = Path(folder)
        here = machine()  # before there is any load of ours
        # What may be wrong comes first: whoever has mistyped something need not wait for what is right.
        official = official_size(settings)
        scans = _scans(settings, work, on_event)
        model = _model(settings, work, on_event)
        description = find_model(model)
        install = {"ours": our_install_size(LIBRARY), "official": official}
        contenders = _contenders(settings, model, official)
        before = _peaks(work, on_event, 0.0)
        trials = measure(contenders, scans, settings.repeats, work, _progress(on_event))
        on_trials(trials, description)
        peaks = [max(pair, key=_gflops) for pair in zip(before, _peaks(work, on_event, 1.0), strict=True)]
        document = {
            "schema": SCHEMA,
            "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "program": {"name": "TotalPassport", "version": __version__},
            "settings": _settings_entry(settings, description),
            "machine": here,
            "contenders": [contender_entry(contender) for contender in contenders],
            "scans": _scan_entries(trials, description, peaks),
            "matrix_peaks": peaks,
            "install": install,
        }
    validate(document, "benchmark", "The benchmark's document")
    return document


def check_settings(settings: Settings) -> None:
    """Raise `BadInput` for what can be told to be wrong at once."""
    if settings.repeats < 1:
        raise BadInput(f"{settings.repeats} repeats measure nothing.", "Give at least 1; 3 show the spread.")
    _check_choices("precision", settings.precisions, PRECISIONS)
    _check_choices("provider", settings.providers, provider_choices())
    _check_choices("synthetic scan", settings.scale, tuple(SCANS))
    for scan in settings.scans:
        if not scan.is_file():
            raise BadInput(f"There is no scan '{scan}'.", "Check the path.")
    if settings.official is not None:
        check_official(settings)
    # Finding out now that the folder cannot be written to spares the user the wait.
    for name in REPORT_FILES:
        check_destination(make_folder(settings.output) / name, *settings.scans)


def _check_choices(what: str, given: Sequence[str], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            raise BadInput(f"There is no {what} '{name}'.", f"Use one of {', '.join(known)}.")


def check_official(settings: Settings) -> None:
    """Raise `BadInput` unless the official package can run the same model with the same weights."""
    if not settings.official or not settings.official.is_file():
        raise BadInput(f"There is no python '{settings.official}'.", "Give that of TotalSegmentator's environment.")
    if settings.model not in MODES or not find_entry(settings.model).datasets:
        hint = Hint(HintCode.CHOOSE_MODEL, models=tuple(MODES))
        raise BadInput(f"The official package has no model '{settings.model}'.", hint)
    if settings.weights is None:
        raise BadInput(
            "The official package needs the weights in its own layout.",
            Hint(HintCode.GIVE_WEIGHTS),
        )


def official_size(settings: Settings) -> dict[str, Any] | None:
    """Return the size of the official package's environment, as its own python sees it."""
    if settings.official is None:
        return None
    python = os.path.abspath(settings.official)  # not resolved: the link is what makes it the environment's python
    command = [python, str(INSTALL_SCRIPT), *OFFICIAL_PACKAGES]
    failure = BadInput(
        f"'{settings.official}' is not a python that has the packages {', '.join(OFFICIAL_PACKAGES)}.",
        "Give the python of the environment in which TotalSegmentator is installed.",
    )
    try:
        done = subprocess.run(command, capture_output=True, env=foreign_environment(), check=False)
    except OSError as error:
        raise failure from error
    if done.returncode != 0:
        raise failure
    size = parse_json(done.stdout, f"What '{settings.official}' said")
    return dict(size)


def _scans(settings: Settings, work: Path, on_event: EventCallback) -> list[BenchmarkScan]:
    scans: list[BenchmarkScan] = []
    for number, path in enumerate(settings.scans):
        _tell(on_event, f"reading {path.name}", 0.0)
        name = stem_of(path)
        taken = {scan.name for scan in scans}
        scans.append(_scan(name if name not in taken else f"{name} ({number + 1})", path.absolute(), work))
    for name in settings.scale:
        _tell(on_event, f"making {name}", 0.0)
        path = work / f"{name}.nii.gz"
        _worker(work, "synthetic", name, str(path))
        scans.append(_scan(f"synthetic {name}", path, work, synthetic=True))
    return scans


def _scan(name: str, path: Path, work: Path, synthetic: bool = False) -> BenchmarkScan:
    told = _worker(work, "scan", str(path))
    i, j, k = told["shape"]
    right, anterior, superior = told["spacing_mm"]
    return BenchmarkScan(
        name=name, path=path, shape=(i, j, k), spacing_mm=(right, anterior, superior), synthetic=synthetic
    )


def _model(settings: Settings, work: Path, on_event: EventCallback) -> str:
    """Return the model as a run wants it: its name, or the folder of what is made of the weights."""
    if settings.weights is None:
        known = settings.model in {entry.name for entry in list_models()}
        return settings.model if known else os.path.abspath(settings.model)
    _tell(on_event, "converting weights", 0.0)
    return str(_worker(work, "convert", settings.model, str(settings.weights.absolute()))["model"])


def _worker(work: Path, *arguments: str) -> dict[str, Any]:
    """Run a worker without whom nothing can go on."""
    with tempfile.TemporaryDirectory(dir=work) as folder:
        try:
            return run_worker(Path(folder), *arguments)[0]
        except RunFailed as failure:
            raise failure.user_error() from failure


def _peaks(work: Path, on_event: EventCallback, fraction: float) -> list[dict[str, Any]]:
    _tell(on_event, "the processor's peak", fraction)
    return list(_worker(work, "matrix-peaks")["peaks"])


def _gflops(peak: dict[str, Any]) -> float:
    return float(peak["gflops"])


def _contenders(settings: Settings, model: str, official_size: dict[str, Any] | None) -> list[Contender]:
    contenders: list[Contender] = [
        OurProgram(
            key=f"{precision}-{provider}",
            title=f"TotalPassport {precision} ({provider})",
            kind=OURS,
            model=model,
            precision=precision,
            provider=provider,
        )
        for precision in settings.precisions
        for provider in settings.providers
    ]
    if settings.official is not None and settings.weights is not None and official_size is not None:
        versions = {entry["name"]: entry["version"] for entry in official_size["packages"]}
        title = f"TotalSegmentator {versions.get('TotalSegmentator', '')}".strip()
        python = Path(os.path.abspath(settings.official))
        contenders.append(
            Official(
                key=OFFICIAL,
                title=title,
                kind=OFFICIAL,
                python=python,
                weights=settings.weights.absolute(),
                mode=settings.model,
            )
        )
    if settings.plain_windows:
        contenders.append(
            PlainPass(
                key=PLAIN_WINDOWS, title="plain onnxruntime, windows", kind=PLAIN, model=model, action="plain-windows"
            )
        )
    if settings.whole_volume:
        contenders.append(PlainPass(key=PLAIN, title="plain onnxruntime, whole volume", kind=PLAIN, model=model))
    return contenders


def _scan_entries(trials: Sequence[Trial], description: ModelDescription, peaks: Sequence[dict[str, Any]]) -> list[Any]:
    by_scan: dict[str, list[Trial]] = {}
    for trial in trials:
        by_scan.setdefault(trial.scan.name, []).append(trial)
    return [scan_entry(group[0].scan, group, description, peaks) for group in by_scan.values()]


def _settings_entry(settings: Settings, description: ModelDescription) -> dict[str, Any]:
    return {
        "model": description.name,
        "model_title": description.title,
        "repeats": settings.repeats,
        "threads": usable_cores(),
        "official": settings.official is not None,
        "whole_volume": settings.whole_volume,
    }


def _progress(on_event: EventCallback) -> Any:
    return lambda what, done, total: _tell(on_event, f"run {done + 1} of {total}: {what}", done / total)


def _tell(on_event: EventCallback, what: str, fraction: float) -> None:
    on_event({"event": "progress", "stage": what, "done": 0, "total": 1, "fraction": fraction})
