"""Weights in the layout that nnU-Net trains into and TotalSegmentator releases: finding them, and what they hold.

Dataset297_TotalSegmentator_total_3mm_1559subj/
  nnUNetTrainer_4000epochs_NoMirroring__nnUNetPlans__3d_fullres/
    plans.json  dataset.json  fold_0/checkpoint_final.pth
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...base.errors import TotalPassportError
from ...base.files import read_json

CHECKPOINT = "checkpoint_final.pth"
NEEDED_FILES = ("plans.json", "dataset.json", f"fold_0/{CHECKPOINT}")
"""What every dataset has, below its trainer's folder; some have further folds."""
FOLD_CHECKPOINT = re.compile(rf"(?<=/)fold_\d{{1,2}}/{re.escape(CHECKPOINT)}$")
LEVELS_BELOW, LEVELS_ABOVE = 5, 2
"""How far weights are looked for below and above a folder: ``.totalsegmentator`` is four levels above a trainer's
folder, and an archive that was unpacked into a folder of its own name is one more."""
MOST_FOLDERS = 20_000
DATASET_FOLDER = re.compile(r"Dataset(\d{3,5})(?:_|$)")


def dataset_number(name: str) -> int | None:
    """Return the number in a dataset folder's name, or None if it is none.

    >>> dataset_number("Dataset297_TotalSegmentator_total_3mm_1559subj")
    297
    """
    found = DATASET_FOLDER.match(name)
    return int(found[1]) if found else None


def find_datasets(path: Path) -> dict[int, Path]:
    """Return the trainer's folder of every dataset found at ``path``, by the dataset's number.

    ``path`` may be a folder of dataset folders, such as the one that TotalSegmentator keeps, one dataset's folder, a
    trainer's folder inside of it, a fold's inside of that, or any folder up to `LEVELS_BELOW` levels above a trainer's.
    Datasets of which a file is missing do not count; of two of one number the one that lies less deep does.
    """
    above = [path, *path.absolute().parents[:LEVELS_ABOVE]]
    own = next((folder for folder in above if is_trainer_folder(folder)), None)
    found: dict[int, Path] = {}
    for trainer in [own] if own is not None else _trainers_below(path):
        number = _number_of(trainer)
        if number is not None:
            found.setdefault(number, trainer)
    return dict(sorted(found.items()))


def find_neighbours(path: Path) -> dict[int, Path]:
    """Return the datasets beside the one in whose folder ``path`` lies; none if it lies in none.

    A model may be made of several datasets, and people give the folder of one of them.
    """
    above = [path, *path.absolute().parents[: LEVELS_ABOVE + 1]]
    inside = [folder for folder in above if dataset_number(folder.name) is not None]
    return find_datasets(inside[-1].absolute().parent) if inside else {}


def _trainers_below(path: Path) -> Iterator[Path]:
    """Yield the trainers' folders below a folder, the less deep ones first."""
    level, looked_at = [path], 0
    for _ in range(LEVELS_BELOW):
        level = [folder for parent in level for folder in _subfolders(parent)]
        looked_at += len(level)
        if looked_at > MOST_FOLDERS:  # somebody's whole disk, and no folder of weights
            return
        yield from filter(is_trainer_folder, level)
        level = [folder for folder in level if not is_trainer_folder(folder)]


def _number_of(trainer: Path) -> int | None:
    """Return the number of the dataset that a trainer's folder is of, by the folders around it or by its own plans."""
    numbers = (dataset_number(folder.name) for folder in trainer.absolute().parents[:LEVELS_ABOVE])
    return next((number for number in numbers if number is not None), None) or _number_in_plans(trainer / "plans.json")


def _number_in_plans(plans: Path) -> int | None:
    try:
        return dataset_number(read_json(plans)["dataset_name"])
    except (TotalPassportError, LookupError, TypeError):
        return None


def is_trainer_folder(path: Path) -> bool:
    """Whether a folder holds all that is needed of one dataset."""
    return all((path / name).is_file() for name in NEEDED_FILES)


def plans_name(trainer: Path) -> str:
    """Return what the plans of a training are called: what stands in the middle of its folder's name, if anything.

    >>> plans_name(Path("nnUNetTrainer__nnUNetPlans__3d_fullres"))
    'nnUNetPlans'
    """
    _, *others = trainer.absolute().name.split("__")
    return others[0] if len(others) == 2 else ""


def find_trainer(path: Path, number: int, trainer_folder: str) -> Path | None:
    """Return the folder of one training of a dataset below ``path``; an archive may hold several of them.

    Parameters
    ----------
    path : Path
        A folder of dataset folders, or one dataset's.
    number : int
        The dataset's.
    trainer_folder : str
        ``<trainer>__<plans>__<configuration>``.
    """
    datasets = [path] if dataset_number(path.name) is not None else _subfolders(path)
    candidates = [dataset / trainer_folder for dataset in datasets if dataset_number(dataset.name) == number]
    return next((folder for folder in candidates if (folder / "plans.json").is_file()), None)


def weight_files(trainer: Path) -> list[str]:
    """Return the names, below a trainer's folder, of all files that are read of it: those of further folds too."""
    folds = [path.relative_to(trainer).as_posix() for path in checkpoints(trainer, "all")]
    return list(dict.fromkeys([*NEEDED_FILES, *folds]))


def checkpoints(trainer: Path, folds: str | Sequence[int]) -> list[Path]:
    """Return the checkpoints of some folds of a training, or of all that are there: in the order of their names.

    A fold whose checkpoint is missing is in the list too if it was asked for by number.
    """
    if not isinstance(folds, str):
        return [trainer / f"fold_{fold}" / CHECKPOINT for fold in folds]
    found = [folder / CHECKPOINT for folder in _subfolders(trainer) if re.fullmatch(r"fold_\d+", folder.name)]
    return [path for path in found if path.is_file()]


def _subfolders(path: Path) -> list[Path]:
    try:
        return sorted(entry for entry in path.iterdir() if entry.is_dir())
    except OSError:  # not there, not a folder, or not ours to read: nothing is found in it
        return []
