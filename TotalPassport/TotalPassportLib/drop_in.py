"""TotalSegmentator's Python function, under its own name and with its own arguments, done by TotalPassport.

from TotalPassportLib import totalsegmentator

totalsegmentator("ct.nii.gz", "segmentations", fast=True, statistics=True)

The same files appear under the same names; ``docs/switching.md`` lists what differs.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from . import __version__
from .base.errors import BadInput, as_user_error
from .base.events import Cancellation, Event, EventCallback, ignore_event
from .base.files import make_folder
from .base.outputs import OutputFiles, check_destination
from .base.temporaries import private_folder
from .models.task import load_task
from .official_arguments import NIFTI, OfficialArguments, named_arguments
from .pipeline import run
from .run_results import RunResult
from .segmentation.engines import version_of_onnxruntime
from .segmentation.masks import MASK_SUFFIX

LABEL_SUFFIXES = (".nii", ".nii.gz")
DICOM_STEM, DICOM_SUFFIX = "segmentations", ".dcm"
"""As TotalSegmentator names what it writes in DICOM."""
STATISTICS_FILE = "statistics.json"
STORED_BITS = 32
"""Whole numbers of more bits than this are stored as float64: many programs cannot read them."""


@dataclass(frozen=True, kw_only=True)
class OfficialPaths:
    """Where the results go, by TotalSegmentator's rules; None for what is not written."""

    labels: Path | None = None
    masks: Path | None = None
    statistics: Path | None = None
    preview: Path | None = None
    report: Path | None = None
    passport: Path | None = None
    probabilities: Path | None = None
    probabilities_properties: Path | None = None
    dicom: Mapping[str, Path] = field(default_factory=dict)

    @property
    def files(self) -> list[Path]:
        """A file for everything, for `masks` one that stands for all."""
        mask = self.masks / f"mask{MASK_SUFFIX}" if self.masks is not None else None
        others = (
            self.labels, self.statistics, self.preview, self.report, self.passport, self.probabilities,
            self.probabilities_properties, *self.dicom.values(),
        )  # fmt: skip
        return [path for path in (mask, *others) if path is not None]


def totalsegmentator(
    input: Any, output: Any = None, ml: bool = False, nr_thr_resamp: int = 1, nr_thr_saving: int = 6,
    fast: bool = False, nora_tag: str | None = "None", preview: bool = False, task: str = "total",
    roi_subset: Any = None, statistics: Any = False, radiomics: bool = False, crop_path: Any = None,
    body_seg: bool = False, force_split: bool = False, output_type: Any = "nifti", quiet: bool = False,
    verbose: bool = False, test: int = 0, skip_saving: bool = False, device: str = "gpu",
    license_number: str | None = None, statistics_exclude_masks_at_border: bool = True,
    no_derived_masks: bool = False, v1_order: bool = False, fastest: bool = False, roi_subset_robust: Any = None,
    stats_aggregation: str = "mean", remove_small_blobs: Any = False,
    statistics_normalized_intensities: bool = False, robust_crop: bool = False,
    higher_order_resampling_LEGACY: bool = False,  # noqa: N803, as it is called there
    higher_order_resampling: bool = False, save_probabilities: Any = None, debug: bool = False, report: Any = None,
    statistics_extra: bool = False, save_lowres: bool = False, resampling_order: int = 1,
    plans: str = "nnUNetPlans", model_size: str = "big", *, passport: Any = None, weights: str | None = None,
    on_event: EventCallback | None = None, cancellation: Cancellation | None = None,
) -> Any:  # fmt: skip
    """Segment a scan as TotalSegmentator's function of this name does; its documentation explains the arguments.

    Parameters
    ----------
    input : path or nibabel image
        The scan.
    output : path, optional
        Folder for one mask a structure, or with ``ml`` the label image (``.nii.gz``; ``.nii`` is added to a name
        without a suffix). Without it nothing is written but files that are named themselves.
    passport : path, optional
        Also write the passport there. This and what follows are TotalPassport's own.
    weights : str, optional
        Folders with official weights, separated as in ``PATH``; by default those of ``TOTALSEG_WEIGHTS_PATH``, and
        where that is not set the installed models.
    on_event : callable, optional
        Receives the events of ``docs/architecture.md``; by default warnings become Python's, unless ``quiet``.
    cancellation : Cancellation, optional
        Lets another thread or process stop the run.

    Returns
    -------
    The label image as nibabel's; with ``statistics`` a pair of it and the statistics, structure -> numbers.

    Raises
    ------
    TotalPassportError
        In one of its classes; `BadInput` also for what is not possible here.
    """
    given = locals()  # the arguments, and nothing else yet
    asked = named_arguments(given)
    tell = on_event or (ignore_event if quiet else _warn)
    start = time.monotonic()
    with as_user_error(), private_folder("totalsegmentator") as private:
        asked.require_possible()
        paths = official_paths(asked, output, passport)
        scan = _scan_file(input, private)
        with folders_for(paths.files):
            for path in paths.files:
                check_destination(path, scan)
            for code, message in asked.notes():
                tell({"event": "warning", "code": code, "message": message})
            options = asked.run_options(
                masks=paths.masks is not None, preview=paths.preview is not None, weights=weights
            )
            result = run(scan, Path(private) / "results", options, on_event=tell, cancellation=cancellation)
            image = _in_memory(result.paths.segmentation)
            numbers = _read_statistics(result.paths.statistics)
            document = run_report(asked, input, output, result, time.monotonic() - start)
            _write(paths, result, image, document, scan)
    return (image, numbers) if statistics else image


def official_paths(asked: OfficialArguments, output: Path | str | None, passport: Path | str | None) -> OfficialPaths:
    """Return where the results go.

    Raises
    ------
    BadInput
        The label image's name is none of a NIfTI file.
    """
    target = Path(output).absolute() if output is not None else None
    dicom = _dicom_files(asked, target) if target is not None and not asked.skip_saving else {}
    labels: Path | None
    folder: Path | None
    if dicom:
        folder = next(iter(dicom.values())).parent
        labels = folder / f"{DICOM_STEM}{MASK_SUFFIX}" if NIFTI in asked.output_types else None
    else:
        labels = _label_file(target) if target is not None and asked.ml else None
        folder = labels.parent if labels is not None else target
    statistics = None
    if asked.statistics and asked.statistics is not True:
        statistics = Path(asked.statistics).absolute()
    elif asked.statistics and folder is not None:
        statistics = folder / STATISTICS_FILE
    probabilities = Path(asked.save_probabilities).absolute() if asked.save_probabilities is not None else None
    return OfficialPaths(
        labels=None if asked.skip_saving else labels,
        masks=target if labels is None and not dicom and not asked.skip_saving else None,
        dicom=dicom,
        statistics=statistics,
        preview=folder / f"preview_{asked.task}.png" if asked.preview and folder is not None else None,
        report=Path(asked.report).absolute() if asked.report is not None else None,
        passport=Path(passport).absolute() if passport is not None else None,
        probabilities=probabilities,
        probabilities_properties=probabilities.with_suffix(".pkl") if probabilities is not None else None,
    )


def _dicom_files(asked: OfficialArguments, target: Path) -> dict[str, Path]:
    """Return name of a format -> its file, for what is asked for in DICOM: in the folder that was named."""
    formats = asked.dicom_formats
    if len(formats) == 1:
        is_file = target.name.lower().endswith(DICOM_SUFFIX)
        return {formats[0]: target if is_file else target / f"{DICOM_STEM}{DICOM_SUFFIX}"}
    endings = {"rtstruct": "rtstruct", "dcm-seg": "seg"}
    return {name: target / f"{DICOM_STEM}_{endings[name]}{DICOM_SUFFIX}" for name in formats}


def _label_file(path: Path) -> Path:
    if path.name.lower().endswith(LABEL_SUFFIXES):
        return path
    if not path.suffix:
        return path.with_name(f"{path.name}.nii")
    raise BadInput(
        f"The label image '{path}' has no name of a NIfTI file.", "Let its name end with .nii.gz, or leave out ml."
    )


@contextmanager
def folders_for(files: list[Path]) -> Iterator[None]:
    """Make the folders of some files for a block; those that were made are removed again where it fails."""
    made: list[Path] = []
    try:
        for file in files:
            made += reversed([folder for folder in file.parents if not folder.exists()])
            make_folder(file.parent)
        yield
    except BaseException:
        for folder in reversed(made):
            with contextlib.suppress(OSError):  # somebody has put something into it
                folder.rmdir()
        raise


def _scan_file(given: Any, folder: Path) -> Path:
    """Return the file of a scan; an image in memory is written into ``folder`` first."""
    if not isinstance(given, nibabel.Nifti1Image):
        return Path(given)
    voxels = np.asanyarray(given.dataobj)
    wide = voxels.dtype.kind in "iu" and voxels.dtype.itemsize * 8 > STORED_BITS
    voxels = voxels.astype(np.uint8) if voxels.dtype == bool else voxels.astype(np.float64) if wide else voxels
    header = given.header.copy()
    header.set_data_dtype(voxels.dtype)
    image = type(given)(voxels, given.affine, header)
    image.header.set_slope_inter(1, 0)
    path = folder / "scan.nii"
    nibabel.save(image, path)
    return path


def _in_memory(path: Path) -> Any:
    image = nibabel.load(path)
    assert isinstance(image, nibabel.Nifti1Image)  # also of NIfTI-2
    return type(image)(np.asanyarray(image.dataobj), image.affine, image.header)


def _read_statistics(path: Path | None) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path is not None else None


def _write(paths: OfficialPaths, result: RunResult, image: Any, report: Mapping[str, Any], scan: Path) -> None:
    """Put everything in its place, all of it or nothing."""
    made: dict[Path | None, Path | None] = {
        paths.statistics: result.paths.statistics,
        paths.preview: result.paths.preview,
        paths.passport: result.paths.passport,
        **{path: result.paths.exports()[name] for name, path in paths.dicom.items()},
    }
    kept = result.paths.probabilities
    if kept is not None:  # those of the last network; none where a crop has left nothing
        made[paths.probabilities] = next(iter(kept.glob("*.npz")), None)
        made[paths.probabilities_properties] = next(iter(kept.glob("*.pkl")), None)
    masks: dict[Path, Path] = {}
    if paths.masks is not None and result.paths.masks is not None:
        masks = {paths.masks / file.name: file for file in sorted(result.paths.masks.iterdir())}
    with OutputFiles(inputs=[scan]) as files:
        for destination, file in [*made.items(), *masks.items()]:
            if destination is not None and file is not None:
                shutil.copyfile(file, files.path(destination))
        if paths.labels is not None:
            nibabel.save(image, files.path(paths.labels))
        if paths.report is not None:
            there = paths.masks.glob(f"*{MASK_SUFFIX}") if paths.masks is not None else ()
            names = sorted({*(path.name for path in masks), *(path.name for path in there if path.name[0] != ".")})
            text = json.dumps({**report, "output_files": names}, indent=2)
            files.path(paths.report).write_text(text, encoding="utf-8")


def run_report(
    asked: OfficialArguments, input: Any, output: Any, result: RunResult, seconds: float
) -> dict[str, Any]:  # fmt: skip
    """Return TotalSegmentator's report of a run, with what really ran; its own versions are None, for it did not."""
    task = load_task(asked.task)
    names = {value: label.name for value, label in task.labels.items()}
    if asked.structures:
        names = {value: name for value, name in names.items() if name in asked.structures}
    return {
        "totalsegmentator_version": None,
        "nnunetv2_version": None,
        "torch_version": None,
        "totalpassport_version": __version__,
        "onnxruntime_version": version_of_onnxruntime(),
        "provider": result.provider,
        "arithmetic": result.arithmetic,
        "task": task.name,
        "modality": task.modality,
        "license_required": not task.licence.open,
        "device": asked.device,
        "fast": asked.fast,
        "fastest": asked.fastest,
        "save_lowres": asked.options().save_lowres,
        "multilabel": asked.ml,
        "output_type": asked.output_type,
        "roi_subset": list(asked.structures) or None,
        "input": type(input).__name__ if isinstance(input, nibabel.Nifti1Image) else str(input),
        "output": None if output is None else str(output),
        "num_classes": len(names),
        "classes": {str(value): name for value, name in names.items()},
        "runtime_seconds": round(seconds, 2),
    }


def _warn(event: Event) -> None:
    if event["event"] == "warning":
        warnings.warn(event["message"], stacklevel=2)
