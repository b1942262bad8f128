"""A batch's report as a document: read what the batch has written, compare it with ground truth, and judge it.

from TotalPassportLib.report.report_building import ReportSettings, build_report

report = build_report(ReportSettings(folder=Path("results"), ground_truth="truth"))
print(report.document["measures"]["dice_mean"])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base.errors import BadInput, TotalPassportError, as_user_error
from ..base.events import Cancellation, EventCallback, Progress, StepCallback, ignore_event, share_of, start
from ..base.files import validate
from ..base.labels import LabelTable, load_label_table
from ..passport import Passport, read_passport
from .batch_measures import (
    load_checks,
)
from .named_structures import NamedStructures, load_structures
from .outlier_pictures import outlier_pictures
from .overlap import DEFAULT_TOLERANCE_MM
from .report_document import BatchScan, report_document
from .report_outliers import batch_outliers
from .result_files import read_batch_results
from .scan_agreement import StructureAgreement, compare_structures, with_annotations_settled
from .subject_files import TRUTH_ENDINGS, SubjectFiles

REPORT_SHARES = {"read": 0.1, "compare": 0.7, "picture": 0.2}
"""Stages of a report and their usual shares of its time."""
DATASET_FILE = "dataset.json"
"""nnU-Net's, beside or above a data set's labels; it names them."""
MOST_PICTURES = 12


@dataclass(frozen=True, kw_only=True)
class ReportSettings:
    """What is asked for.

    Attributes
    ----------
    folder : Path
        A batch's folder.
    ground_truth, scans : str, optional
        Where ground truth and the scans are, see `subject_files`.
    labels : str, optional
        What the labels of the ground truth are: a bundled table, or the path of one.
    tolerance_mm : float
        Of the surface Dice.
    checks : Path, optional
        Quality checks to take instead of the bundled ones.
    most_pictures : int
        How many outliers are shown.
    """

    folder: Path
    ground_truth: str | None = None
    scans: str | None = None
    labels: str | None = None
    tolerance_mm: float = DEFAULT_TOLERANCE_MM
    checks: Path | None = None
    most_pictures: int = MOST_PICTURES


@dataclass(frozen=True, kw_only=True)
class BatchReport:
    """The document, see ``data/schemas/report.schema.json``, and PNG files of its first outliers, in their order."""

    document: Mapping[str, Any]
    pictures: Sequence[bytes | None]

    @property
    def failed_checks(self) -> list[str]:
        """Titles of the quality checks that failed."""
        return [check["title"] for check in self.document["checks"] if check["status"] == "fail"]


def build_report(
    settings: ReportSettings, on_event: EventCallback = ignore_event, cancellation: Cancellation | None = None
) -> BatchReport:
    """Make the report of a batch's folder.

    Raises
    ------
    TotalPassportError
        The folder is none of a batch, or something that was asked for is not there. What is wrong with single scans is
        in the report.
    """
    progress = start(REPORT_SHARES, on_event, cancellation)
    with as_user_error():
        checks = load_checks(settings.checks)
        table = _truth_table(settings)
        truths = SubjectFiles(settings.ground_truth, "ground truth", TRUTH_ENDINGS) if settings.ground_truth else None
        images = SubjectFiles(settings.scans, "scan") if settings.scans else None
        with progress.stage("read"):
            scans = _read(settings.folder, progress)
        with progress.stage("compare"):
            if truths is not None:
                _compare(scans, truths, table, settings.tolerance_mm, progress)
        found = batch_outliers(
            [scan.passport for scan in scans],
            [scan.agreements for scan in scans],
            [scan.result.seconds if scan.result.error is None else None for scan in scans],
        )
        with progress.stage("picture"):
            pictures = outlier_pictures(
                found[: settings.most_pictures],
                results=[scan.result for scan in scans],
                names=[_names_of(scan.passport) for scan in scans],
                truths=truths,
                table=table,
                images=images,
                on_picture=progress.step,
            )
        document = report_document(scans, found, checks, _settings_entry(settings))
    validate(document, "report", "The report's document")
    return BatchReport(document=document, pictures=pictures)


def _truth_table(settings: ReportSettings) -> LabelTable | None:
    """Return what the user says that the labels are; else what nnU-Net's file beside them says."""
    if settings.labels is not None:
        return load_label_table(settings.labels)
    if settings.ground_truth is None:
        return None
    folder = Path(settings.ground_truth)
    files = (each / DATASET_FILE for each in (folder, folder.parent))
    found = next((file for file in files if folder.is_dir() and file.is_file()), None)
    return None if found is None else load_label_table(str(found))


def _read(folder: Path, progress: Progress) -> list[BatchScan]:
    scans = [BatchScan(result=result) for result in read_batch_results(folder)]
    for number, scan in enumerate(scans):
        progress.step(number, len(scans))
        if scan.result.error is not None:
            continue
        if scan.result.passport is None:
            scan.remarks.append("Its passport is not in the folder.")
            continue
        try:
            scan.passport = read_passport(scan.result.passport)
        except BadInput:
            scan.remarks.append("Its passport cannot be read, so that its checks are not counted.")
    return scans


def _names_of(passport: Passport | None) -> dict[int, str]:
    return {label: organ.name for label, organ in passport.organs.items()} if passport else {}


def _compare(
    scans: Sequence[BatchScan],
    truths: SubjectFiles,
    table: LabelTable | None,
    tolerance_mm: float,
    progress: Progress,
) -> None:
    compared = []
    for number, scan in enumerate(scans):
        if scan.result.error is not None:
            continue
        try:
            step = share_of(progress.step, number, len(scans))
            scan.agreements = _agreements(scan, truths, table, tolerance_mm, step)
            compared.append(scan)
        except TotalPassportError as error:
            if not isinstance(error, BadInput):
                raise
            scan.remarks.append(f"Not compared. {error}")
    for scan, agreements in zip(
        compared, with_annotations_settled([scan.agreements or () for scan in compared]), strict=True
    ):
        scan.agreements = agreements


def _agreements(
    scan: BatchScan, truths: SubjectFiles, table: LabelTable | None, tolerance_mm: float, on_structure: StepCallback
) -> Sequence[StructureAgreement]:
    if scan.result.mask is None:
        raise BadInput("Its mask is not in the folder.")
    truth = load_structures(truths.of(scan.result.subject), table=table)
    found = load_structures(scan.result.mask, names=_names_of(scan.passport))
    if not _common_names(found, truth):
        raise BadInput("Its ground truth names no structure that the model knows.", "State what its labels are.")
    scan.names_assumed = truth.names_from == "assumed"
    return compare_structures(found, truth, tolerance_mm, on_structure)


def _common_names(found: NamedStructures, truth: NamedStructures) -> bool:
    names = [{*each.boxes, *(each.known or ())} for each in (found, truth)]
    return bool(names[0] & names[1]) or not any(names)


def _settings_entry(settings: ReportSettings) -> dict[str, Any]:
    return {
        "folder": settings.folder.resolve().name,
        "ground_truth": settings.ground_truth is not None,
        "own_checks": settings.checks is not None,
        "tolerance_mm": settings.tolerance_mm,
    }
