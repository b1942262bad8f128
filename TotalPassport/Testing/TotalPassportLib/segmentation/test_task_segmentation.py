"""What belongs to a task besides its networks: crops by a rough model, after-work, and what several tasks share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.scans import KIDNEY, LIVER, SPLEEN
from support.tasks import TaskModels
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.image.cropping import box_of
from TotalPassportLib.image.volume import Volume, load_ct
from TotalPassportLib.models.task import load_task
from TotalPassportLib.segmentation.engine_choice import NetworkOpener
from TotalPassportLib.segmentation.segment import RunCallbacks
from TotalPassportLib.segmentation.task_options import TaskOptions
from TotalPassportLib.segmentation.task_segmentation import (
    PLAIN,
    TaskSegmentation,
    models_needed,
)

ADDON_MM = 20


class Runs:
    """Runs models on the phantom and notes which of them ran."""

    def __init__(self, scan: Volume, models: TaskModels, networks: NetworkOpener) -> None:
        self.scan, self.models = scan, models
        self.ran: list[str] = []
        self.segmentation = TaskSegmentation(scan, networks, models, self._callbacks)

    def _callbacks(self, name: str) -> RunCallbacks:
        self.ran.append(name)
        return RunCallbacks(on_window=lambda done, total: None)

    def labels(self, name: str, wanted: tuple[int, ...] = (), options: TaskOptions = PLAIN) -> np.ndarray:
        return self.segmentation.run(self.models(name), wanted, options).voxels


@pytest.fixture
def runs(phantom_ct: Path, tmp_path: Path) -> Iterator[Runs]:
    models = TaskModels(tmp_path)
    for mode in ("fast", "fastest"):
        models.add("total", mode)
    models.add("liver_vessels", values=(0, 1, 2, 2))
    models.add("liver_segments", values=(0, 1, 2, 3))
    with NetworkOpener("cpu", "exact", lambda code, sentence: None) as networks:
        yield Runs(load_ct(phantom_ct), models, networks)


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def test_a_scan_is_cut_to_the_rough_models_structure_and_its_margin(runs: Runs) -> None:
    """The liver vessels' network calls the kidney 2; beyond 20 mm around the liver it is never seen."""
    labels = runs.labels("liver_vessels")
    rough = runs.labels("fastest")
    assert runs.ran == ["fastest", "liver_vessels", "fastest"]
    addon = [int(ADDON_MM / size) for size in runs.scan.spacing_mm]
    box = box_of(rough == LIVER.label, addon)
    assert box is not None
    outside = np.ones(labels.shape, bool)
    outside[box] = False
    assert not labels[outside].any()
    assert dice(labels == 1, runs.labels("fast") == LIVER.label) > 0.9, "the grid begins elsewhere"


def test_tasks_that_share_a_crop_run_its_model_once(runs: Runs) -> None:
    runs.labels("liver_vessels")
    runs.labels("liver_segments")
    assert runs.ran == ["fastest", "liver_vessels", "liver_segments"]


def test_a_whole_run_of_the_rough_model_serves_as_the_crop_of_later_tasks(runs: Runs) -> None:
    runs.labels("fastest")
    runs.labels("liver_vessels")
    assert runs.ran == ["fastest", "liver_vessels"]


def test_the_robust_crop_is_that_of_the_finer_model(runs: Runs) -> None:
    runs.labels("liver_vessels", options=TaskOptions(robust_crop=True))
    assert runs.ran == ["fast", "liver_vessels"]


def test_where_the_rough_model_finds_nothing_the_network_does_not_run(runs: Runs) -> None:
    runs.models.add("total", "fastest", values=(0, 1, 1, 1))  # everything is spleen
    found = runs.segmentation.run(runs.models("liver_vessels"))
    assert runs.ran == ["fastest"]
    assert not found.voxels.any()
    assert (found.on_model_grid, found.box) == (None, None)


def test_a_few_structures_are_looked_for_where_the_rough_model_sees_them(runs: Runs) -> None:
    options = TaskOptions(crop_to_wanted=True)
    labels = runs.labels("fast", (SPLEEN.label,), options)
    assert runs.ran == ["fastest", "fast"]
    assert set(np.unique(labels)) == {0, SPLEEN.label}
    assert dice(labels == SPLEEN.label, runs.labels("fast") == SPLEEN.label) > 0.7


def test_a_crop_to_structures_is_refused_where_no_rough_model_knows_them(runs: Runs) -> None:
    runs.models.add("vertebrae_body", values=(0, 1, 1, 1))
    with pytest.raises(BadInput, match="no rough model"):
        runs.labels("vertebrae_body", (1,), TaskOptions(crop_to_wanted=True))


def test_body_seg_cuts_to_the_patient(runs: Runs) -> None:
    """Of the body only the largest piece counts, which is here the kidney with the spleen inside."""
    runs.models.add("body", "fast", values=(0, 1, 1, 1))
    labels = runs.labels("fast", options=TaskOptions(body_seg=True))
    assert runs.ran == ["body-fast", "fast"]
    assert set(np.unique(labels)) == {0, KIDNEY.label, SPLEEN.label}
    assert dice(labels == KIDNEY.label, runs.labels("fast") == KIDNEY.label) > 0.85


def test_labels_outside_of_another_tasks_structure_are_removed(runs: Runs) -> None:
    """The refined vertebrae are kept only where their bodies are; here the bodies are where the kidney is."""
    runs.models.add("vertebrae_body", values=(0, 2, 1, 2))
    runs.models.add("vertebrae_pp_refined", values=(0, 5, 2, 1))
    labels = runs.labels("vertebrae_pp_refined")
    assert set(runs.ran) == {"vertebrae_pp_refined", "vertebrae_body"}
    assert labels.any()
    assert not labels[runs.labels("vertebrae_body") != 1].any()


def test_small_blobs_go_up_to_the_volume_that_is_asked_for(runs: Runs) -> None:
    volumes = {organ.label: organ.volume_mm3 for organ in (LIVER, KIDNEY, SPLEEN)}
    between = (volumes[SPLEEN.label] + volumes[LIVER.label]) / 2
    labels = runs.labels("fast", options=TaskOptions(small_blobs_mm3=between))
    assert set(np.unique(labels)) == {0, LIVER.label, KIDNEY.label}


def test_splitting_changes_no_label_of_a_network_that_sees_one_voxel(runs: Runs) -> None:
    runs.models.add("total", "normal", spacing_mm=[1.5, 1.5, 1.5], part={"spacing_mm": [1.5, 1.5, 1.5]})
    whole, split = (runs.labels("full", options=TaskOptions(force_split=flag)) for flag in (False, True))
    assert np.array_equal(split, whole)
    with pytest.raises(BadInput, match="too short to be split"):
        runs.labels("fast", options=TaskOptions(force_split=True))


@pytest.mark.parametrize("options", [TaskOptions(higher_order_resampling=True), TaskOptions(smooth_masks=True)])
def test_smooth_labels_differ_only_at_borders(runs: Runs, options: TaskOptions) -> None:
    plain, smooth = runs.labels("fast"), runs.labels("fast", options=options)
    differing = plain != smooth
    assert 0 < differing.mean() < 0.01
    for organ in (LIVER, KIDNEY):
        counts = [np.count_nonzero(labels == organ.label) for labels in (plain, smooth)]
        assert counts[1] == pytest.approx(counts[0], rel=0.1)


def test_what_a_run_needs_is_known_before_it_begins(runs: Runs) -> None:
    assert models_needed(runs.models("liver_vessels"), (), PLAIN) == ["fastest"]
    assert models_needed(runs.models("liver_vessels"), (), TaskOptions(robust_crop=True)) == ["fast"]
    assert models_needed(runs.models("fast"), (), PLAIN) == []
    runs.models.add("vertebrae_pp_refined")
    assert models_needed(runs.models("vertebrae_pp_refined"), (), PLAIN) == ["vertebrae_body"]


def test_where_the_crop_of_a_crop_finds_nothing_neither_does_the_task(runs: Runs) -> None:
    """Teeth are looked for in the jaws, and jaws in the skull, which the phantom does not have."""
    runs.models.add("craniofacial_structures", values=(0, 1, 2, 2))
    runs.models.add("teeth", values=(0, 1, 2, 3))
    assert not runs.labels("teeth").any()
    assert runs.ran == [load_task("total").mode("fastest").model], "nothing else had anywhere to look"
