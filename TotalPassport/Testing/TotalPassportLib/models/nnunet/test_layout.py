"""Of an archive with several trainings and folds, those are found that a task names."""

from __future__ import annotations

from pathlib import Path

import pytest
from TotalPassportLib.models.nnunet.checkpoint import trained_configuration
from TotalPassportLib.models.nnunet.layout import checkpoints, find_trainer

BIG, SMALL = "nnUNetTrainer__nnUNetPlans__3d_fullres", "nnUNetTrainer__nnUNetResEncUNetLPlans_8__3d_fullres"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """One dataset with two trainings of several folds; the last one is not finished."""
    for trainer in (BIG, SMALL):
        for fold in ("fold_0", "fold_1", "fold_10", "fold_2", "fold_all"):
            folder = tmp_path / "Dataset831_organs" / trainer / fold
            folder.mkdir(parents=True)
            (folder / "checkpoint_final.pth").touch()
        (folder.parent / "plans.json").touch()
        (folder.parent / "fold_3").mkdir()
    return tmp_path


def test_the_training_is_chosen_by_its_plans(weights: Path) -> None:
    dataset = weights / "Dataset831_organs"
    assert find_trainer(weights, 831, SMALL) == dataset / SMALL
    assert find_trainer(dataset, 831, BIG) == dataset / BIG
    assert find_trainer(weights, 832, BIG) is None
    assert find_trainer(weights, 831, "nnUNetTrainer__nnUNetPlans__2d") is None
    assert find_trainer(weights / "nowhere", 831, BIG) is None


def test_folds_are_those_that_are_named_or_all_that_are_finished_as_names_are_sorted(weights: Path) -> None:
    trainer = weights / "Dataset831_organs" / BIG
    assert [path.parent.name for path in checkpoints(trainer, "all")] == ["fold_0", "fold_1", "fold_10", "fold_2"]
    assert [path.parent.name for path in checkpoints(trainer, [4, 0])] == ["fold_4", "fold_0"]


def test_a_checkpoint_tells_the_configuration_that_it_was_trained_with(shared: Path) -> None:
    for number, configuration in ((778, "3d_fullres_high"), (113, "3d_lowres_high"), (297, "3d_fullres")):
        (file,) = (shared / "parity_tasks" / "weights").glob(f"Dataset{number}_*/*/fold_0/checkpoint_final.pth")
        assert trained_configuration(file) == configuration
