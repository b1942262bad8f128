"""Real onnxruntime sessions: what runs, where, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from support.networks import (
    model_document,
    part_document,
    save_network,
    slow_layers,
    threshold_layers,
    write_model,
)
from TotalPassportLib.errors import BadInput, ModelError
from TotalPassportLib.inference.session import (
    PROVIDER_CHOICES,
    PROVIDERS,
    NetworkSession,
    execution_provider,
    network_metadata,
    usable_cores,
)
from TotalPassportLib.models.description import METADATA_KEY, read_model


@pytest.mark.parametrize("provider", ["auto", "cpu"])
def test_a_network_gives_the_logits_of_its_arithmetic(provider: str, threshold_model: Path) -> None:
    session = NetworkSession(read_model(threshold_model).parts[0], provider)
    assert session.provider == "CPUExecutionProvider"
    patch = np.random.default_rng(0).standard_normal((3, 4, 5)).astype(np.float32)
    ((weights, bias),) = threshold_layers()
    expected = weights.reshape(-1, 1, 1, 1) * patch + bias.reshape(-1, 1, 1, 1)
    logits = session.run(patch)
    assert logits.dtype == np.float32
    assert np.allclose(logits, expected, atol=1e-5)


def test_a_provider_that_is_not_there_is_refused_instead_of_replaced() -> None:
    missing = [name for name in PROVIDERS if PROVIDERS[name] not in onnxruntime.get_available_providers()]
    assert missing, "no machine has them all"
    for name in missing:
        with pytest.raises(BadInput, match=f"cannot use the provider '{name}'"):
            execution_provider(name)
    with pytest.raises(BadInput, match=f"Use one of {', '.join(PROVIDER_CHOICES)}"):
        execution_provider("gpu")


def test_a_network_without_five_dimensions_is_refused(tmp_path: Path) -> None:
    network = save_network(tmp_path / "n.onnx", threshold_layers(rank=4), rank=4)
    (tmp_path / "model.json").write_text(json.dumps(model_document([part_document(network)])), encoding="utf-8")
    with pytest.raises(ModelError, match="of five dimensions"):
        NetworkSession(read_model(tmp_path).parts[0])


def test_a_network_that_fails_while_it_runs_is_a_model_error(tmp_path: Path) -> None:
    weights, bias = slow_layers(width=4, depth=1)[0]
    two_inputs = np.concatenate([weights, weights], axis=1)  # wants two input channels
    last = (np.ones((4, 4, 1, 1, 1), np.float32), np.zeros(4, np.float32))
    model = write_model(tmp_path / "m", [(two_inputs, bias), last])
    with pytest.raises(ModelError, match="failed"):
        NetworkSession(read_model(model).parts[0]).run(np.zeros((4, 4, 4), np.float32))


def test_metadata_is_read_from_the_network(tmp_path: Path) -> None:
    network = save_network(tmp_path / "n.onnx", threshold_layers(), metadata="Größe")
    assert network_metadata(network)[METADATA_KEY] == "Größe"


def test_this_machine_has_a_core() -> None:
    assert usable_cores() >= 1
