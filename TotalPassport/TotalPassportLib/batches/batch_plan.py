"""How long a batch will take and what it will cost, judged by a trial of a few of its scans on this machine."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..base.errors import BadInput, as_user_error
from ..base.events import Cancellation, EventCallback, ignore_event
from ..base.temporaries import private_folder
from ..options import DEFAULT_OPTIONS, RunOptions
from ..segmentation.session import usable_cores
from .batch_folder import BatchFolder
from .batch_progress import BatchProgress
from .local_workers import LocalWorkers, setup_of
from .scan_record import read_records, read_scan_record
from .scan_sources import ScanSource, find_sources
from .scan_work import ScanWork
from .subject_names import Subject

TRIAL_SCANS = 8
MOST_TRIAL_SCANS = 1000
ASSUMPTIONS = (
    "machines like this one, as busy with other things as it was during the trial",
    "scans like those of the trial, which were taken evenly from the smallest to the largest",
    "models that are on each machine already, and disks as fast as here",
    "machines that are paid by the second, and nothing but them is",
)
"""What a plan takes for granted, in words."""


@dataclass(frozen=True, kw_only=True)
class BatchPlan:
    """What a batch will take.

    Attributes
    ----------
    n_scans, n_machines : int
        Of the batch.
    n_trial : int
        Scans that the trial measured; those that failed are not among them.
    n_failed : int
        Scans of the trial that failed.
    start_seconds : float
        What a machine takes before its first scan: to start processes and open networks.
    seconds_per_scan : float
        Wall time of a machine for one scan of many.
    uncertainty_seconds : float
        Half of the interval in which that lies with 95 % probability, as far as the trial's scans are like all.
    bytes_per_scan : float
        Of all results of a scan.
    price_per_hour : float, optional
        Of a machine.
    """

    n_scans: int
    n_machines: int
    n_trial: int
    n_failed: int
    start_seconds: float
    seconds_per_scan: float
    uncertainty_seconds: float
    bytes_per_scan: float
    price_per_hour: float | None

    @property
    def seconds(self) -> float:
        """From the start of the batch to its end."""
        return self._seconds(self.seconds_per_scan)

    @property
    def seconds_low(self) -> float:
        """The lower bound of it."""
        return self._seconds(max(self.seconds_per_scan - self.uncertainty_seconds, 0.0))

    @property
    def seconds_high(self) -> float:
        """The upper bound of it."""
        return self._seconds(self.seconds_per_scan + self.uncertainty_seconds)

    @property
    def machine_hours(self) -> float:
        """Hours of all machines together."""
        return (self.n_machines * self.start_seconds + self.n_scans * self.seconds_per_scan) / 3600

    @property
    def cost(self) -> float | None:
        """What the machines cost, in the currency of the price."""
        return None if self.price_per_hour is None else self.machine_hours * self.price_per_hour

    @property
    def result_bytes(self) -> float:
        """What all results take on the disk."""
        return self.n_scans * self.bytes_per_scan

    def _seconds(self, seconds_per_scan: float) -> float:
        return self.start_seconds + math.ceil(self.n_scans / self.n_machines) * seconds_per_scan


def plan_batch(
    inputs: Sequence[Path | str],
    options: RunOptions = DEFAULT_OPTIONS,
    *,
    scans: int | None = None,
    machines: int = 1,
    price_per_hour: float | None = None,
    trial: int = TRIAL_SCANS,
    jobs: int = 1,
    on_event: EventCallback = ignore_event,
    cancellation: Cancellation | None = None,
) -> BatchPlan:
    """Run a few scans as a batch does, keep nothing of them, and tell what many take.

    Parameters
    ----------
    inputs, options, jobs, on_event, cancellation
        As of `batch`.
    scans : int, optional
        How many scans the batch has; by default as many as the inputs.
    machines : int
        How many machines like this one run it.
    price_per_hour : float, optional
        Of one of them.
    trial : int
        How many scans to run, besides one that warms up each process.

    Raises
    ------
    BadInput
        A number makes no sense, or every scan of the trial failed.
    ModelError, Cancelled
        As of `batch`.
    """
    _check(scans, machines, price_per_hour, trial)
    cancellation = cancellation or Cancellation()
    with as_user_error(), private_folder("plan") as place:
        folder = BatchFolder(place)
        work = ScanWork(folder, options, on_event, cancellation)  # a model that is missing is told of at once
        sources = find_sources(inputs, folder.path, series=options.series, modality=work.modality, warn=work.warn)
        work.close()
        subjects = _trial_subjects(sources, trial, jobs)
        ends = _ends(folder, options, subjects, jobs, on_event, cancellation)
        records = read_records(folder)
        measured = [name for name in ends if name.startswith(_MEASURED) and not records[name].failed]
        if not measured:
            failed = next(record for record in records.values() if record.failed)
            raise BadInput(f"Every scan of the trial failed, such as: {failed.result['error']}", "Try other scans.")
        warm = max((end for name, end in ends.items() if not name.startswith(_MEASURED)), default=0.0)
        times = np.array(sorted([warm, *(ends[name] for name in measured)]))
        steps = np.diff(times[times >= warm])
        per_scan = float(steps.mean())
        return BatchPlan(
            n_scans=scans or len(sources),
            n_machines=machines,
            n_trial=len(measured),
            n_failed=sum(record.failed for record in records.values()),
            start_seconds=max(warm - per_scan, 0.0),
            seconds_per_scan=per_scan,
            uncertainty_seconds=_half_width(steps),
            bytes_per_scan=float(np.mean([_bytes_of(records[name].files(folder)) for name in measured])),
            price_per_hour=price_per_hour,
        )


_MEASURED = "trial"


def _check(scans: int | None, machines: int, price_per_hour: float | None, trial: int) -> None:
    numbers = {"scans": scans, "machines": machines, "scans of the trial": trial}
    for what, number in numbers.items():
        if number is not None and number < 1:
            raise BadInput(f"{number} is no number of {what}.", "Give a number of at least 1.")
    if trial > MOST_TRIAL_SCANS or (price_per_hour is not None and not 0 <= price_per_hour < 1e9):
        raise BadInput("The trial or the price is beyond all sense.", "Give another number.")


def _trial_subjects(sources: Sequence[ScanSource], trial: int, jobs: int) -> list[Subject]:
    """Return one scan of middle size to warm up each process, and scans of all sizes to be measured.

    Those are the middles of as many parts of the scans, from the smallest to the largest; where there are fewer scans,
    some come again.
    """
    ordered = sorted(sources, key=lambda source: (source.bytes, source))
    middle = ordered[len(ordered) // 2]
    warm_up = [Subject(f"begin-{number}", middle) for number in range(jobs)]
    places = [int((number + 0.5) * len(ordered) / trial) for number in range(trial)]
    return [*warm_up, *(Subject(f"{_MEASURED}-{number}", ordered[place]) for number, place in enumerate(places))]


def _ends(
    folder: BatchFolder,
    options: RunOptions,
    subjects: Sequence[Subject],
    jobs: int,
    on_event: EventCallback,
    cancellation: Cancellation,
) -> dict[str, float]:
    """Run scans; return name -> seconds from the start to their end, in the order in which they ended."""
    threads = max(1, (options.threads or usable_cores()) // jobs)
    progress = BatchProgress(on_event)
    workers = LocalWorkers(
        setup_of(folder.path, options.entries(), threads),
        jobs=jobs,
        threads=threads,
        on_event=progress.hear,
        check=cancellation.check,
    )
    progress.begin({subject.name: 1.0 for subject in subjects}, len(subjects))
    begin = time.monotonic()
    ends: dict[str, float] = {}
    for outcome in workers.outcomes(subjects):
        if outcome.crash is not None:
            raise outcome.crash
        ends[outcome.subject.name] = time.monotonic() - begin
        record = read_scan_record(folder, outcome.subject.name)
        assert record is not None  # its worker has written it
        progress.done(outcome.subject.name, record.result)
    return ends


def _half_width(steps: np.ndarray) -> float:
    """Return half of the 95 % confidence interval of a mean, by Student's distribution; of one value, itself."""
    if len(steps) < 2:
        return float(steps.mean())
    from scipy.stats import t

    return float(t.ppf(0.975, len(steps) - 1) * steps.std(ddof=1) / math.sqrt(len(steps)))


def _bytes_of(paths: Sequence[Path]) -> int:
    total = 0
    for path in paths:
        with suppress(OSError):
            files = path.rglob("*") if path.is_dir() else [path]
            total += sum(file.stat().st_size for file in files if file.is_file())
    return total
