"""A bundle is read as data, whichever way it comes; nothing in it is evaluated, and what is another one is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.bundles import SMALL, configuration, random_tensors, write_bundle, zipped
from support.checkpoints import write_state_dict
from TotalPassportLib.base.errors import ModelError
from TotalPassportLib.models.monai.bundle import HIGHRES, LOWRES, is_bundle, read_bundle
from TotalPassportLib.models.monai.convert_bundle import convert_bundle
from TotalPassportLib.models.network_conventions import Blending
from TotalPassportLib.models.reading import read_model


@pytest.fixture(scope="module")
def bundle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundles") / "wholeBody_ct_segmentation")


def test_a_bundle_is_found_as_folder_around_it_inside_of_it_and_zipped(bundle_folder: Path, tmp_path: Path) -> None:
    archive = zipped(bundle_folder, tmp_path / "bundle.zip")
    for number, path in enumerate((bundle_folder, bundle_folder.parent, bundle_folder / "models", archive)):
        bundle = read_bundle(path, tmp_path / f"work{number}")
        assert bundle is not None, path
        assert set(bundle.checkpoints) == {HIGHRES, LOWRES}
        assert (bundle.windows, bundle.strides) == ((32, 32, 32), (24, 24, 24))
    single = read_bundle(bundle_folder / "models" / "model_lowres.pt", tmp_path)
    assert single is not None
    assert set(single.checkpoints) == {LOWRES}
    assert not is_bundle(tmp_path / "nothing")


@pytest.mark.parametrize("form", ["plain", "wrapped", "parallel", "half"])
def test_a_checkpoint_of_every_form_becomes_the_same_model(form: str, bundle_folder: Path, tmp_path: Path) -> None:
    tensors = random_tensors()
    if form == "parallel":
        tensors = {f"module.{name}": value for name, value in tensors.items()}
    if form == "half":
        tensors = {name: value.astype(np.float16) for name, value in tensors.items()}
    write_state_dict(tmp_path / "model.pt", tensors, "model" if form == "wrapped" else None)
    bundle = read_bundle(tmp_path / "model.pt", tmp_path)
    assert bundle is not None
    convert_bundle(bundle, HIGHRES, tmp_path / "converted", "mine")
    whole = read_bundle(bundle_folder, tmp_path)
    assert whole is not None
    convert_bundle(whole, HIGHRES, tmp_path / "of_folder", "mine")
    one, other = (read_model(tmp_path / name) for name in ("converted", "of_folder"))
    assert (one.parts[0].sha256 == other.parts[0].sha256) == (form != "half")
    assert one.labels.name == other.labels.name == "monai_wholebody"
    assert one.spacing_mm == (1.5, 1.5, 1.5)


def test_a_converted_model_is_run_as_the_bundle_says(bundle_folder: Path, tmp_path: Path) -> None:
    bundle = read_bundle(bundle_folder, tmp_path)
    assert bundle is not None
    convert_bundle(bundle, LOWRES, tmp_path / "m", "wholebody-lowres")
    model = read_model(tmp_path / "m")
    (part,) = model.parts
    assert model.spacing_mm == (3.0, 3.0, 3.0)
    assert (model.preparation.sampling.rule, model.preparation.orientation) == ("monai", "RAS")
    assert (part.axes, part.patch_size_zyx, part.stride) == ((2, 1, 0), (32, 32, 32), (24, 24, 24))
    assert (part.padding, part.blending) == ("edge", Blending(kind="gaussian", sigma=0.125, floor=1e-3))
    assert part.label_values == tuple(range(105))
    assert model.labels[7].name == "aorta", "its own numbers, and TotalSegmentator's names"
    assert part.gigaflop_per_window == pytest.approx(SMALL.gigaflop((32, 32, 32)), abs=1e-3)


def without_last_step() -> list[dict[str, Any]]:
    return configuration()["preprocessing"]["transforms"][:-1]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"preprocessing": {"transforms": without_last_step()}}, "prepares scans in another way"),
        ({"pixdim": "$[1.0, 1.0, 1.0]"}, "works at other voxel sizes"),
        ({"network_def": {"_target_": "UNet", "spatial_dims": 3, "in_channels": 1}}, "its network is UNet"),
        ({"inferer": {"_target_": "SimpleInferer"}}, "puts windows together in another way"),
        ({"network_def": 3}, "has not the fields"),
    ],
)
def test_another_bundle_is_refused_with_what_differs(changes: dict[str, Any], reason: str, tmp_path: Path) -> None:
    write_bundle(tmp_path / "b", **changes)
    with pytest.raises(ModelError, match=reason) as failure:
        read_bundle(tmp_path / "b", tmp_path)
    assert "Export its network to ONNX" in str(failure.value.hint)


def test_names_that_do_not_fit_the_network_are_refused(tmp_path: Path) -> None:
    bundle = read_bundle(write_bundle(tmp_path / "b", names={"0": "background", "1": "liver"}), tmp_path)
    assert bundle is not None
    with pytest.raises(ModelError, match="names 1 structures, but its network has 105 channels"):
        convert_bundle(bundle, HIGHRES, tmp_path / "m", "m")


def test_structures_of_ones_own_keep_their_names(tmp_path: Path) -> None:
    names = {str(value): f"thing {value}" for value in range(105)}
    bundle = read_bundle(write_bundle(tmp_path / "b", names=names), tmp_path)
    assert bundle is not None
    convert_bundle(bundle, HIGHRES, tmp_path / "m", "m")
    assert read_model(tmp_path / "m").labels[104].name == "thing 104"


def test_a_checkpoint_that_wants_to_run_something_is_refused(tmp_path: Path) -> None:
    import pickle
    import zipfile

    class Hostile:
        def __reduce__(self) -> tuple[Any, ...]:
            return eval, ("1/0",)

    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"model": Hostile()}, protocol=2))
    bundle = read_bundle(tmp_path / "model.pt", tmp_path)
    assert bundle is not None
    with pytest.raises(ModelError, match="nothing was executed"):
        convert_bundle(bundle, HIGHRES, tmp_path / "m", "m")
    assert not (tmp_path / "m").exists()


def test_a_configuration_that_is_no_json_is_refused(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "b")
    (folder / "configs" / "inference.json").write_text(json.dumps([1]), encoding="utf-8")
    with pytest.raises(ModelError, match="has not the fields"):
        read_bundle(folder, tmp_path)
