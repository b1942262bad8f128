"""A task may have smaller networks in the same archives: whoever asks for a size gets that one, or a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.task_weights import PATCH, SMALL_PATCH, write_mode
from TotalPassportLib.base.errors import ModelError
from TotalPassportLib.models.catalogue import find_entry
from TotalPassportLib.models.nnunet.convert import convert_official_folder
from TotalPassportLib.models.reading import read_model
from TotalPassportLib.models.task import load_task
from TotalPassportLib.models.transfer.intake import import_models
from TotalPassportLib.models.transfer.weights import weights_model
from TotalPassportLib.options import RunOptions

TASK = load_task("total_v3")
BIG, SMALL = "total_v3-fast", "total_v3-fast-small"


@pytest.fixture
def weights(home: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return what writes official weights of the fast mode, of some sizes."""
    big = TASK.mode("fast")
    modes = {BIG: big, SMALL: big.small}

    def write(*models: str) -> Path:
        for model in models:
            write_mode(tmp_path / "weights", TASK, modes[model])
        return tmp_path / "weights"

    return write


def patch_of(model: Path) -> int:
    return read_model(model).parts[0].patch_size_zyx[0]


def test_each_size_is_made_of_its_own_networks(weights: Callable[..., Path]) -> None:
    folder = weights(BIG, SMALL)
    assert patch_of(weights_model(BIG, folder)) == PATCH
    made = weights_model(SMALL, folder)
    assert patch_of(made) == SMALL_PATCH
    small = read_model(made)
    assert (small.task, small.mode) == (TASK, TASK.mode("fast")), "crops, after-work and structures are the task's"
    assert small.title == "TotalSegmentator: Whole body (CT, third generation), fast, 3 mm, small networks"


def test_one_size_is_never_made_of_the_other(weights: Callable[..., Path]) -> None:
    folder = weights(BIG)
    with pytest.raises(ModelError, match=r"lacks Dataset836_\w+/\w+__nnUNetResEncUNetLPlans_8__3d_fullres"):
        weights_model(SMALL, folder)
    assert [path.name for path in import_models([folder])] == [BIG]


def test_both_sizes_are_imported_and_remembered_apart(weights: Callable[..., Path]) -> None:
    folder = weights(BIG, SMALL)
    assert [path.name for path in import_models([folder])] == [BIG, SMALL]
    assert [path.name for path in import_models([folder], SMALL)] == [SMALL], "it is the one that came first"
    assert patch_of(find_entry(SMALL).folder) == SMALL_PATCH


def test_an_unnamed_conversion_takes_the_size_that_was_given(weights: Callable[..., Path], tmp_path: Path) -> None:
    (trainer,) = weights(SMALL).glob("*/*")
    convert_official_folder(trainer, tmp_path / "model")
    assert read_model(tmp_path / "model").name == SMALL


def test_the_size_is_an_option_of_a_run_for_tasks_that_have_it() -> None:
    small = RunOptions(task=("total_v3", "total"), fast=True, model_size="small")
    assert small.models() == (SMALL, "fast")
    assert RunOptions(task=("total_v3",), fastest=True, model_size="small").models() == ("total_v3-fastest",)
