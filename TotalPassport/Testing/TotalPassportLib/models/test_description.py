"""A model's description is believed only where it is complete and consistent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.networks import edit_model, model_document, part_document, save_network, threshold_layers, write_model
from TotalPassportLib.base.errors import ModelError
from TotalPassportLib.models.description import verify_network
from TotalPassportLib.models.reading import read_model


def test_a_model_is_read_from_its_folder_its_description_or_its_network(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    models = [read_model(path) for path in (folder, folder / "model.json", folder / "network.onnx")]
    for model in models:
        assert model.name == "threshold"
        assert model.spacing_mm == (3.0, 3.0, 3.0)
        assert model.labels[5].name == "liver"
        (part,) = model.parts
        assert part.label_values == (0, 5, 2, 1)
        assert part.patch_size_zyx == (16, 20, 24)
        assert part.normalisation.std_hu == 500
        verify_network(part)


def test_a_network_may_carry_its_description(tmp_path: Path) -> None:
    text = json.dumps(model_document([part_document(None)]))
    path = save_network(tmp_path / "alone.onnx", threshold_layers(), metadata=text)
    assert read_model(path).parts[0].network == path


def test_a_model_may_bring_its_own_labels(tmp_path: Path) -> None:
    labels = [{"value": 9, "name": "tumour", "display_name": "Tumour", "color_rgb": [1, 2, 3]}]
    model = read_model(write_model(tmp_path / "m", part={"label_values": [0, 9, 9, 9]}, labels=labels))
    assert model.labels[9].name == "tumour"


def change(field: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document.update({field: value})


def change_part(field: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["parts"][0].update({field: value})


def change_rule(field: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["parts"][0]["normalisation"].update({field: value})


BAD = {
    "no parts": change("parts", []),
    "unknown table": change("labels", "nobody"),
    "label in no table": change_part("label_values", [0, 5, 2, 200]),
    "first channel not background": change_part("label_values", [5, 0, 2, 1]),
    "label beyond uint8": change_part("label_values", [0, 5, 2, 256]),
    "patch against divisor": change_part("divisor_zyx", [16, 16, 16]),
    "patch of zero": change_part("patch_size_zyx", [0, 16, 16]),
    "patch beyond reason": change_part("patch_size_zyx", [4096, 16, 16]),
    "step of zero": change_part("step", 0),
    "step beyond one": change_part("step", 1.5),
    "empty clip range": change_rule("clip_low_hu", 2000.0),
    "no deviation": change_rule("std_hu", 0),
    "infinite mean": change_rule("mean_hu", float("inf")),
    "another scheme": change_rule("scheme", "zscore"),
    "spacing of zero": change("spacing_mm", [0, 3, 3]),
    "two spacings": change("spacing_mm", [3, 3]),
    "network elsewhere": change_part("network", "../other/network.onnx"),
    "absolute network": change_part("network", "/etc/passwd"),
    "no network": change_part("network", None),
    "short hash": change_part("sha256", "abc"),
    "a later version": change("schema", "totalpassport-model/2"),
    "an unknown field": change("weights", "everywhere"),
    "labels of the wrong form": change("labels", [{"value": 1}]),
}


@pytest.mark.parametrize("name", BAD)
def test_a_description_that_cannot_be_right_is_refused(name: str, tmp_path: Path) -> None:
    folder = edit_model(write_model(tmp_path / "m"), BAD[name])
    with pytest.raises(ModelError) as caught:
        read_model(folder)
    assert "model.json" in caught.value.message
    assert caught.value.hint.endswith(".")


def test_a_network_that_was_exchanged_is_noticed(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    save_network(folder / "network.onnx", threshold_layers((0.0, 1.0, 2.0, 3.0)))
    with pytest.raises(ModelError, match="SHA-256 differs"):
        verify_network(read_model(folder).parts[0])


def test_a_network_that_is_missing_is_noticed(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    (folder / "network.onnx").unlink()
    with pytest.raises(ModelError, match="is missing"):
        verify_network(read_model(folder).parts[0])


def test_a_stranger_beside_a_model_is_not_taken_for_its_network(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    stranger = save_network(folder / "stranger.onnx", threshold_layers())
    with pytest.raises(ModelError, match="carries no description"):
        read_model(stranger)
