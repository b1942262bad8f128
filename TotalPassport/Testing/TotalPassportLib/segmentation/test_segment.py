"""One model on one prepared CT, against a plain implementation of the same rules."""

from __future__ import annotations

import hashlib
import json
import sys
from itertools import product
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from support.networks import (
    edit_model,
    model_document,
    part_document,
    save_network,
    slow_layers,
    threshold_layers,
    write_model,
    write_unet_model,
)
from TotalPassportLib.base.errors import Cancelled, ModelError
from TotalPassportLib.image.grid import canonical_grid
from TotalPassportLib.image.preparation import PreparedCT
from TotalPassportLib.models.description import ModelDescription
from TotalPassportLib.models.reading import read_model
from TotalPassportLib.options import RunOptions
from TotalPassportLib.pipeline import run as run_pipeline
from TotalPassportLib.segmentation.engine_choice import NetworkOpener
from TotalPassportLib.segmentation.segment import RunCallbacks, segment
from TotalPassportLib.segmentation.windows import gaussian_weights


def prepared(hounsfield_zyx: np.ndarray, box: tuple[slice, slice, slice] | None = None, shape=None) -> PreparedCT:
    shape = hounsfield_zyx.shape if shape is None else shape
    box = tuple(slice(0, size) for size in shape) if box is None else box
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    return PreparedCT(
        hounsfield_zyx=hounsfield_zyx.astype(np.float32),
        box_zyx=box,
        shape_zyx=shape,
        affine=affine,
        grid=canonical_grid(affine, shape[::-1]),
        spacing_mm=np.full(3, 3.0, np.float32),
    )


def run(
    ct: PreparedCT, model: ModelDescription, wanted: tuple[int, ...] = ()
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    steps: list[tuple[int, int]] = []
    callbacks = RunCallbacks(on_window=lambda done, total: steps.append((done, total)))
    with NetworkOpener("cpu", "exact", refuse_warning) as networks:
        found = segment(ct, model, networks, callbacks=callbacks, wanted=wanted)
    assert (found.provider, found.arithmetic) == ("CPUExecutionProvider", "float32")
    assert found.network_seconds > 0
    return found.voxels.transpose(2, 1, 0), steps


def refuse_warning(code: str, sentence: str) -> None:
    raise AssertionError(sentence)


def plain_segmentation(image: np.ndarray, model: ModelDescription) -> np.ndarray:
    """Steps 5 to 7 of facts/pipeline.md with whole accumulators and onnxruntime alone."""
    (part,) = model.parts
    rule, patch = part.normalisation, part.patch_size_zyx
    clipped = np.clip(image.astype(np.float32), np.float32(rule.clip_low_hu), np.float32(rule.clip_high_hu))
    normal = (clipped - np.float32(rule.mean_hu)) / np.float32(rule.std_hu)
    low = [max(wanted - size, 0) // 2 for size, wanted in zip(image.shape, patch, strict=True)]
    padded_shape = [max(size, wanted) for size, wanted in zip(image.shape, patch, strict=True)]
    inside = tuple(slice(first, first + size) for first, size in zip(low, image.shape, strict=True))
    padded = np.zeros(padded_shape, np.float32)
    padded[inside] = normal
    session = onnxruntime.InferenceSession(part.network, providers=["CPUExecutionProvider"])
    gauss = gaussian_weights(patch)
    total = np.zeros((len(part.label_values), *padded_shape), np.float16)
    count = np.zeros(padded_shape, np.float16)
    starts = []
    for size, wanted in zip(padded_shape, patch, strict=True):
        number = int(np.ceil((size - wanted) / (part.step * wanted))) + 1
        starts.append([round(i * (size - wanted) / max(number - 1, 1)) for i in range(number)])
    for start in product(*starts):
        place = tuple(slice(first, first + size) for first, size in zip(start, patch, strict=True))
        (out,) = session.run(None, {"input": np.ascontiguousarray(padded[place])[None, None]})
        total[:, *place] = (total[:, *place].astype(np.float32) + out[0] * gauss.astype(np.float32)).astype(np.float16)
        count[place] += gauss
    mean = (total.astype(np.float32) / count.astype(np.float32)).astype(np.float16)
    return np.array(part.label_values)[mean.astype(np.float64).argmax(axis=0)][inside]


@pytest.mark.parametrize(
    ("shape", "step"),
    [((40, 33, 37), 0.5), ((16, 20, 24), 0.8), ((9, 50, 7), 0.8), ((5, 6, 7), 0.8), ((50, 9, 26), 0.3)],
)
@pytest.mark.parametrize("kind", ["threshold", "random"])
@pytest.mark.slow
def test_labels_equal_those_of_a_plain_implementation(
    shape: tuple[int, int, int], step: float, kind: str, tmp_path: Path
) -> None:
    layers = threshold_layers() if kind == "threshold" else slow_layers(width=4, depth=2)
    model = read_model(write_model(tmp_path / "m", layers, {"step": step}))
    image = np.random.default_rng(7).integers(-1200, 2200, shape)
    labels, steps = run(prepared(image), model)
    assert labels.dtype == np.uint8
    assert len(np.unique(labels)) > 1
    assert np.array_equal(labels, plain_segmentation(image, model))
    assert steps == [(done, steps[0][1]) for done in range(steps[0][1] + 1)]


def test_labels_of_the_box_are_put_back_into_the_whole_grid(threshold_model: Path) -> None:
    box = (slice(3, 7), slice(2, 10), slice(5, 6))
    ct = prepared(np.full((4, 8, 1), -500), box, (12, 13, 14))
    labels, _ = run(ct, read_model(threshold_model))
    expected = np.zeros((12, 13, 14), np.uint8)
    expected[box] = 5
    assert np.array_equal(labels, expected)


def two_part_model(folder: Path, later_labels: list[int]) -> ModelDescription:
    """First part: -500 is 5 and 500 is 2. Later part: only 500 is found, under another label."""
    folder.mkdir()
    first = part_document(save_network(folder / "first.onnx", threshold_layers()), name="first")
    later_network = save_network(folder / "later.onnx", threshold_layers((0.0, 500.0)))
    later = part_document(later_network, name="later", label_values=later_labels, patch_size_zyx=[8, 8, 8])
    (folder / "model.json").write_text(json.dumps(model_document([first, later])), encoding="utf-8")
    return read_model(folder)


def test_a_later_part_overwrites_an_earlier_one_only_where_it_finds_something(tmp_path: Path) -> None:
    image = np.zeros((10, 10, 10))
    image[:3], image[6:] = -500, 500
    labels, steps = run(prepared(image), two_part_model(tmp_path / "m", [0, 117]))
    assert (labels[:3] == 5).all()
    assert (labels[3:6] == 0).all()
    assert (labels[6:] == 117).all()
    assert steps[-1] == (1 + 8, 1 + 8), "windows of all parts are counted together"


@pytest.mark.parametrize(("wanted", "windows"), [((5,), 1), ((117,), 8), ((2, 117), 9), ((), 9)])
def test_only_the_parts_that_find_something_wanted_run(wanted: tuple[int, ...], windows: int, tmp_path: Path) -> None:
    image = np.zeros((10, 10, 10))
    image[:3], image[6:] = -500, 500
    model = two_part_model(tmp_path / "m", [0, 117])
    labels, steps = run(prepared(image), model, wanted)
    whole, _ = run(prepared(image), model)
    assert steps[-1] == (windows, windows)
    assert np.array_equal(labels, np.where(np.isin(whole, wanted), whole, 0) if wanted else whole)


def test_a_run_stops_between_two_windows(tmp_path: Path) -> None:
    model = read_model(write_model(tmp_path / "m", part={"patch_size_zyx": [4, 4, 4]}))

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise Cancelled

    with NetworkOpener("cpu", "exact", refuse_warning) as networks, pytest.raises(Cancelled):
        segment(prepared(np.ones((20, 20, 20))), model, networks, callbacks=RunCallbacks(on_window=stop))


def test_a_network_with_another_number_of_channels_than_described_is_refused(tmp_path: Path) -> None:
    model = read_model(write_model(tmp_path / "m", part={"label_values": [0, 5, 2, 1, 7]}))
    with pytest.raises(ModelError, match=r"output of shape .*4, .* instead of \[1, 5, 16, 20, 24\]"):
        run(prepared(np.ones((20, 20, 20))), model)


_opened: list[str] | None = None
"""The files that Python has opened since somebody wanted to know; None as long as nobody does."""


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and _opened is not None:
        _opened.append(str(arguments[0]))


sys.addaudithook(_hear)  # it cannot be taken away again


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("hashed", [True, False], ids=["with hashes", "without hashes"])
@pytest.mark.slow
def test_a_networks_files_are_read_once_in_a_whole_run(
    hashed: bool, phantom_ct: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """onnxruntime opens the network by itself, which Python does not hear."""
    model = write_unet_model(tmp_path / "m")
    if not hashed:
        edit_model(model, lambda document: document["parts"][0].update(sha256=None))
    (part,) = read_model(model).parts
    digest = hashlib.sha256(part.network.read_bytes()).hexdigest()
    opened: list[str] = []
    with monkeypatch.context() as listening:
        listening.setattr(sys.modules[__name__], "_opened", opened)
        result = run_pipeline(phantom_ct, tmp_path / "out", RunOptions(model=str(model)))
    assert result.passport.model["networks_sha256"] == [digest]
    assert (opened.count(str(part.network)), opened.count(str(part.head))) == (1, 1)
