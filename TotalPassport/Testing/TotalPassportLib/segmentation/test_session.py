"""Real onnxruntime sessions: what runs, where, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import helper, numpy_helper
from support.networks import (
    edit_model,
    model_document,
    part_document,
    save_graph,
    save_network,
    threshold_layers,
    write_model,
)
from TotalPassportLib.base.errors import ModelError
from TotalPassportLib.models.description import METADATA_KEY
from TotalPassportLib.models.reading import network_metadata, read_model
from TotalPassportLib.segmentation.engines import Engine, plain_engine
from TotalPassportLib.segmentation.session import EngineFailed, NetworkSession, usable_cores


def test_a_network_gives_the_logits_of_its_arithmetic_channels_last(threshold_model: Path) -> None:
    session = NetworkSession(read_model(threshold_model).parts[0], plain_engine())
    patch = np.random.default_rng(0).standard_normal((16, 20, 24)).astype(np.float32)
    ((weights, bias),) = threshold_layers()
    expected = weights.ravel() * patch[..., np.newaxis] + bias
    logits = session.run(patch)
    assert session.head is None
    assert logits.dtype == np.float32
    assert np.allclose(logits, expected, atol=1e-5)
    assert session.seconds > 0


def test_a_network_with_a_head_outside_gives_its_features(small_plain_model: Path) -> None:
    (part,) = read_model(small_plain_model).parts
    session = NetworkSession(part, plain_engine())
    features = session.run(np.zeros(part.patch_size_zyx, np.float32))
    assert session.head is not None
    assert session.head.shape == (len(part.label_values), features.shape[-1] + 1)
    assert features.shape[:-1] == part.patch_size_zyx


def test_a_head_that_is_not_the_one_of_the_description_is_refused(small_plain_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(small_plain_model, tmp_path / "copy")
    (part,) = read_model(folder).parts
    np.save(part.head, np.zeros((3, 3), np.float32))
    with pytest.raises(ModelError, match="SHA-256 differs"):
        NetworkSession(part, plain_engine())
    for content in (np.zeros((3, 3), np.float64), np.array([object()]), np.full((2, 9), np.nan, np.float32)):
        np.save(part.head, content)
        with pytest.raises(ModelError, match="head"):
            NetworkSession(replace(part, head_sha256=None), plain_engine())
    part.head.unlink()
    with pytest.raises(ModelError, match="is missing"):
        NetworkSession(part, plain_engine())


def test_an_engine_that_onnxruntime_replaces_is_noticed(threshold_model: Path) -> None:
    """It only warns about a provider that it cannot start, and runs on another one."""
    absent = Engine(provider="none", execution_provider="CUDAExecutionProvider", arithmetic="float32", options={})
    with pytest.raises(EngineFailed):
        NetworkSession(read_model(threshold_model).parts[0], absent)


def test_a_network_without_five_dimensions_is_refused(tmp_path: Path) -> None:
    network = save_network(tmp_path / "n.onnx", threshold_layers(rank=4), rank=4)
    (tmp_path / "model.json").write_text(json.dumps(model_document([part_document(network)])), encoding="utf-8")
    with pytest.raises(ModelError, match="of 4 dimensions instead of 5; it is for pictures"):
        NetworkSession(read_model(tmp_path).parts[0], plain_engine())


def test_a_network_that_fails_while_it_runs_is_a_model_error(tmp_path: Path) -> None:
    ((weights, bias),) = threshold_layers()
    values = [("w", weights), ("b", bias), ("too_far", np.array([99]))]
    nodes = [
        helper.make_node("Conv", ["input", "w", "b"], ["nearest"]),
        helper.make_node("Gather", ["input", "too_far"], ["column"], axis=4),
        helper.make_node("ReduceMean", ["column"], ["mean"]),
        helper.make_node("Add", ["nearest", "mean"], ["logits"]),
    ]
    model = write_model(tmp_path / "m")
    shapes = ["n", 1, "z", "y", "x"], ["n", 4, "z", "y", "x"]
    save_graph(model / "network.onnx", nodes, *shapes, [numpy_helper.from_array(array, name) for name, array in values])
    edit_model(model, lambda document: document["parts"][0].update(sha256=None))
    with pytest.raises(ModelError, match="failed"):
        NetworkSession(read_model(model).parts[0], plain_engine()).run(np.zeros((16, 20, 24), np.float32))


def test_metadata_is_read_from_the_network(tmp_path: Path) -> None:
    network = save_network(tmp_path / "n.onnx", threshold_layers(), metadata="Größe")
    assert network_metadata(network)[METADATA_KEY] == "Größe"


def test_this_machine_has_a_core() -> None:
    assert usable_cores() >= 1
