"""The graphs of `TotalPassportLib.inference.half`: ``python -m training.arithmetic`` writes them."""

from __future__ import annotations

from pathlib import Path

from onnx import ModelProto, TensorProto, ValueInfoProto, helper

FOLDER = Path(__file__).parents[1] / "TotalPassport" / "TotalPassportLib" / "data" / "arithmetic"
OPSET, IR_VERSION = 17, 8
"""Old enough for every onnxruntime that we support."""

SINGLE, HALF = TensorProto.FLOAT, TensorProto.FLOAT16


def graphs() -> dict[str, bytes]:
    """Return the files' contents by name."""
    return {"accumulate.onnx": _file(accumulate()), "average.onnx": _file(average())}


def accumulate() -> ModelProto:
    """``half(single(sums) + values * weights)``, all ``[n]``."""
    nodes = [
        helper.make_node("Cast", ["sums"], ["wide"], to=SINGLE),
        helper.make_node("Mul", ["values", "weights"], ["weighted"]),
        helper.make_node("Add", ["wide", "weighted"], ["total"]),
        helper.make_node("Cast", ["total"], ["result"], to=HALF),
    ]
    inputs = [_port("sums", HALF, "n"), _port("values", SINGLE, "n"), _port("weights", SINGLE, "n")]
    return _model("accumulate", nodes, inputs, _port("result", HALF, "n"))


def average() -> ModelProto:
    """``single(half(single(sums) / single(counts)))`` for sums ``[channels, n]`` and counts ``[n]``."""
    nodes = [
        helper.make_node("Cast", ["sums"], ["wide_sums"], to=SINGLE),
        helper.make_node("Cast", ["counts"], ["wide_counts"], to=SINGLE),
        helper.make_node("Div", ["wide_sums", "wide_counts"], ["mean"]),
        helper.make_node("Cast", ["mean"], ["rounded"], to=HALF),
        helper.make_node("Cast", ["rounded"], ["result"], to=SINGLE),
    ]
    inputs = [_port("sums", HALF, "channels", "n"), _port("counts", HALF, "n")]
    return _model("average", nodes, inputs, _port("result", SINGLE, "channels", "n"))


def _port(name: str, kind: int, *shape: str) -> ValueInfoProto:
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
