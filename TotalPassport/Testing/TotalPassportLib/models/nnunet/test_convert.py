"""Released weights become a model that runs, whole or not at all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from support.checkpoints import random_weights, write_checkpoint
from TotalPassportLib.base.errors import BadInput, Cancelled, ModelError
from TotalPassportLib.models.description import Part, read_head, verify_network
from TotalPassportLib.models.nnunet.architecture import PlainConvUNet
from TotalPassportLib.models.nnunet.convert import convert_official_folder
from TotalPassportLib.models.nnunet.layout import find_datasets
from TotalPassportLib.models.nnunet.plans import read_plans
from TotalPassportLib.models.reading import read_model
from TotalPassportLib.models.task import load_task

TRAINER = "nnUNetTrainer__nnUNetPlans__3d_fullres"
FAST = "Dataset297_TotalSegmentator_total_3mm_1559subj"
CARDIAC = "Dataset293_TotalSegmentator_part3_cardiac_1559subj"
ORGANS = ("spleen", "liver")


def tiny_network(channels: int) -> PlainConvUNet:
    return PlainConvUNet(
        input_channels=1, output_channels=channels, features_per_stage=(4, 8), strides=((1, 1, 1), (2, 2, 2)),
        kernel_sizes=((3, 3, 3),) * 2, n_conv_per_stage=(1, 1), n_conv_per_stage_decoder=(1,),
    )  # fmt: skip


def write_weights(
    folder: Path, dataset: str = "Dataset801_tiny", names: tuple[str, ...] = ORGANS, **changes: Any
) -> Path:
    """Write a tiny network in official layout and return the trainer's folder."""
    network = tiny_network(len(names) + 1)
    settings = {
        "patch_size": [16, 16, 16], "spacing": [3.0, 3.0, 3.0], "normalization_schemes": ["CTNormalization"],
        "UNet_class_name": "PlainConvUNet", "UNet_base_num_features": 4, "unet_max_num_features": 8,
        "n_conv_per_stage_encoder": [1, 1], "n_conv_per_stage_decoder": [1],
        "pool_op_kernel_sizes": network.strides, "conv_kernel_sizes": network.kernel_sizes,
    } | changes  # fmt: skip
    intensities = {"mean": 20.0, "std": 300.0, "percentile_00_5": -900.0, "percentile_99_5": 1500.0}
    plans = {
        "transpose_forward": [0, 1, 2], "transpose_backward": [0, 1, 2], "configurations": {"3d_fullres": settings},
        "foreground_intensity_properties_per_channel": {"0": intensities},
    }  # fmt: skip
    labels = {name: channel for channel, name in enumerate(("background", *names))}
    trainer = folder / dataset / TRAINER
    write_checkpoint(trainer / "fold_0" / "checkpoint_final.pth", random_weights(network))
    (trainer / "plans.json").write_text(json.dumps(plans), encoding="utf-8")
    (trainer / "dataset.json").write_text(
        json.dumps({"channel_names": {"0": "CT"}, "labels": labels}), encoding="utf-8"
    )
    return trainer


def logits_of(part: Part, size: tuple[int, int, int]) -> np.ndarray:
    """Return what network and head make of nothing, ``[1, z, y, x, channels]``."""
    session = onnxruntime.InferenceSession(part.network, providers=["CPUExecutionProvider"])
    (features,) = session.run(None, {"input": np.zeros((1, 1, *size), np.float32)})
    head = read_head(part)
    assert head is not None
    return np.asarray(features @ head[:, :-1].T + head[:, -1])


def test_a_converted_model_can_be_read_and_run(tmp_path: Path) -> None:
    convert_official_folder(write_weights(tmp_path), tmp_path / "model")
    model = read_model(tmp_path / "model")
    (part,) = model.parts
    verify_network(part)
    assert (part.patch_size_zyx, part.divisor_zyx) == ((16, 16, 16), (2, 2, 2))
    assert (part.normalisation.mean_hu, part.normalisation.clip_low_hu) == (20.0, -900.0)
    assert logits_of(part, (16, 18, 20)).shape == (1, 16, 18, 20, 3)


def test_classes_keep_their_label_values_by_name(tmp_path: Path) -> None:
    convert_official_folder(write_weights(tmp_path), tmp_path / "model")
    assert read_model(tmp_path / "model").parts[0].label_values == (0, 1, 5)


def test_a_released_network_with_other_names_is_read_as_totalsegmentator_reads_it(tmp_path: Path) -> None:
    trainer = write_weights(tmp_path, CARDIAC, tuple(f"class_{number}" for number in range(18)))
    convert_official_folder(trainer, tmp_path / "model")
    assert read_model(tmp_path / "model").parts[0].label_values == (0, *range(51, 69))


def test_a_network_of_ones_own_runs_as_nnunet_runs_it(tmp_path: Path) -> None:
    """It resamples by nnU-Net's rules, in steps of half a window, with all folds that there are."""
    trainer = write_weights(tmp_path)
    (trainer / "fold_3").mkdir()
    shutil.copy(trainer / "fold_0" / "checkpoint_final.pth", trainer / "fold_3")
    convert_official_folder(trainer, tmp_path / "model")
    model = read_model(tmp_path / "model")
    assert (model.spacing_mm, model.task) == (None, None)
    assert [len(folds) for folds in model.folds] == [2]
    assert {(part.step, part.spacing_mm) for part in model.parts} == {(0.5, (3.0, 3.0, 3.0))}


def test_structures_that_are_in_no_table_make_a_table_of_their_own(tmp_path: Path) -> None:
    trainer = write_weights(tmp_path, names=("spleen", "tail"))
    convert_official_folder(trainer, tmp_path / "model")
    model = read_model(tmp_path / "model")
    assert [(value, label.name) for value, label in model.labels.items()] == [(1, "spleen"), (2, "tail")]
    assert model.parts[0].label_values == (0, 1, 2)


def test_several_networks_share_totals_numbers_or_stay_apart(tmp_path: Path) -> None:
    trainers = [
        write_weights(tmp_path, f"Dataset80{number}_some", names)
        for number, names in enumerate((("liver",), ("spleen",), ("tail",)))
    ]
    convert_official_folder(trainers[:2], tmp_path / "model")
    assert read_model(tmp_path / "model").label_values == [1, 5]

    with pytest.raises(ModelError, match="'tail'"):
        convert_official_folder(trainers[1:], tmp_path / "other")


def test_regions_of_a_released_network_become_what_its_task_calls_their_labels(tmp_path: Path) -> None:
    names = [label.name for label in load_task("trunk_cavities").labels.values()]
    trainer = write_weights(tmp_path, "Dataset343_mediastinum_1786subj", names)
    regions = {name: [value, 4] if value < 4 else 4 for value, name in enumerate(names, start=1)}
    dataset = {
        "channel_names": {"0": "CT"}, "labels": {"background": 0, **regions}, "regions_class_order": [1, 2, 3, 4]
    }  # fmt: skip
    (trainer / "dataset.json").write_text(json.dumps(dataset), encoding="utf-8")
    write_checkpoint(trainer / "fold_0" / "checkpoint_final.pth", random_weights(tiny_network(4)))
    convert_official_folder(trainer, tmp_path / "model", "trunk_cavities")
    model = read_model(tmp_path / "model")
    assert (model.parts[0].regions, model.parts[0].label_values) == (True, (1, 2, 3, 4))
    assert model.task == load_task("trunk_cavities")


def test_regions_keep_their_values(tmp_path: Path) -> None:
    trainer = write_weights(tmp_path, names=("whole", "core"))
    dataset = {
        "channel_names": {"0": "MRI"}, "labels": {"background": 0, "whole": [1, 2], "core": 2},
        "regions_class_order": [1, 2],
    }  # fmt: skip
    (trainer / "dataset.json").write_text(json.dumps(dataset), encoding="utf-8")
    write_checkpoint(trainer / "fold_0" / "checkpoint_final.pth", random_weights(tiny_network(2)))
    convert_official_folder(trainer, tmp_path / "model")
    model = read_model(tmp_path / "model")
    assert (model.parts[0].regions, model.parts[0].label_values, model.modality) == (True, (1, 2), "MR")
    assert {value: label.name for value, label in model.labels.items()} == {1: "whole", 2: "core"}


def test_the_five_released_networks_become_one_model_of_five_parts(shared: Path, tmp_path: Path) -> None:
    datasets = find_datasets(shared / "parity" / "weights")
    done: list[tuple[int, int]] = []
    trainers = [datasets[number] for number in range(291, 296)]
    convert_official_folder(trainers, tmp_path / "model", part_done=lambda *counts: done.append(counts))
    model = read_model(tmp_path / "model")
    assert model.spacing_mm == (1.5, 1.5, 1.5)
    assert [len(part.label_values) for part in model.parts] == [25, 27, 19, 24, 27]
    assert sorted(value for part in model.parts for value in part.label_values[1:]) == list(range(1, 118))
    assert done == [(count, 5) for count in range(1, 6)]
    assert (model.name, model.licence) == ("full", "Apache-2.0")


@pytest.mark.parametrize(("number", "name", "spacing"), [(297, "fast", 3.0), (298, "fastest", 6.0)])
def test_a_released_network_becomes_the_model_of_the_catalogue(
    shared: Path, tmp_path: Path, number: int, name: str, spacing: float
) -> None:
    trainer = find_datasets(shared / "parity" / "weights")[number]
    convert_official_folder(trainer, tmp_path / "model")
    model = read_model(tmp_path / "model")
    assert model.name == name
    assert "TotalSegmentator" in model.title
    assert model.spacing_mm == (spacing,) * 3
    assert model.parts[0].label_values == tuple(range(118))
    assert logits_of(model.parts[0], (16, 32, 48)).shape == (1, 16, 32, 48, 118)


def test_weights_under_a_name_of_ones_own_are_not_called_released(tmp_path: Path) -> None:
    names = tuple(label["name"] for label in total_labels())
    convert_official_folder(write_weights(tmp_path, FAST, names), tmp_path / "model", "my fast/one")
    model = read_model(tmp_path / "model")
    assert (model.name, model.licence) == ("my_fast_one", "")
    assert FAST in model.source


def total_labels() -> list[dict[str, Any]]:
    import TotalPassportLib

    table = Path(TotalPassportLib.__file__).parent / "data" / "labels" / "total.json"
    return list(json.loads(table.read_text(encoding="utf-8"))["labels"])


def test_the_folder_of_the_dataset_or_of_all_datasets_will_do(tmp_path: Path) -> None:
    trainer = write_weights(tmp_path / "weights")
    for number, folder in enumerate((trainer, trainer.parent, tmp_path / "weights")):
        convert_official_folder(folder, tmp_path / f"model{number}")
    models = [read_model(tmp_path / f"model{number}") for number in range(3)]
    assert len({(model.name, model.parts[0].sha256) for model in models}) == 1


def test_the_same_weights_give_the_same_files(tmp_path: Path) -> None:
    trainer = write_weights(tmp_path)
    for name in ("one", "two"):
        convert_official_folder(trainer, tmp_path / name)
    one, two = (
        sorted((file.name, file.read_bytes()) for file in (tmp_path / name).iterdir()) for name in ("one", "two")
    )
    assert one == two


def test_networks_of_different_resolutions_each_keep_theirs(tmp_path: Path) -> None:
    fine = write_weights(tmp_path, "Dataset801_fine", spacing=[1.5, 1.5, 1.5])
    coarse = write_weights(tmp_path, "Dataset802_coarse")
    convert_official_folder([fine, coarse], tmp_path / "model")
    assert [part.spacing_mm for part in read_model(tmp_path / "model").parts] == [(1.5,) * 3, (3.0,) * 3]


def test_the_same_dataset_is_not_taken_twice(tmp_path: Path) -> None:
    trainer = write_weights(tmp_path)
    with pytest.raises(ModelError, match="twice"):
        convert_official_folder([trainer, trainer], tmp_path / "model")


def test_an_existing_folder_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(BadInput, match="already"):
        convert_official_folder(write_weights(tmp_path), tmp_path / "model")
    assert not list((tmp_path / "model").iterdir())


def left_over(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if not path.name.startswith("Dataset")]


@pytest.mark.parametrize("name", ["plans.json", "dataset.json", "fold_0/checkpoint_final.pth"])
@pytest.mark.parametrize("content", [None, b"", b"\x00" * 100, b"[]", b'{"a": NaN}', b'{"a": 1, "a": 1}', b"[" * 10**5])
def test_a_missing_or_damaged_file_is_named_and_nothing_is_left_behind(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    trainer = write_weights(tmp_path)
    if content is None:
        (trainer / name).unlink()
    else:
        (trainer / name).write_bytes(content)
    with pytest.raises(ModelError) as refusal:
        convert_official_folder(trainer, tmp_path / "model")
    assert refusal.value.hint
    assert left_over(tmp_path) == []


def test_weights_that_do_not_belong_to_the_plans_leave_nothing_behind(tmp_path: Path) -> None:
    trainer = write_weights(tmp_path, unet_max_num_features=4)
    with pytest.raises(ModelError, match="instead of"):
        convert_official_folder(trainer, tmp_path / "model")
    assert left_over(tmp_path) == []


def test_a_conversion_can_be_cancelled_between_parts_and_leaves_nothing_behind(tmp_path: Path) -> None:
    trainers = [write_weights(tmp_path, f"Dataset80{number}_tiny") for number in range(2)]

    def cancel(done: int, total: int) -> None:
        raise Cancelled()

    with pytest.raises(Cancelled):
        convert_official_folder(trainers, tmp_path / "model", part_done=cancel)
    assert left_over(tmp_path) == []


def test_a_folder_without_weights_says_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no weights") as refusal:
        convert_official_folder(tmp_path, tmp_path / "model")
    assert "plans.json" in refusal.value.hint


def test_a_destination_that_cannot_be_written_is_a_clear_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput):
        convert_official_folder(write_weights(tmp_path), tmp_path / "file" / "model")


def test_plans_say_the_same_as_the_model(tmp_path: Path) -> None:
    trainer = write_weights(tmp_path)
    convert_official_folder(trainer, tmp_path / "model")
    documents = [json.loads((trainer / name).read_text(encoding="utf-8")) for name in ("plans.json", "dataset.json")]
    plans, model = read_plans(*documents), read_model(tmp_path / "model")
    assert model.parts[0].normalisation == plans.normalisation
    assert model.parts[0].spacing_mm == plans.spacing_mm
