"""Write ``docs/tasks.md`` from the tasks' data: which there are, what they find, and how several make one result.

python -m development.task_page
"""

from __future__ import annotations

from pathlib import Path

from TotalPassportLib.models.task import LABELS_PER_SLOT, MODES, Task, list_tasks

PAGE = Path(__file__).resolve().parents[1] / "docs" / "tasks.md"
INTRODUCTION = f"""\
# Tasks

Every task of TotalSegmentator 2.18.0 of which weights exist, with its own networks and labels. This page is written by
`python -m development.task_page` from `TotalPassportLib/data/tasks`.

    totalpassport models download lung_vessels         # its weights, and those of the model that it is cropped by
    totalpassport run CT.nii.gz -o RESULTS --task lung_vessels
    totalpassport run CT.nii.gz -o RESULTS --task total lung_vessels liver_segments --fast
    totalpassport run MR.nii.gz -o RESULTS --task total_mr --fast --masks

`--fast` and `--fastest` choose the mode where a task has it; a task without it runs in its normal one, and says so.
`--model-size small` takes the smaller networks that `total_v3` has in the archives of its normal and fast modes.
`--weights FOLDER` takes weights in the official layout from a folder instead of installed models. *Licensed* tasks need
weights that their authors give to holders of a licence; TotalPassport neither ships nor fetches them:
`totalpassport models import FILE` brings in what you have.

The scan is cut to what a rough model finds (*crop*) before a task's networks see it, and only there does it find
anything. `--robust-crop` takes the finer rough model. Several tasks in one run share it.

## Probabilities

`--save-probabilities all` also writes `<stem>_probabilities/<model>.<part>.npz` and `.pkl` for each network that runs,
as nnU-Net does it: `numpy.load(file)["probabilities"]` is float32 `[channels, z, y, x]`, softmax (of regions sigmoid),
on the grid that the network was given: canonical axes, the task's voxel size, cut where the task is cropped. Channels
are in the order of the network's own labels, background first. The `.pkl` tells that grid (ITK's spacing, origin and
direction) and the box in which there was anything; it holds nothing but numbers, lists and texts. The logits lie in a
nameless file on the results' disk meanwhile: 2 bytes a channel and voxel, not memory. `last` keeps those of the last
network only, which is what `-sp` of TotalSegmentator's command line does. Labels are not resampled smoothly then
(`--higher-order-resampling`), and of a scan that is split (`--force-split`) they are those of the lowest third, both as
there.

## Several tasks in one result

One label image of 16 bits, one passport, one set of files. A structure's value in the image is its *number*:
{LABELS_PER_SLOT} times the task's slot plus its value in the task itself. Numbers never change; those of `total` are
its own values. Where two tasks claim a voxel, the one that was named later has it; the passport measures each structure
whole nevertheless, and `--masks` writes each whole. A name that several of the tasks have gets the task's in front.

## All of them

| task | of | modes | slot | structures | crop | licence | what it finds |
|---|---|---|---|---|---|---|---|
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """Return the page's text."""
    return INTRODUCTION + "".join(f"{_row(task)}\n" for task in list_tasks())


def _row(task: Task) -> str:
    modes = ", ".join(mode for mode in MODES if mode in task.modes)
    crop = task.modes["normal"].crop
    cropped = f"{', '.join(crop.structures)} ({crop.task})" if crop is not None else ""
    licence = task.licence.name if task.licence.open else f"*licensed* ({task.licence.terms_url})"
    cells = (f"`{task.name}`", task.modality, modes, str(task.slot), str(len(task.labels)), cropped, licence)
    return f"| {' | '.join(cells)} | {task.description} |"


if __name__ == "__main__":
    main()
