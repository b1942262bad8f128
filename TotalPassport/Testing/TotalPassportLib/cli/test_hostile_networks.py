"""Networks that were made to do harm: they loop, take memory or crash, and the command ends as it is told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support.networks import IR_VERSION, OPSET, model_document, part_document
from support.processes import (
    child_of,
    command_line,
    environment,
    eventually,
    files_below,
    processor_seconds_of,
    run_cli,
    sentences,
)
from TotalPassportLib.base.memory import data_bytes
from TotalPassportLib.base.memory_limit import MemoryLimit
from TotalPassportLib.models.catalogue import is_foreign

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="optional: only Linux limits memory so")


def save_hostile(folder: Path, nodes: list[Any], constants: dict[str, np.ndarray]) -> Path:
    """Write a model whose network gives the four channels of the threshold model, after what its nodes do."""
    folder.mkdir(parents=True)
    weights = numpy_helper.from_array(np.ones((4, 1, 1, 1, 1), np.float32), "weights")
    values = [weights, *(numpy_helper.from_array(value, name) for name, value in constants.items())]
    graph = helper.make_graph(
        [*nodes, helper.make_node("Conv", ["harmed", "weights"], ["logits"])],
        "hostile",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 1, "z", "y", "x"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 4, "z", "y", "x"])],
        values,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.save(model, folder / "network.onnx")
    document = model_document([part_document(folder / "network.onnx")])
    (folder / "model.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def looping(folder: Path) -> Path:
    """One node that never ends: a loop inside of a window."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Sin", ["inside"], ["changed"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("inside", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("changed", TensorProto.FLOAT, None),
        ],
    )
    loop = helper.make_node("Loop", ["turns", "yes", "input"], ["harmed"], body=body)
    return save_hostile(folder, [loop], {"turns": np.array(2**62, np.int64), "yes": np.array(True)})


def computing_while_opened(folder: Path) -> Path:
    """Products of large constants, which onnxruntime computes while it opens the file, and lets nobody in between."""
    chain = [helper.make_node("ConstantOfShape", ["shape"], ["p0"])]
    chain += [helper.make_node("MatMul", [f"p{index}", "p0"], [f"p{index + 1}"]) for index in range(20)]
    chain += [
        helper.make_node("ReduceMax", ["p20"], ["most"], keepdims=0),
        helper.make_node("Add", ["input", "most"], ["harmed"]),
    ]
    return save_hostile(folder, chain, {"shape": np.array([4000, 4000], np.int64)})


def greedy(folder: Path) -> Path:
    """Asks for 8 GB in a window."""
    nodes = [
        helper.make_node("ReduceMax", ["input"], ["most"], keepdims=0),
        helper.make_node("Expand", ["most", "shape"], ["large"]),
        helper.make_node("ReduceMax", ["large"], ["back"], keepdims=0),
        helper.make_node("Add", ["input", "back"], ["harmed"]),
    ]
    return save_hostile(folder, nodes, {"shape": np.array([2 * 2**30], np.int64)})


def greedy_while_opened(folder: Path) -> Path:
    """Asks for 8 GB while it is opened."""
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["large"]),
        helper.make_node("ReduceMax", ["large"], ["back"], keepdims=0),
        helper.make_node("Add", ["input", "back"], ["harmed"]),
    ]
    return save_hostile(folder, nodes, {"shape": np.array([2 * 2**30], np.int64)})


@pytest.mark.parametrize("make", [looping, computing_while_opened], ids=lambda make: make.__name__)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_network_that_does_not_end_is_ended_within_a_second(
    number: signal.Signals, make: Callable[[Path], Path], phantom_ct: Path, tmp_path: Path
) -> None:
    model = make(tmp_path / "model")
    process = subprocess.Popen(
        command_line("run", phantom_ct, "-o", tmp_path / "out", "--model", model, "--provider", "cpu"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    child = child_of(process)
    maps = Path(f"/proc/{child}/maps")
    assert eventually(lambda: "onnxruntime" in maps.read_text()), "the library is loaded"
    loaded_s = processor_seconds_of(child)
    assert eventually(lambda: processor_seconds_of(child) > loaded_s + 1), "at work, which would take for ever"
    assert process.poll() is None
    asked = time.monotonic()
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    taken = time.monotonic() - asked
    assert (process.returncode, stdout) == (5, "")
    assert sentences(stderr) == ["totalpassport: Cancelled. Nothing was written."]
    assert taken < 2.5, "a second, and what a busy machine adds"
    assert not Path(f"/proc/{child}").exists(), "nothing goes on in the background"
    assert files_below(tmp_path / "out") == []


@linux_only
@pytest.mark.parametrize("make", [greedy, greedy_while_opened], ids=lambda make: make.__name__)
def test_a_network_that_asks_for_more_than_such_a_window_can_need_does_not_get_it(
    make: Callable[[Path], Path], phantom_ct: Path, tmp_path: Path
) -> None:
    model = make(tmp_path / "model")
    process = run_cli("run", phantom_ct, "-o", tmp_path / "out", "--model", model, "--provider", "cpu")
    assert process.returncode == 3, process.stderr
    (sentence,) = sentences(process.stderr)
    assert sentence.startswith("totalpassport: There is not enough memory")
    assert files_below(tmp_path / "out") == []


CRASH = """
import os, signal, sys
class Crashing:
    def find_spec(self, name, path=None, target=None):
        if name == "onnxruntime":
            os.kill(os.getpid(), {number})
sys.meta_path.insert(0, Crashing())
"""


@pytest.mark.parametrize(
    ("number", "code", "says"),
    [(signal.SIGSEGV, 4, "have crashed (SIGSEGV)"), (signal.SIGKILL, 3, "The system ended the run")],
)
def test_a_crash_of_libraries_is_a_sentence(
    number: signal.Signals, code: int, says: str, threshold_model: Path, phantom_ct: Path, tmp_path: Path
) -> None:
    noise = tmp_path / "noise"
    noise.mkdir()
    (noise / "sitecustomize.py").write_text(CRASH.format(number=int(number)), encoding="utf-8")
    variables = environment()
    variables["PYTHONPATH"] = f"{noise}{os.pathsep}{variables['PYTHONPATH']}"
    process = subprocess.run(
        command_line("run", phantom_ct, "-o", tmp_path / "out", "--model", threshold_model),
        capture_output=True,
        text=True,
        env=variables,
        check=False,
    )
    assert process.returncode == code
    assert says in sentences(process.stderr)[-1]
    assert "Traceback" not in process.stderr


def test_the_work_ends_with_the_process_that_waits_for_it(slow_model: Path, phantom_ct: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        command_line("run", phantom_ct, "-o", tmp_path / "out", "--model", slow_model),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    child = child_of(process)
    assert eventually(lambda: processor_seconds_of(child) > 1), "at work"
    process.kill()
    process.wait()
    assert eventually(lambda: not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text())


@linux_only
def test_a_limit_holds_inside_its_block_and_not_after_it() -> None:
    with MemoryLimit(2**28) as limit:
        with pytest.raises(MemoryError):
            np.ones(2**27)
        assert data_bytes() > 0
        limit.tighten(0)
    assert np.ones(2**27)[-1] == 1
    with MemoryLimit(None):
        assert np.ones(2**27)[-1] == 1


def test_models_of_the_catalogue_are_known_and_others_are_foreign(threshold_model: Path) -> None:
    assert not is_foreign("demo")
    assert not is_foreign("fast")
    assert is_foreign(str(threshold_model))
    assert is_foreign("my-own")
