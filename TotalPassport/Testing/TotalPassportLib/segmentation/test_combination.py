"""Several tasks make one label image, in which each structure has one number for ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.tasks import TaskModels
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.labels import load_label_table
from TotalPassportLib.image.volume import Volume
from TotalPassportLib.models.task import load_task
from TotalPassportLib.segmentation.combination import combined_labels
from TotalPassportLib.segmentation.masks import structure_masks
from TotalPassportLib.segmentation.task_segmentation import ScanLabels

SHAPE = (8, 9, 10)


@pytest.fixture
def models(tmp_path: Path) -> TaskModels:
    return TaskModels(tmp_path)


def scan_of(hounsfield: np.ndarray) -> Volume:
    return Volume(
        voxels=hounsfield, affine=np.eye(4), nominal_spacing_mm=(1.0, 1.0, 1.0), header=None, path=Path("ct.nii")
    )  # fmt: skip


SCAN = scan_of(np.zeros(SHAPE, np.float32))


def found(models: TaskModels, task: str, blocks: dict[int, Any], mode: str = "normal") -> ScanLabels:
    """Return a task's result with a label in each of some blocks."""
    voxels = np.zeros(SHAPE, np.uint8)
    for value, block in blocks.items():
        voxels[block] = value
    model = models(models.add(task, mode))
    return ScanLabels(
        model=model, searched=tuple(load_task(task).labels), voxels=voxels, prepared=None, on_model_grid=None, box=None
    )


def test_one_task_keeps_its_own_values(models: TaskModels) -> None:
    liver = found(models, "total", {5: np.s_[2:6]}, "fast")
    combined = combined_labels(SCAN, [liver])
    assert combined.voxels.dtype == np.uint8
    assert combined.voxels is liver.voxels
    assert combined.table.name == "total"


def test_of_several_tasks_the_later_one_has_a_shared_voxel_and_each_structure_stays_whole(models: TaskModels) -> None:
    total = found(models, "total", {5: np.s_[2:6]}, "fast")
    vessels = found(models, "liver_vessels", {1: np.s_[4:7]})
    liver, vessel = load_task("total").number(5), load_task("liver_vessels").number(1)
    combined = combined_labels(SCAN, [total, vessels])
    assert combined.voxels.dtype == np.uint16
    assert set(np.unique(combined.voxels[2:4])) == {liver}
    assert set(np.unique(combined.voxels[4:7])) == {vessel}
    other_order = combined_labels(SCAN, [vessels, total])
    assert set(np.unique(other_order.voxels[2:6])) == {liver}
    masks = dict(structure_masks(combined, derived=True))
    assert masks["liver"].sum() == 4 * 9 * 10, "the part under the vessels counts too"
    assert masks["liver_vessels"].sum() == 3 * 9 * 10
    assert not masks["spleen"].any(), "what was not found has its mask too"


def test_the_names_of_numbers_are_the_structures_own_and_shared_ones_tell_their_task(models: TaskModels) -> None:
    both = [found(models, "total", {}, "fast"), found(models, "total_v3", {}, "fast")]
    table = combined_labels(SCAN, both).table
    liver = load_task("total_v3").labels.named("liver")
    assert liver is not None
    assert table[load_task("total_v3").number(liver.value)].name == "total_v3_liver"
    assert table[load_task("total").number(5)].name == "total_liver"
    vessels = combined_labels(SCAN, [both[0], found(models, "liver_vessels", {})]).table
    assert vessels[load_task("liver_vessels").number(2)].name == "liver_tumor"
    assert vessels[5].name == "liver"


def test_the_order_of_version_1_goes_by_names_and_what_it_lacked_is_background(models: TaskModels) -> None:
    total, v1 = load_label_table("total"), load_label_table("total_v1")
    by_name = {label.name: label.value for label in v1.values()}
    lacking = next(label for label in total.values() if label.name not in by_name)
    combined = combined_labels(
        SCAN, [found(models, "total", {5: np.s_[:3], lacking.value: np.s_[3:6]}, "fast")], v1_order=True
    )
    assert set(np.unique(combined.voxels)) == {0, by_name["liver"]}
    assert combined.table[by_name["liver"]].name == "liver"
    with pytest.raises(BadInput, match="Only the task 'total'"):
        combined_labels(SCAN, [found(models, "liver_vessels", {})], v1_order=True)


def test_only_a_whole_result_of_one_task_can_stay_on_the_networks_grid(models: TaskModels) -> None:
    with pytest.raises(BadInput, match="network's grid"):
        combined_labels(SCAN, [found(models, "total", {}, "fast")], on_model_grid=True)


def test_the_body_brings_its_union_and_its_skin(models: TaskModels) -> None:
    hounsfield = np.zeros((20, 20, 20), np.float32)
    hounsfield[:3] = -1000
    hounsfield[6:14, 6:14, 6:14] = 40
    scan = scan_of(hounsfield)
    voxels = np.zeros(hounsfield.shape, np.uint8)
    voxels[3:17, 3:17, 3:17] = 1
    voxels[15:17, 3:17, 3:17] = 2
    body = ScanLabels(
        model=models(models.add("body")), searched=(1, 2), voxels=voxels, prepared=None, on_model_grid=None, box=None
    )
    masks = dict(structure_masks(combined_labels(scan, [body]), derived=True))
    assert list(masks) == ["body_trunc", "body_extremities", "body", "skin"]
    assert np.array_equal(masks["body"], voxels > 0)
    skin = masks["skin"].astype(bool)
    assert skin[3:5, 10, 10].all(), "two voxels inside the surface"
    assert not skin[5:15, 10, 10].any()
    assert skin[17, 10, 10], "one outside"
    assert not skin[2, 10, 10], "air is no skin"
    assert list(dict(structure_masks(combined_labels(scan, [body]), derived=False))) == list(masks)[:2]
