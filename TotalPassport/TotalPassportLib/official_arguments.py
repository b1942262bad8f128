"""What TotalSegmentator's function and its command line can be asked for, in the words of our own run.

Nothing is left out silently: what cannot be done is refused in a sentence, and what is done otherwise is told.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from .base.errors import BadInput
from .base.paths import WEIGHTS_VARIABLE
from .models.task import FAST, MR, Task, load_task
from .options import MODEL_SIZES, SMALL, RunOptions
from .segmentation.engines import AUTO, engines
from .segmentation.task_options import SMALL_BLOB_MM3

FAST_IS_IGNORED = ("lung_vessels", "vertebrae_mr")
"""Tasks without a fast mode for which TotalSegmentator does not refuse ``fast``."""
NO_NORA = "None"
PLANS = "nnUNetPlans"
NIFTI = "nifti"
DICOM_TYPES = {"dicom_rtstruct": "rtstruct", "dicom_seg": "dcm-seg", "dicom": "rtstruct"}
"""Output type -> the format that is meant; ``dicom`` is an older name."""
OUTPUT_TYPES = (NIFTI, *DICOM_TYPES)
DEVICES = {"cpu": AUTO, "gpu": "cuda", "mps": "coreml"}
"""Device -> the provider that is meant; automatic means this machine's processor."""


@dataclass(frozen=True, kw_only=True)
class OfficialArguments:
    """The arguments of TotalSegmentator's Python function that mean something, under its own names.

    ``nr_thr_resamp``, ``nr_thr_saving``, ``crop_path``, ``verbose`` and ``debug`` change no result, here or there.
    """

    ml: bool
    fast: bool
    fastest: bool
    nora_tag: str | None
    preview: bool
    task: str
    roi_subset: Sequence[str] | None
    roi_subset_robust: Sequence[str] | None
    statistics: bool | str | Path
    radiomics: bool
    body_seg: bool
    force_split: bool
    output_type: str | Sequence[str]
    quiet: bool
    test: int
    skip_saving: bool
    device: str
    license_number: str | None
    statistics_exclude_masks_at_border: bool
    no_derived_masks: bool
    v1_order: bool
    stats_aggregation: Literal["mean", "median"]
    remove_small_blobs: bool | float
    statistics_normalized_intensities: bool
    robust_crop: bool
    higher_order_resampling_LEGACY: bool  # noqa: N815, as it is called there
    higher_order_resampling: bool
    save_probabilities: str | Path | None
    report: str | Path | None
    statistics_extra: bool
    save_lowres: bool
    resampling_order: int
    plans: str
    model_size: str

    def require_possible(self) -> None:
        """Refuse what cannot be done, here or by the official program.

        Raises
        ------
        BadInput
            One sentence about the first thing that cannot be.
        """
        for refusal in (*self._not_here(), *self._not_there(load_task(self.task))):
            raise refusal
        self.provider()

    def _not_here(self) -> Iterator[BadInput]:
        """Yield refusals of what only the official program does."""
        if self.nora_tag not in (None, NO_NORA):
            yield BadInput("The viewer Nora is not called (nora_tag).", "Tag the files when they are written.")
        if self.radiomics:
            yield BadInput(
                "TotalPassport does not work with pyradiomics (radiomics).",
                "A passport has shape and intensity measures of every structure; ask for one.",
            )
        for kind in self.output_types:
            if kind not in OUTPUT_TYPES:
                yield BadInput(f"There is no output type '{kind}'.", f"There are {', '.join(OUTPUT_TYPES[:-1])}.")
        if self.test:
            yield BadInput("The official program's own test runs are not there (test).", "Leave it out.")
        if self.plans != PLANS:
            yield BadInput(f"Networks of the plans '{self.plans}' are not known.", f"Use '{PLANS}'.")

    def _not_there(self, task: Task) -> Iterator[BadInput]:
        """Yield refusals of what the official program refuses too, or would fail at."""
        if self.model_size not in MODEL_SIZES:
            yield BadInput(f"There is no model size '{self.model_size}'.", f"It is {' or '.join(MODEL_SIZES)}.")
        mode = self.options().mode_of(task)
        if self.model_size == SMALL and task.mode(mode).small is None:
            yield BadInput(
                f"The task '{self.task}' has no small networks in its {mode} mode (model_size).",
                "Only total_v3 has some, in its normal and fast modes; leave the model size out.",
            )
        if self.fast and FAST not in task.modes and self.task not in FAST_IS_IGNORED:
            yield BadInput(f"The task '{self.task}' has no fast mode.", "Leave out fast.")
        yield from self._not_of_structures(task)
        if self.save_lowres and not (self.fast or self.fastest):
            yield BadInput("The network's grid can be kept only in fast or fastest mode (save_lowres).", "Add fast.")
        crop = self.structures or task.mode(mode).crop or (self.body_seg and task.modality != MR)
        if self.save_lowres and crop and not self.higher_order_resampling:
            yield BadInput(
                "The network's grid cannot be kept where the scan is cropped (save_lowres).",
                "Leave out save_lowres, or what crops the scan.",
            )
        if self.stats_aggregation not in ("mean", "median"):
            yield BadInput(f"There is no aggregation '{self.stats_aggregation}'.", "It is mean or median.")
        if self.resampling_order not in range(6):
            yield BadInput(f"The resampling order is {self.resampling_order}.", "It goes from 0 to 5.")
        if self.remove_small_blobs is not False and self.remove_small_blobs <= 0:
            yield BadInput("The size of small blobs must be greater than 0 mm3.", "200 is usual.")

    def _not_of_structures(self, task: Task) -> Iterator[BadInput]:
        for name in ("roi_subset", "roi_subset_robust"):
            given = getattr(self, name)
            if given is not None and (isinstance(given, str) or not given):
                yield BadInput(f"{name} must be a list of names of structures.", f"Such as {name}=['liver'].")
        if self.structures and task.roi_crop is None:
            yield BadInput(
                f"Only whole-body tasks can be asked for some structures (roi_subset), and '{self.task}' is none.",
                "Leave it out; use total, total_v3 or total_mr.",
            )

    @property
    def structures(self) -> tuple[str, ...]:
        """The structures that are asked for by whichever option; all if there are none."""
        return tuple(self.roi_subset_robust or self.roi_subset or ())

    @property
    def output_types(self) -> tuple[str, ...]:
        """The kinds of files that are asked for."""
        return (self.output_type,) if isinstance(self.output_type, str) else tuple(self.output_type)

    @property
    def dicom_formats(self) -> tuple[str, ...]:
        """What of them is DICOM, by the names of `exports.export_kinds`."""
        return tuple(dict.fromkeys(DICOM_TYPES[kind] for kind in self.output_types if kind in DICOM_TYPES))

    def provider(self) -> str:
        """Return where the networks are to run.

        Raises
        ------
        BadInput
            There is no such device, or it cannot be chosen from here.
        """
        found = re.fullmatch(r"(cpu|gpu|mps)|gpu:(\d+)", str(self.device))
        if found is None:
            raise BadInput(f"There is no device '{self.device}'.", "It is gpu, gpu:NUMBER, cpu or mps.")
        if found[2] and int(found[2]):
            raise BadInput(
                f"The graphics card {found[2]} cannot be chosen by its number.",
                f"Set CUDA_VISIBLE_DEVICES={found[2]} and use the device gpu.",
            )
        provider = DEVICES[found[1] or "gpu"]
        try:
            engines(provider)
        except BadInput:  # the official program then runs on the processor too
            return AUTO
        return provider

    @property
    def in_v1_order(self) -> bool:
        """Whether the label image has the values of version 1."""
        return self.v1_order and self.ml and self.task == "total"

    def notes(self) -> Iterator[tuple[str, str]]:
        """Yield code and sentence of what is done otherwise than the caller may expect."""
        if self.license_number is not None:
            yield (
                "licence_number",
                "The licence number is neither stored nor sent: it is for the official download, and weights that "
                "need one must be there already.",
            )
        if self.v1_order and not self.in_v1_order:
            yield (
                "v1_order",
                "Values of version 1 are those of the task 'total' in one multilabel file; nothing changes.",
            )
        if self.statistics and self.fast and self.statistics_extra:
            yield (
                "statistics_extra",
                "The statistics have the extra measures, which the official program leaves out in fast mode.",
            )
        if self.statistics and self.in_v1_order and not self.fast:
            yield (
                "statistics_v1",
                "The statistics are of the structures that they name; the official program would take those that have "
                "the same values in version 1.",
            )

    def options(self) -> RunOptions:
        """Return the options of the run that does it; where it runs is `provider`."""
        smooth = self.higher_order_resampling
        blobs = self.remove_small_blobs
        return RunOptions(
            task=(self.task,),
            fast=self.fast,
            fastest=self.fastest and not self.fast,
            model_size="small" if self.model_size == SMALL else "big",
            roi_subset=tuple(self.roi_subset or ()),
            roi_subset_robust=tuple(self.roi_subset_robust or ()),
            robust_crop=self.robust_crop,
            body_seg=self.body_seg,
            force_split=self.force_split,
            higher_order_resampling=smooth,
            higher_order_resampling_legacy=self.higher_order_resampling_LEGACY,
            resampling_order=self.resampling_order,
            remove_small_blobs=bool(blobs),
            small_blobs_mm3=SMALL_BLOB_MM3 if isinstance(blobs, bool) else float(blobs),
            save_lowres=self.save_lowres and not smooth,
            v1_order=self.in_v1_order,
            derived_masks=not self.no_derived_masks,
            statistics=bool(self.statistics),
            statistics_include_incomplete=not self.statistics_exclude_masks_at_border,
            statistics_aggregation=self.stats_aggregation,
            statistics_extra=self.statistics_extra,
            statistics_normalized=self.statistics_normalized_intensities,
        )

    def run_options(self, *, masks: bool, preview: bool, weights: str | None) -> RunOptions:
        """Return the options with what depends on where the results go; ``weights`` None means the environment's.

        Of several networks the probabilities of the last one are kept, as there.
        """
        return replace(
            self.options(),
            provider=self.provider(),
            masks=masks,
            preview=preview,
            format=self.dicom_formats if not self.skip_saving else (),
            save_probabilities="last" if self.save_probabilities is not None else "none",
            weights=os.environ.get(WEIGHTS_VARIABLE, "") if weights is None else weights,
        )


def named_arguments(given: dict[str, Any]) -> OfficialArguments:
    """Return the arguments among some values by name."""
    return OfficialArguments(**{name: given[name] for name in OfficialArguments.__dataclass_fields__})
