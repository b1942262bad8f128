"""The graphs of `inference.blending` and `benchmark.matrix_peaks`: ``python -m training.arithmetic`` writes them."""

from __future__ import annotations

from pathlib import Path

from onnx import ModelProto, TensorProto, ValueInfoProto, helper

FOLDER = Path(__file__).parents[1] / "TotalPassport" / "TotalPassportLib" / "data" / "arithmetic"
OPSET, IR_VERSION = 17, 8
"""Old enough for every onnxruntime that we support."""

SINGLE, HALF = TensorProto.FLOAT, TensorProto.FLOAT16


def graphs() -> dict[str, bytes]:
    """Return the files' contents by name."""
    return {
        "first.onnx": _file(first()),
        "further.onnx": _file(further()),
        "mean.onnx": _file(mean()),
        "logits.onnx": _file(logits()),
        "product.onnx": _file(product()),
        "window_sum.onnx": _file(window_sum()),
        "window_mean.onnx": _file(window_mean()),
    }


def first() -> ModelProto:
    """``half((features head + bias) * weights)``: a voxel's first window."""
    nodes = [*_weighted_logits(), helper.make_node("Cast", ["weighted"], ["result"], to=HALF)]
    return _model("first", nodes, _window_ports(), _port("result", HALF, "n", "channels"))


def further() -> ModelProto:
    """``half(single(sums) + (features head + bias) * weights)``: a window on top of others."""
    nodes = [
        *_weighted_logits(),
        helper.make_node("Cast", ["sums"], ["wide"], to=SINGLE),
        helper.make_node("Add", ["wide", "weighted"], ["total"]),
        helper.make_node("Cast", ["total"], ["result"], to=HALF),
    ]
    inputs = [_port("sums", HALF, "n", "channels"), *_window_ports()]
    return _model("further", nodes, inputs, _port("result", HALF, "n", "channels"))


def mean() -> ModelProto:
    """``single(half(single(sums) / single(counts)))`` for sums ``[n, channels]`` and counts ``[n, 1]``."""
    nodes = [
        helper.make_node("Cast", ["sums"], ["wide_sums"], to=SINGLE),
        helper.make_node("Cast", ["counts"], ["wide_counts"], to=SINGLE),
        helper.make_node("Div", ["wide_sums", "wide_counts"], ["mean"]),
        helper.make_node("Cast", ["mean"], ["rounded"], to=HALF),
        helper.make_node("Cast", ["rounded"], ["result"], to=SINGLE),
    ]
    inputs = [_port("sums", HALF, "n", "channels"), _port("counts", HALF, "n", 1)]
    return _model("mean", nodes, inputs, _port("result", SINGLE, "n", "channels"))


def logits() -> ModelProto:
    """``features head + bias * counts``: logits of blended features, each times the voxel's count."""
    nodes = [
        helper.make_node("MatMul", ["features", "head"], ["bare"]),
        helper.make_node("Mul", ["counts", "bias"], ["offset"]),
        helper.make_node("Add", ["bare", "offset"], ["result"]),
    ]
    inputs = [*_window_ports()[:2], _port("bias", SINGLE, 1, "channels"), _port("counts", SINGLE, "n", 1)]
    return _model("logits", nodes, inputs, _port("result", SINGLE, "n", "channels"))


def _weighted_logits() -> list:
    return [
        helper.make_node("Gemm", ["features", "head", "bias"], ["values"]),
        helper.make_node("Mul", ["values", "weights"], ["weighted"]),
    ]


def _window_ports() -> list[ValueInfoProto]:
    return [
        _port("features", SINGLE, "n", "features"),
        _port("head", SINGLE, "features", "channels"),
        _port("bias", SINGLE, 1, "channels"),
        _port("weights", SINGLE, "n", 1),
    ]


def product() -> ModelProto:
    """``a @ b`` for single ``[m, k]`` and ``[k, n]``."""
    inputs = [_port("a", SINGLE, "m", "k"), _port("b", SINGLE, "k", "n")]
    return _model(
        "product", [helper.make_node("MatMul", ["a", "b"], ["result"])], inputs, _port("result", SINGLE, "m", "n")
    )


def window_sum() -> ModelProto:
    """``half(single(sums) + single(half(window)))``, channels first: a window's logits, rounded, on top of others."""
    nodes = [
        helper.make_node("Cast", ["window"], ["rounded"], to=HALF),
        helper.make_node("Cast", ["rounded"], ["addend"], to=SINGLE),
        helper.make_node("Cast", ["sums"], ["wide"], to=SINGLE),
        helper.make_node("Add", ["wide", "addend"], ["total"]),
        helper.make_node("Cast", ["total"], ["result"], to=HALF),
    ]
    inputs = [_port("sums", HALF, "c", "z", "y", "x"), _port("window", SINGLE, "c", "z", "y", "x")]
    return _model("window_sum", nodes, inputs, _port("result", HALF, "c", "z", "y", "x"))


def window_mean() -> ModelProto:
    """``half(single(sums) / counts)`` for sums ``[c, z, y, x]`` and single counts ``[1, z, y, x]``."""
    nodes = [
        helper.make_node("Cast", ["sums"], ["wide"], to=SINGLE),
        helper.make_node("Div", ["wide", "counts"], ["mean"]),
        helper.make_node("Cast", ["mean"], ["result"], to=HALF),
    ]
    inputs = [_port("sums", HALF, "c", "z", "y", "x"), _port("counts", SINGLE, 1, "z", "y", "x")]
    return _model("window_mean", nodes, inputs, _port("result", HALF, "c", "z", "y", "x"))


def _port(name: str, kind: int, *shape: str | int) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def _model(name: str, nodes: list, inputs: list[ValueInfoProto], output: ValueInfoProto) -> ModelProto:
    graph = helper.make_graph(nodes, name, inputs, [output])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def _file(model: ModelProto) -> bytes:
    return bytes(model.SerializeToString(deterministic=True))


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(exist_ok=True)
    for name, content in graphs().items():
        (FOLDER / name).write_bytes(content)
        print(f"{name}: {len(content)} bytes")


if __name__ == "__main__":
    main()
