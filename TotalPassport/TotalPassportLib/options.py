"""What a run can be asked for, and the files that it writes: one type each for all who start one.

The command line, the job file, Slicer's window, the benchmark, the verification and notebooks share `RunOptions`. A new
option is one field here; the command line has its argument from the field's metadata, ``job.schema.json`` names it for
the job file, and a parameter of the panel that bears its name carries it from a widget.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from .base.errors import BadInput
from .exports.export_kinds import KINDS, kinds_meant
from .models.task import FAST, FASTEST, MODES, NORMAL, Task, TaskMode, load_task
from .segmentation.engines import AUTO, EXACT, provider_choices
from .segmentation.task_options import SMALL_BLOB_MM3, TaskOptions


def _option(
    default: Any,
    text: str,
    *,
    metavar: str = "",
    values: Callable[[], tuple[str, ...]] | None = None,
    least: float | None = None,
    most: float | None = None,
) -> Any:
    """Return a field with what the command line says about it.

    Parameters
    ----------
    default : Any
        The option's value where nobody asks for another one.
    text : str
        One sentence without a full stop.
    metavar : str
        Stands for the value in the command line's help.
    values : callable, optional
        Returns the values to show instead of a ``metavar``, for an option whose values are data.
    least, most : float, optional
        Bounds of a number.
    """
    about = {"help": text, "metavar": metavar, "values": values, "least": least, "most": most}
    return field(default=default, metadata=about)


PROBABILITIES = NO_PROBABILITIES, LAST_PROBABILITIES, ALL_PROBABILITIES = ("none", "last", "all")
MODEL_SIZES = BIG, SMALL = ("big", "small")
MOST_THREADS = 1024
"""The highest number of threads that can be asked for, as ``job.schema.json`` has it."""


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What a run is asked for, beside its scan and its folder.

    Attributes
    ----------
    model : str
        Name of a model in the catalogue, or path of a model folder or ONNX file.
    provider : str
        Where the network runs, one of `segmentation.engines.provider_choices`.
    precision : {"exact", "turbo"}
        See `segmentation.engines.PRECISIONS`.
    threads : int
        How many processor threads the networks and the blending of their windows may use; 0 for all cores.
    roi : tuple of str
        Names of the structures to keep, all if empty; parts of the model that find none of them do not run.
    statistics : bool
        Also write ``<stem>_statistics.json`` with TotalSegmentator's own numbers, see `official_statistics`.
    statistics_include_incomplete : bool
        Do not set structures near the border to 0 in it.
    remove_small_blobs : bool
        Remove pieces of at most 200 mm3, as TotalSegmentator's option of that name does.
    measure_on : {"input", "model"}
        What the passport measures: the segmentation as it is written, on the scan's grid, or what the network has
        found, on the network's own grid, which is coarser and quicker.
    preview : bool
        Also write ``<stem>_preview.png``.
    confidence : bool
        Also tell how sure the networks are: of each structure in the passport, of each voxel in
        ``<stem>_confidence.nii.gz``, whole percent, 255 where none was asked; see `segmentation.confidence`.
    save_logits : bool
        Also write a folder ``<stem>_logits`` with a zarr array of each network that runs, see
        `segmentation.logits_collection`.
    save_probabilities : {"none", "last", "all"}
        Also write a folder ``<stem>_probabilities`` with nnU-Net's ``.npz`` and ``.pkl`` of each network, or of the
        last one only; see `segmentation.probabilities`.
    task : tuple of str
        Names of tasks, instead of a model's; several of them make one result.
    fast, fastest : bool
        The task's mode of that name where it has it.
    model_size : {"big", "small"}
        Which networks run where a task has smaller ones too.
    roi_subset, roi_subset_robust : tuple of str
        As ``roi``, in a scan that is cut to these structures first, by a rough model or a finer one.
    robust_crop : bool
        Find what a task's scan is cut to by the finer model.
    body_seg : bool
        Cut a CT to the patient first.
    force_split : bool
        Run on three parts of the scan, one after the other.
    higher_order_resampling : bool
        Smooth labels, of logits that are brought to the scan's grid.
    higher_order_resampling_legacy : bool
        Smooth labels, TotalSegmentator's older way.
    resampling_order : int
        Of the splines on the way to the networks' voxel size, 0 to 5.
    save_lowres : bool
        Write the labels on the network's grid, not the scan's.
    v1_order : bool
        Write the labels of `total` with the values that they had in TotalSegmentator 1.
    masks : bool
        Also write a folder ``<stem>_masks`` with a mask of each structure, and what is derived of them.
    derived_masks : bool
        Write what is derived too.
    task_labels : bool
        Also write a folder ``<stem>_tasks`` with the labels of each task, whole, also where another task has the voxels
        in the one image of them all.
    statistics_aggregation : {"mean", "median"}
        What of the intensities the statistics tell.
    statistics_extra : bool
        Also spread of the intensities, centre and box in voxels there.
    statistics_normalized : bool
        Intensities there from 0 to 1 of the whole scan's range.
    small_blobs_mm3 : float
        What ``remove_small_blobs`` removes, at most.
    weights : str
        Folders with official weights, separated as in ``PATH``; models whose weights are there are made of them.
    format : tuple of str
        Formats in which the segmentation is written beside NIfTI, see `exports.export_kinds.KINDS`.
    overwrite : bool
        Replace results even if they are of another scan, see `destinations`; those of the same scan always are.
    series : str
        Which series in DICOM, by its number in the list that is shown where there are several, or by its UID.

    Examples
    --------
    >>> RunOptions(model="fast", roi=("liver", "spleen")).precision
    'exact'
    """

    model: str = _option("fast", "name of a model, or the path of a model folder or ONNX file", metavar="MODEL")
    provider: str = _option(
        AUTO, "where the network runs; auto is the fastest on this machine's processor", values=provider_choices
    )
    precision: Literal["exact", "turbo"] = _option(
        EXACT,
        "exact: the labels of TotalSegmentator on a CPU; turbo: the fastest that this machine can do with at least "
        "99.9 % of the voxels the same",
    )
    threads: int = _option(
        0, "processor threads that may be used; 0 for all cores", metavar="N", least=0, most=MOST_THREADS
    )
    roi: tuple[str, ...] = _option(
        (),
        "keep only these structures, such as: liver spleen vertebrae_L1, or groups, such as: kidneys ribs; parts "
        "without any do not run",
        metavar="NAME",
    )
    statistics: bool = _option(
        False,
        "also write <stem>_statistics.json: volume in mm3 and mean HU just as TotalSegmentator gives them, with 0 for "
        "structures near the border; the passport has the true numbers of those",
    )
    statistics_include_incomplete: bool = _option(False, "do not set structures near the border to 0 there")
    remove_small_blobs: bool = _option(False, "remove pieces of at most 200 mm3, as TotalSegmentator does")
    measure_on: Literal["input", "model"] = _option(
        "input",
        "input: the passport measures the segmentation as it is written, on the scan's grid; model: what the network "
        "found on its own grid, before it is brought onto the scan's",
    )
    preview: bool = _option(False, "also write <stem>_preview.png")
    confidence: bool = _option(
        False,
        "also tell how sure the networks are: of each structure in the passport, of each voxel in "
        "<stem>_confidence.nii.gz, in percent, 255 where none was asked",
    )
    save_logits: bool = _option(
        False,
        "also write <stem>_logits, a folder with the logits of each network that runs as zarr: float16, C Z Y X, on "
        "the network's own grid",
    )
    save_probabilities: Literal["none", "last", "all"] = _option(
        NO_PROBABILITIES,
        "also write <stem>_probabilities, a folder with nnU-Net's .npz and .pkl of each network that runs (all), or of "
        "the last one (last); large, and slow to write",
    )
    task: tuple[str, ...] = _option(
        (), "what to segment, instead of a model's name; several tasks make one result", metavar="TASK"
    )
    fast: bool = _option(False, "the task's fast mode, where it has one")
    fastest: bool = _option(False, "the task's fastest mode, where it has one")
    model_size: Literal["big", "small"] = _option("big", "small: the task's smaller networks, where it has some")
    roi_subset: tuple[str, ...] = _option(
        (),
        "keep only these structures, in a scan that is cut to them first, as TotalSegmentator does it",
        metavar="NAME",
    )
    roi_subset_robust: tuple[str, ...] = _option((), "the same, cut by a finer model", metavar="NAME")
    robust_crop: bool = _option(False, "find what a task's scan is cut to by the finer model")
    body_seg: bool = _option(False, "cut a CT to the patient first")
    force_split: bool = _option(False, "run on three parts of the scan, one after the other; needs less memory")
    higher_order_resampling: bool = _option(False, "smoother labels: the networks' logits are resampled, slowly")
    higher_order_resampling_legacy: bool = _option(False, "smoother labels, TotalSegmentator's older way")
    resampling_order: int = _option(
        1, "order of the splines on the way to the networks' voxel size, 0 to 5", metavar="ORDER", least=0, most=5
    )
    small_blobs_mm3: float = _option(
        SMALL_BLOB_MM3, "the largest pieces that are removed as small blobs", metavar="MM3", least=0, most=1e9
    )
    save_lowres: bool = _option(False, "write the labels on the network's grid, not the scan's")
    v1_order: bool = _option(False, "write the labels of the task total with the values of TotalSegmentator 1")
    masks: bool = _option(False, "also write <stem>_masks, a folder with a mask of each structure")
    derived_masks: bool = _option(True, "without what is derived of a task's structures, such as the skin of the body")
    task_labels: bool = _option(
        False, "also write <stem>_tasks, a folder with the labels of each task, whole where tasks overlap"
    )
    statistics_aggregation: Literal["mean", "median"] = _option("mean", "what of the intensities the statistics tell")
    statistics_extra: bool = _option(False, "also spread, range, centre and box in voxels in the statistics")
    statistics_normalized: bool = _option(False, "intensities in the statistics as parts of the scan's whole range")
    format: tuple[str, ...] = _option(
        (),
        "also write the segmentation as: seg.nrrd (3D Slicer, with names, colours and codes), nrrd, mha; of a scan in "
        "DICOM also dcm-seg, rtstruct, and dcm-sr (a structured report of the measurements)",
        metavar="FORMAT",
    )
    series: str = _option(
        "", "which series in DICOM, where there are several: its number in the list, or its UID", metavar="SERIES"
    )
    weights: str = _option(
        "",
        "folder with official weights, such as the one in which TotalSegmentator keeps its own, or several as in PATH, "
        "or MONAI's bundle; converted on first use and kept in the cache",
        metavar="FOLDER",
    )

    @property
    def weights_folders(self) -> tuple[Path, ...]:
        """The folders with weights, in the order in which they are looked into."""
        return tuple(Path(folder) for folder in self.weights.split(os.pathsep) if folder)

    @property
    def wanted(self) -> tuple[str, ...]:
        """The structures to keep, by whichever option they are named."""
        return self.roi_subset_robust or self.roi_subset or self.roi

    @property
    def of_tasks(self) -> TaskOptions:
        """What of it is for the tasks' steps."""
        return TaskOptions(
            crop_to_wanted=bool(self.roi_subset or self.roi_subset_robust),
            robust_crop=self.robust_crop or bool(self.roi_subset_robust),
            body_seg=self.body_seg,
            higher_order_resampling=self.higher_order_resampling,
            smooth_masks=self.higher_order_resampling_legacy,
            resampling_order=self.resampling_order,
            force_split=self.force_split,
            small_blobs_mm3=self.small_blobs_mm3 if self.remove_small_blobs else 0.0,
            confidence=self.confidence,
        )

    def models(self) -> tuple[str, ...]:
        """Return the names of the models to run: the one that is named, or those of the tasks in their modes.

        >>> RunOptions(task=("total", "lung_vessels"), fast=True).models()
        ('fast', 'lung_vessels')

        Raises
        ------
        BadInput
            There is no such task, or one is named twice.
        """
        if not self.task:
            return (self.model,)
        tasks = [load_task(name) for name in self.task]
        if len(set(self.task)) < len(tasks):
            raise BadInput("A task is named twice.", "Name each task once.")
        return tuple(self.task_mode(task).model for task in tasks)

    @property
    def mode_asked(self) -> str:
        """The mode that is asked for."""
        return FASTEST if self.fastest else FAST if self.fast else NORMAL

    def mode_of(self, task: Task) -> str:
        """Return the mode that is asked for, or the nearest one that the task has."""
        asked = MODES[1 : MODES.index(self.mode_asked) + 1]
        return next((mode for mode in reversed(asked) if mode in task.modes), NORMAL)

    def task_mode(self, task: Task) -> TaskMode:
        """Return the mode of a task that runs, with its smaller networks if they are asked for and there."""
        mode = task.mode(self.mode_of(task))
        return (mode.small if self.model_size == SMALL else None) or mode

    overwrite: bool = _option(
        False, "replace results of the same name even if they are of another scan; those of this scan always are"
    )

    @classmethod
    def from_entries(cls, entries: Mapping[str, Any]) -> RunOptions:
        """Return the options among some entries: those of a job file, or the arguments of the command line.

        >>> RunOptions.from_entries({"action": "run", "roi": ["liver"]}).roi
        ('liver',)
        """
        named: dict[str, Any] = {name: entries[name] for name in option_names() if name in entries}
        named |= {name: tuple(value) for name, value in named.items() if isinstance(value, list)}
        return cls(**named)

    def entries(self) -> dict[str, Any]:
        """Return all options by name, as a job file carries them."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def option_names() -> tuple[str, ...]:
    """Return the names of all options of a run, in their order."""
    return tuple(option.name for option in fields(RunOptions))


DEFAULT_OPTIONS = RunOptions()


@dataclass(frozen=True, kw_only=True)
class OutputPaths:
    """Where a run's files are; None for what was not asked for."""

    segmentation: Path
    passport: Path
    statistics: Path | None
    preview: Path | None
    masks: Path | None = None
    confidence: Path | None = None
    probabilities: Path | None = None
    logits: Path | None = None
    seg_nrrd: Path | None = None
    nrrd: Path | None = None
    mha: Path | None = None
    dicom_seg: Path | None = None
    dicom_sr: Path | None = None
    rtstruct: Path | None = None
    task_labels: Path | None = None

    @classmethod
    def in_folder(cls, folder: Path, stem: str, options: RunOptions) -> OutputPaths:
        """Return the paths in a folder that a run with these options writes, given the scan's name without suffix."""
        return cls(
            segmentation=folder / f"{stem}_segmentation.nii.gz",
            passport=folder / f"{stem}_passport.json",
            statistics=folder / f"{stem}_statistics.json" if options.statistics else None,
            preview=folder / f"{stem}_preview.png" if options.preview else None,
            masks=folder / f"{stem}_masks" if options.masks else None,
            confidence=folder / f"{stem}_confidence.nii.gz" if options.confidence else None,
            logits=folder / f"{stem}_logits" if options.save_logits else None,
            probabilities=(
                folder / f"{stem}_probabilities" if options.save_probabilities != NO_PROBABILITIES else None
            ),
            **{kind.path_name: folder / f"{stem}{kind.ending}" for kind in kinds_meant(options.format)},
            task_labels=folder / f"{stem}_tasks" if options.task_labels else None,
        )

    def exports(self) -> dict[str, Path]:
        """Return name of a format -> path of what is written beside NIfTI."""
        paths = {kind.name: getattr(self, kind.path_name) for kind in KINDS}
        return {name: path for name, path in paths.items() if path is not None}

    def written(self) -> dict[str, Path]:
        """Return kind -> path of the files that the run writes."""
        return {kind: path for kind, path in vars(self).items() if path is not None}
