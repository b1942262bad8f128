"""MONAI's network, written as ONNX, computes what its definition says, with means that keep their digits."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnxruntime
import pytest
from scipy import ndimage
from support.bundles import SMALL, random_tensors
from TotalPassportLib.base.errors import ModelError
from TotalPassportLib.models.monai.segresnet import (
    SegResNet,
    segresnet_head,
    select_segresnet_tensors,
    write_segresnet,
)

TINY = SegResNet(filters=8, input_channels=1, output_channels=5, blocks_down=(1, 2), blocks_up=(1,))


def convolved(image: np.ndarray, weight: np.ndarray, stride: int = 1) -> np.ndarray:
    """Return float64 ``[channels, x, y, z]`` of a convolution that pads with 0."""
    out = np.zeros((len(weight), *image.shape[1:]))
    for target, kernels in zip(out, weight.astype(np.float64), strict=True):
        for channel, kernel in zip(image, kernels, strict=True):
            target += ndimage.correlate(channel, kernel, mode="constant")
    return out[:, ::stride, ::stride, ::stride]


def normalised(image: np.ndarray, tensors: Mapping[str, np.ndarray], key: str) -> np.ndarray:
    """Return the group normalisation of 8 groups and its ReLU."""
    groups = image.reshape(8, -1)
    scaled = (groups - groups.mean(axis=1, keepdims=True)) / np.sqrt(groups.var(axis=1, keepdims=True) + 1e-5)
    weight, bias = (tensors[f"{key}.{kind}"].reshape(-1, 1, 1, 1).astype(np.float64) for kind in ("weight", "bias"))
    return np.maximum(scaled.reshape(image.shape) * weight + bias, 0)


def block(image: np.ndarray, tensors: Mapping[str, np.ndarray], key: str) -> np.ndarray:
    value = image
    for number in (1, 2):
        value = convolved(normalised(value, tensors, f"{key}.norm{number}"), tensors[f"{key}.conv{number}.conv.weight"])
    return value + image


def doubled(image: np.ndarray) -> np.ndarray:
    """Return twice the size: every new voxel lies a quarter of an old one from the nearest, edges go on."""
    for axis in (1, 2, 3):
        size = image.shape[axis]
        places = np.clip((np.arange(2 * size) + 0.5) / 2 - 0.5, 0, size - 1)
        low = np.minimum(np.floor(places).astype(int), max(size - 2, 0))
        weight = (places - low).reshape([-1 if number == axis else 1 for number in range(4)])
        image = image.take(low, axis) * (1 - weight) + image.take(np.minimum(low + 1, size - 1), axis) * weight
    return image


def by_definition(image: np.ndarray, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the logits of `TINY` in double precision, ``[channels, x, y, z]``."""
    first = block(convolved(image[np.newaxis], tensors["convInit.conv.weight"]), tensors, "down_layers.0.1")
    deep = convolved(first, tensors["down_layers.1.0.conv.weight"], stride=2)
    for number in (1, 2):
        deep = block(deep, tensors, f"down_layers.1.{number}")
    up = doubled(convolved(deep, tensors["up_samples.0.0.conv.weight"])) + first
    features = normalised(block(up, tensors, "up_layers.0.0"), tensors, "conv_final.0")
    head = segresnet_head(tensors).astype(np.float64)
    return np.tensordot(head[:, :-1], features, 1) + head[:, -1].reshape(-1, 1, 1, 1)


def test_the_graph_is_the_network_of_the_definition() -> None:
    weights = random_tensors(TINY)
    network = SegResNet.of(weights)
    assert network == TINY
    tensors = select_segresnet_tensors(network, weights)
    image = np.random.default_rng(5).normal(size=(12, 10, 8)).astype(np.float32)
    session = onnxruntime.InferenceSession(write_segresnet(network, tensors), providers=["CPUExecutionProvider"])
    (features,) = session.run(None, {"input": image[np.newaxis, np.newaxis]})
    head = segresnet_head(tensors)
    logits = np.moveaxis(features[0] @ head[:, :-1].T + head[:, -1], -1, 0)
    expected = by_definition(image.astype(np.float64), tensors)
    assert np.abs(logits - expected).max() < 1e-4 * np.abs(expected).max()


def test_means_of_large_values_keep_their_digits() -> None:
    """A mean of 100 and a deviation of 0.1: one running sum in single precision would lose the deviation's digits."""
    weights = random_tensors(TINY)
    network = SegResNet.of(weights)
    session = onnxruntime.InferenceSession(write_segresnet(network, weights), providers=["CPUExecutionProvider"])
    image = (100 + 0.1 * np.random.default_rng(1).normal(size=(64, 64, 32))).astype(np.float32)
    (features,) = session.run(None, {"input": image[np.newaxis, np.newaxis]})
    head = segresnet_head(weights)
    logits = np.moveaxis(features[0] @ head[:, :-1].T + head[:, -1], -1, 0)
    expected = by_definition(image.astype(np.float64), weights)
    assert (logits.argmax(axis=0) == expected.argmax(axis=0)).mean() > 0.999


def test_the_official_size_takes_the_work_that_was_measured() -> None:
    """247.2 GMAC for one window of 96 voxels a side, half of that many operations each."""
    network = SegResNet(
        filters=32, input_channels=1, output_channels=105, blocks_down=SMALL.blocks_down, blocks_up=SMALL.blocks_up
    )
    assert network.gigaflop((96, 96, 96)) == pytest.approx(2 * 247.2, rel=1e-3)
    tensors = network.tensors() | network.head_tensors()
    assert (len(tensors), sum(int(np.prod(shape)) for shape in tensors.values())) == (83, 18_799_401)


def test_weights_of_another_network_are_refused() -> None:
    weights = random_tensors(TINY)
    with pytest.raises(ModelError, match="1 tensors have no place in it, the first is 'extra'"):
        select_segresnet_tensors(TINY, weights | {"extra": np.zeros(3, np.float32)})
    with pytest.raises(ModelError, match=r"1 of 31 tensors are missing, the first is conv_final\.0\.bias"):
        select_segresnet_tensors(TINY, {name: value for name, value in weights.items() if name != "conv_final.0.bias"})
    with pytest.raises(ModelError, match="is not that of a SegResNet"):
        SegResNet.of({"encoder.weight": np.zeros(3)})
    del weights["down_layers.1.1.norm1.weight"], weights["down_layers.1.2.norm1.weight"]
    with pytest.raises(ModelError, match="it has no regular levels"):
        SegResNet.of(weights)
