"""The written network and its head compute what nnU-Net's do; the reference here is numpy in double precision."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from support.checkpoints import random_weights
from support.missing_packages import without_package
from TotalPassportLib.base.errors import ModelError
from TotalPassportLib.base.hints import Hint, HintCode
from TotalPassportLib.models.nnunet.architecture import PlainConvUNet, ResidualEncoderUNet, UNet
from TotalPassportLib.models.nnunet.graph import write_head, write_network
from TotalPassportLib.models.nnunet.layers import Convolution, ResidualBlock, Triple

PLAIN = PlainConvUNet(
    input_channels=1,
    output_channels=5,
    features_per_stage=(4, 6, 8),
    strides=((1, 1, 1), (2, 2, 2), (2, 2, 2)),
    kernel_sizes=((3, 3, 3),) * 3,
    n_conv_per_stage=(2, 2, 2),
    n_conv_per_stage_decoder=(2, 2),
)
UNEVEN = PlainConvUNet(
    input_channels=2,
    output_channels=3,
    features_per_stage=(4, 5, 6),
    strides=((1, 1, 1), (1, 2, 2), (2, 3, 2)),
    kernel_sizes=((1, 3, 3), (3, 3, 5), (3, 3, 3)),
    n_conv_per_stage=(2, 1, 3),
    n_conv_per_stage_decoder=(1, 2),
    conv_bias=False,
    norm_eps=1e-3,
    negative_slope=0.1,
)
RESIDUAL = ResidualEncoderUNet(
    input_channels=1,
    output_channels=4,
    features_per_stage=(4, 6, 6),
    strides=((1, 1, 1), (2, 2, 2), (1, 2, 2)),
    kernel_sizes=((3, 3, 3),) * 3,
    n_blocks_per_stage=(1, 2, 1),
    n_conv_per_stage_decoder=(1, 1),
)
WIDENING = ResidualEncoderUNet(
    input_channels=1,
    output_channels=4,
    features_per_stage=(4, 6, 8),
    strides=((1, 1, 1), (1, 1, 1), (2, 2, 2)),
    kernel_sizes=((3, 3, 3),) * 3,
    n_blocks_per_stage=(1, 1, 1),
    n_conv_per_stage_decoder=(1, 1),
)
NETWORKS = {"plain": PLAIN, "uneven": UNEVEN, "residual": RESIDUAL, "widening residual": WIDENING}


class Reference:
    """A U-Net's forward pass, layer by layer as nnU-Net defines them; arrays are `[channels, z, y, x]`."""

    def __init__(self, network: UNet, weights: dict[str, np.ndarray]) -> None:
        self.network = network
        self.weights = {name: tensor.astype(np.float64) for name, tensor in weights.items()}

    def forward(self, image: np.ndarray) -> np.ndarray:
        value, skips = image.astype(np.float64), []
        for stage in self.network.encoder():
            for layer in stage:
                value = self.block(value, layer) if isinstance(layer, ResidualBlock) else self.layer(value, layer)
            skips.append(value)
        for step, skip in zip(self.network.decoder(), skips[-2::-1], strict=True):
            value = np.concatenate([self.upsample(value, step.upsampling.key, step.upsampling.stride), skip])
            for layer in step.convolutions:
                value = self.layer(value, layer)
        head = self.network.head().key
        matrix, bias = self.weights[f"{head}.weight"][:, :, 0, 0, 0], self.weights[f"{head}.bias"]
        return np.tensordot(matrix, value, 1) + bias[:, None, None, None]

    def layer(self, value: np.ndarray, layer: Convolution) -> np.ndarray:
        value = convolve(value, self.weights[f"{layer.key}.conv.weight"], layer.stride)
        if layer.bias:
            value = value + self.weights[f"{layer.key}.conv.bias"][:, None, None, None]
        value = value - value.mean((1, 2, 3), keepdims=True)
        value = value / np.sqrt((value**2).mean((1, 2, 3), keepdims=True) + self.network.norm_eps)
        gain, offset = (self.weights[f"{layer.key}.norm.{kind}"][:, None, None, None] for kind in ("weight", "bias"))
        value = value * gain + offset
        return self.activation(value) if layer.activation else value

    def activation(self, value: np.ndarray) -> np.ndarray:
        return np.where(value > 0, value, value * self.network.negative_slope)

    def block(self, value: np.ndarray, block: ResidualBlock) -> np.ndarray:
        shortcut = value
        if block.pool:
            (z, y, x), (channels, *sizes) = block.pool, value.shape
            cells = [channels, sizes[0] // z, z, sizes[1] // y, y, sizes[2] // x, x]
            shortcut = value.reshape(cells).mean((2, 4, 6))
        if block.projection:
            shortcut = self.layer(shortcut, block.projection)
        return self.activation(self.layer(self.layer(value, block.first), block.second) + shortcut)

    def upsample(self, value: np.ndarray, key: str, stride: Triple) -> np.ndarray:
        weight = self.weights[f"{key}.weight"]
        spread = np.einsum("izyx,iouvw->ozuyvxw", value, weight)
        sizes = [size * step for size, step in zip(value.shape[1:], stride, strict=True)]
        bias = self.weights[f"{key}.bias"][:, None, None, None] if self.network.conv_bias else 0
        return spread.reshape(weight.shape[1], *sizes) + bias


def convolve(value: np.ndarray, weight: np.ndarray, stride: Triple) -> np.ndarray:
    """Cross-correlation with zero padding of half the kernel."""
    kernel = weight.shape[2:]
    padded = np.pad(value, [(0, 0), *[(size // 2, size // 2) for size in kernel]])
    steps = np.array(stride)
    result = np.zeros((len(weight), *(np.array(value.shape[1:]) // steps)))
    for corner in np.ndindex(kernel):
        window = tuple(
            slice(at, at + size, step) for at, size, step in zip(corner, value.shape[1:], stride, strict=True)
        )
        result += np.tensordot(weight[(..., *corner)], padded[(slice(None), *window)], 1)
    return result


def run(network: UNet, weights: Mapping[str, np.ndarray], image: np.ndarray) -> np.ndarray:
    """Return the logits ``[classes, z, y, x]`` of the written network and its head."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    content = write_network(network, weights)
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    features = np.asarray(session.run(None, {"input": image[None]})[0][0])
    head = write_head(network, weights)
    return np.moveaxis(features @ head[:, :-1].T + head[:, -1], -1, 0)


def image_for(network: UNet, cells: tuple[int, int, int], seed: int = 3) -> np.ndarray:
    sizes = np.array(network.divisor_zyx) * cells
    return np.random.default_rng(seed).normal(size=(network.input_channels, *sizes)).astype(np.float32)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_written_network_computes_what_the_trained_one_does(name: str) -> None:
    network = NETWORKS[name]
    weights = random_weights(network)
    image = image_for(network, (2, 4, 3))
    expected = Reference(network, weights).forward(image)
    np.testing.assert_allclose(run(network, weights, image), expected, atol=3e-5, rtol=0)


@pytest.mark.parametrize("cells", [(1, 1, 2), (3, 2, 1)])
def test_it_takes_any_size_that_is_a_multiple_of_its_divisor(cells: tuple[int, int, int]) -> None:
    weights = random_weights(PLAIN)
    image = image_for(PLAIN, cells)
    result = run(PLAIN, weights, image)
    assert result.shape == (5, *image.shape[1:])
    np.testing.assert_allclose(result, Reference(PLAIN, weights).forward(image), atol=3e-5, rtol=0)


@pytest.mark.slow
def test_normalisation_keeps_its_digits_over_a_whole_patch() -> None:
    """onnxruntime's own operator is off by 3e-4 here, which would change hundreds of labels of a real scan."""
    network = PlainConvUNet(
        input_channels=1, output_channels=2, features_per_stage=(2, 2), strides=((1, 1, 1), (2, 2, 2)),
        kernel_sizes=((1, 1, 1), (1, 1, 1)), n_conv_per_stage=(1, 1), n_conv_per_stage_decoder=(1,),
    )  # fmt: skip
    weights = random_weights(network)
    image = image_for(network, (48, 56, 64)) + np.float32(20)
    expected = Reference(network, weights).forward(image)
    assert np.abs(run(network, weights, image) - expected).max() < 6e-5


def test_an_image_of_one_value_gives_finite_logits() -> None:
    image = np.full((1, 16, 16, 16), -2.0, np.float32)
    assert np.isfinite(run(PLAIN, random_weights(PLAIN), image)).all()


def test_the_file_is_what_the_contract_says() -> None:
    model = onnx.load_from_string(write_network(PLAIN, random_weights(PLAIN), {"b": "2", "a": "1"}))
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version == 8
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
    assert [(entry.key, entry.value) for entry in model.metadata_props] == [("a", "1"), ("b", "2")]
    given, found = model.graph.input[0], model.graph.output[0]
    ports = ((given, "input", [1, 1, "z", "y", "x"]), (found, "features", [1, "z", "y", "x", 4]))
    for port, name, shape in ports:
        dimensions = port.type.tensor_type.shape.dim
        assert port.name == name
        assert port.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
        assert [entry.dim_param or entry.dim_value for entry in dimensions] == shape


def test_the_head_is_a_matrix_of_its_own_and_no_part_of_the_network() -> None:
    weights = random_weights(PLAIN)
    head = write_head(PLAIN, weights)
    assert head.dtype == np.float32
    assert np.array_equal(head[:, :-1], weights["decoder.seg_layers.1.weight"].reshape(5, 4))
    assert np.array_equal(head[:, -1], weights["decoder.seg_layers.1.bias"])
    names = [tensor.name for tensor in onnx.load_from_string(write_network(PLAIN, weights)).graph.initializer]
    assert not [name for name in names if "seg_layers" in name]


def test_the_skip_is_convolved_before_its_partner_is_upsampled_so_that_they_are_never_in_memory_together() -> None:
    nodes = onnx.load_from_string(write_network(PLAIN, random_weights(PLAIN))).graph.node
    makers = {output: node for node in nodes for output in node.output}
    for node in nodes:
        if node.op_type == "ConvTranspose":
            index = node.name.rpartition(".")[2]
            assert f"decoder.stages.{index}.convs.0.conv.skip" in ancestors(node.input[0], makers)


def ancestors(value: str, makers: Mapping[str, Any]) -> set[str]:
    found, open_values = set(), [value]
    while open_values:
        node = makers.get(open_values.pop())
        if node is not None and node.name not in found:
            found.add(node.name)
            open_values += node.input
    return found


def test_the_same_weights_give_the_same_bytes() -> None:
    weights = random_weights(PLAIN)
    backwards = dict(reversed(weights.items()))
    assert write_network(PLAIN, weights, {"a": "1", "b": "2"}) == write_network(PLAIN, backwards, {"b": "2", "a": "1"})


def test_no_built_in_normalisation_is_used_and_means_cannot_be_merged() -> None:
    nodes = onnx.load_from_string(write_network(PLAIN, random_weights(PLAIN))).graph.node
    assert not {node.op_type for node in nodes} & {"InstanceNormalization", "LayerNormalization"}
    kept = {node.output[0]: node.attribute for node in nodes if node.op_type == "ReduceMean"}
    for node in nodes:
        if node.op_type == "ReduceMean" and node.input[0] in kept:
            assert keepdims(node.attribute) != keepdims(kept[node.input[0]])


def keepdims(attributes: Any) -> int:
    return next(int(attribute.i) for attribute in attributes if attribute.name == "keepdims")


def test_copies_of_tensors_and_heads_of_deep_supervision_are_ignored() -> None:
    weights = random_weights(PLAIN)
    copies = {f"decoder.{name}": tensor for name, tensor in weights.items() if name.startswith("encoder")}
    copies |= {"encoder.stages.0.0.convs.0.all_modules.0.weight": np.zeros(1, np.float32)}
    copies |= {"decoder.seg_layers.0.weight": np.zeros((5, 6, 1, 1, 1), np.float32)}
    assert write_network(PLAIN, {**copies, **weights}) == write_network(PLAIN, weights)


def test_a_bias_before_a_normalisation_changes_nothing() -> None:
    weights = random_weights(PLAIN)
    shifted = {name: tensor + name.endswith("conv.bias") for name, tensor in weights.items()}
    assert write_network(PLAIN, shifted) == write_network(PLAIN, weights)


@pytest.mark.parametrize(
    ("name", "tensor", "words"),
    [
        ("encoder.stages.0.0.convs.0.conv.weight", None, "missing"),
        ("encoder.stages.0.0.convs.0.conv.weight", np.zeros((4, 1, 3, 3), np.float32), "shape"),
        ("encoder.stages.0.0.convs.0.norm.weight", np.zeros(5, np.float32), "shape"),
        ("encoder.stages.0.0.convs.0.norm.weight", np.zeros(4, np.int64), "int64"),
        ("encoder.stages.0.0.convs.0.norm.weight", np.full(4, np.nan, np.float32), "finite"),
        ("encoder.stages.0.0.convs.0.norm.weight", np.full(4, np.inf), "finite"),
        ("encoder.stages.9.0.convs.0.norm.weight", np.zeros(4, np.float32), "no place"),
    ],
)
def test_weights_of_another_network_are_refused_with_the_tensor(
    name: str, tensor: np.ndarray | None, words: str
) -> None:
    weights = random_weights(PLAIN)
    weights.pop(name, None)
    if tensor is not None:
        weights[name] = tensor
    with pytest.raises(ModelError, match=words) as refusal:
        write_network(PLAIN, weights)
    assert name in refusal.value.message
    assert refusal.value.hint


def test_without_onnx_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    without_package(monkeypatch, "onnx")
    with pytest.raises(ModelError, match="onnx") as refusal:
        write_network(PLAIN, random_weights(PLAIN))
    assert refusal.value.hint == Hint(HintCode.INSTALL_PACKAGE, package="onnx")


@pytest.mark.parametrize("name", NETWORKS)
def test_pytorch_itself_computes_the_same(name: str) -> None:
    torch = pytest.importorskip("torch", reason="optional: PyTorch is needed for training only")
    unet = pytest.importorskip(
        "dynamic_network_architectures.architectures.unet", reason="optional: nnU-Net's own networks, for comparison"
    )
    network = NETWORKS[name]
    count = "n_blocks_per_stage" if isinstance(network, ResidualEncoderUNet) else "n_conv_per_stage"
    original = getattr(unet, type(network).__name__)(
        input_channels=network.input_channels, n_stages=network.n_stages, num_classes=network.output_channels,
        features_per_stage=network.features_per_stage, strides=network.strides, kernel_sizes=network.kernel_sizes,
        n_conv_per_stage_decoder=network.n_conv_per_stage_decoder, conv_op=torch.nn.Conv3d,
        conv_bias=network.conv_bias, norm_op=torch.nn.InstanceNorm3d,
        norm_op_kwargs={"eps": network.norm_eps, "affine": True}, nonlin=torch.nn.LeakyReLU,
        nonlin_kwargs={"negative_slope": network.negative_slope}, **{count: getattr(network, count)},
    ).eval()  # fmt: skip
    weights = {key: tensor.numpy() for key, tensor in original.state_dict().items()}
    image = image_for(network, (2, 4, 3))
    with torch.no_grad():
        expected = original(torch.from_numpy(image[None]))[0].numpy()
    np.testing.assert_allclose(run(network, weights, image), expected, atol=3e-5, rtol=0)


def test_every_layer_is_named_after_its_weights() -> None:
    names = [node.name for node in onnx.load_from_string(write_network(PLAIN, random_weights(PLAIN))).graph.node]
    assert len(set(names)) == len(names)
    keys = itertools.chain.from_iterable(PLAIN.encoder())
    assert all(any(name.startswith(layer.key) for name in names) for layer in keys if isinstance(layer, Convolution))
