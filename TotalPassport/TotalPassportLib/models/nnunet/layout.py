"""Weights in the layout that nnU-Net trains into and TotalSegmentator releases: finding them, and what they hold.

Dataset297_TotalSegmentator_total_3mm_1559subj/
  nnUNetTrainer_4000epochs_NoMirroring__nnUNetPlans__3d_fullres/
    plans.json  dataset.json  fold_0/checkpoint_final.pth
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

CHECKPOINT = "checkpoint_final.pth"
NEEDED_FILES = ("plans.json", "dataset.json", f"fold_0/{CHECKPOINT}")
"""What every dataset has, below its trainer's folder; some have further folds."""
FOLD_CHECKPOINT = re.compile(rf"fold_\d{{1,2}}/{re.escape(CHECKPOINT)}")
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

    ``path`` may be a folder of dataset folders, such as the one that TotalSegmentator keeps, one dataset's folder, or
    a trainer's folder inside of it. Datasets of which a file is missing do not count.
    """
    if is_trainer_folder(path):
        candidates = [path]
    else:
        datasets = [path] if dataset_number(path.name) is not None else _subfolders(path)
        candidates = [trainer for dataset in datasets for trainer in _subfolders(dataset)]
    found: dict[int, Path] = {}
    for trainer in filter(is_trainer_folder, candidates):
        number = dataset_number(trainer.absolute().parent.name)
        if number is not None:
            found.setdefault(number, trainer)
    return dict(sorted(found.items()))


def is_trainer_folder(path: Path) -> bool:
    """Whether a folder holds all that is needed of one dataset."""
    return all((path / name).is_file() for name in NEEDED_FILES)


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
