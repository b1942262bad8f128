"""What is written in a checkpoint is never done: no pickle runs code, costs memory, or ends in a riddle."""

from __future__ import annotations

import builtins
import os
import pickle
import random
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.checkpoints import Storage, Tensor, pickled, read_index, write_checkpoint
from TotalPassportLib.base.errors import ModelError
from TotalPassportLib.models.nnunet import checkpoint as checkpoint_module
from TotalPassportLib.models.nnunet import unpickling
from TotalPassportLib.models.nnunet.checkpoint import read_checkpoint

WEIGHTS = {
    "encoder.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "encoder.bias": np.array([1.5, -2.5], np.float32),
}
MARKER = "totalpassport-was-here"


class Payload:
    """Calls a function when an ordinary reader loads it."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.reduced = function, arguments

    def __reduce__(self) -> tuple[Any, Any]:
        return self.reduced


def payloads(marker: Path) -> dict[str, Any]:
    write = f"open({str(marker)!r}, 'w').close()"
    return {
        "os.system": Payload(os.system, f"touch '{marker}'"),
        "eval": Payload(eval, write),
        "exec": Payload(exec, write),
        "open": Payload(open, str(marker), "w"),
        "nested": Payload(Payload, Payload(os.system, f"touch '{marker}'")),
        "__import__": Payload(builtins.__import__, "antigravity"),
    }


def places(payload: Any) -> dict[str, Any]:
    honest = Tensor(Storage("0", 1), 0, (1,), (1,))
    return {
        "alone": payload,
        "as weights": {"network_weights": payload},
        "as tensor": {"network_weights": {"a": honest, "b": payload}},
        "after the weights": {"network_weights": {"a": honest}, "logging": [payload]},
        "as shape": {"network_weights": {"a": Tensor(Storage("0", 1), 0, payload, (1,))}},
        "as storage": {"network_weights": {"a": Tensor(Storage(payload, 1), 0, (1,), (1,))}},
    }


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", ["os.system", "eval", "exec", "open", "nested", "__import__"])
def test_code_in_a_checkpoint_is_not_run_and_the_message_says_so(tmp_path: Path, name: str, protocol: int) -> None:
    marker = tmp_path / MARKER
    for place in places(None):
        if protocol == 0 and place not in ("alone", "as weights"):
            continue  # persistent identifiers are tuples, which protocol 0 cannot write
        data = pickled(places(payloads(marker)[name])[place], protocol)
        with pytest.raises(ModelError) as refusal:
            read_index(tmp_path, data, {"0": bytes(4)})
        assert "nothing was executed" in refusal.value.message
        assert "official source" in refusal.value.hint
        assert not marker.exists()


def test_the_message_names_the_function(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=f"{os.system.__module__}.system"):
        read_index(tmp_path, pickled(Payload(os.system, "true")))


def test_the_payloads_of_these_tests_do_work_in_an_ordinary_reader(tmp_path: Path) -> None:
    marker = tmp_path / MARKER
    pickle.loads(pickled(payloads(marker)["exec"]))
    assert marker.exists()


HARMFUL = {
    "instance of a class": b"(S'true'\nios\nsystem\n.",
    "object operation": b"(cos\nsystem\nS'true'\no.",
    "dotted name": b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.__init__\x93.",
    "name that is no text": b"\x80\x04K\x01K\x02\x93.",
    "call of a text": b"\x80\x02X\x01\x00\x00\x00a)R.",
    "call of a tuple": b"\x80\x02))R.",
    "call without a tuple": b"\x80\x02ccollections\nOrderedDict\n]R.",
    "new object with keywords": b"\x80\x04ccollections\nOrderedDict\n)}\x92.",
    "changed attributes of a name": b"\x80\x02ccollections\nOrderedDict\nN}X\x01\x00\x00\x00aK\x01s\x86b.",
    "changed attributes of a text": b"\x80\x02X\x01\x00\x00\x00a}b.",
    "extension registry": b"\x80\x02\x82\x01.",
    "out-of-band buffer": b"\x80\x05\x97.",
    "persistent text": b"Pabc\n.",
    "items of a name": b"\x80\x02ccollections\nOrderedDict\nK\x01K\x02s.",
    "items added to a text": b"\x80\x02X\x01\x00\x00\x00aK\x01a.",
    "items added to a tuple": b"\x80\x02)(K\x01e.",
    "items added to a set that is none": b"\x80\x04](K\x01\x90.",
    "tuple as key": b"\x80\x02})K\x01s.",
    "list as key": b"\x80\x02}]K\x01s.",
    "odd number of items": b"\x80\x02}(K\x01u.",
    "protocol of the future": b"\x80\x63N.",
    "unknown operation": b"\x80\x02\xff.",
    "empty stack": b"\x80\x02.",
    "two results": b"\x80\x02NN.",
    "open mark": b"\x80\x02(N.",
    "no mark": b"\x80\x02t.",
    "nothing to name": b"\x80\x04\x93.",
    "memo that was never written": b"\x80\x02h\x05.",
    "memo with a negative number": b"Np-1\n0g-2\n.",
    "no end": b"\x80\x02N",
    "nothing": b"",
    "text longer than the file": b"\x80\x02X\xff\xff\xff\xffabc.",
    "text of a negative length": b"\x80\x02T\xff\xff\xff\xffabc.",
    "bytes of 2^63": b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
    "number of a negative length": b"\x80\x02\x8b\xff\xff\xff\xff.",
    "number of a million digits": b"I" + b"9" * 10**6 + b"\n.",
    "text that is no UTF-8": b"\x80\x02X\x02\x00\x00\x00\xff\xfe.",
    "half a quoted text": b"S'abc\n.",
    "number that is none": b"F1.x\n.",
}


@pytest.mark.parametrize("name", HARMFUL)
def test_a_strange_pickle_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError) as refusal:
        read_index(tmp_path, HARMFUL[name])
    assert refusal.value.hint


def test_a_huge_memo_number_costs_no_memory(tmp_path: Path) -> None:
    tracemalloc.start()
    with pytest.raises(ModelError):
        read_index(tmp_path, b"\x80\x02N" + b"r\xff\xff\xff\xff" * 3 + b".")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * 2**20


def test_lists_within_lists_cost_no_more_than_they_say(tmp_path: Path) -> None:
    """Ten times ten copies of a list, thirty levels deep, are thirty small lists as long as nobody unfolds them."""
    value: Any = ["x"]
    for _ in range(30):
        value = [value] * 10
    with pytest.raises(ModelError, match="no network"):
        read_index(tmp_path, pickled(value))


@pytest.mark.parametrize("step", [b"\x85", b"l", b"\x85}\x86"])
def test_values_nested_a_hundred_thousand_times_are_no_trouble(tmp_path: Path, step: bytes) -> None:
    opening = b"(" * 100_000 if step == b"l" else b""
    with pytest.raises(ModelError):
        read_index(tmp_path, b"\x80\x02" + opening + b"N" + step * 100_000 + b".")


@pytest.mark.parametrize("operation", [b"}", b"]", b"(", b"N", b"K\x07", b"G12345678"])
@pytest.mark.slow
def test_a_flood_of_values_ends_before_memory_does(
    tmp_path: Path, operation: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpickling, "MOST_OBJECTS", 200_000)
    monkeypatch.setattr(unpickling, "MOST_OPERATIONS", 1_000_000)
    with pytest.raises(ModelError, match="more than"):
        read_index(tmp_path, b"\x80\x02" + operation * 1_500_000)


def test_an_index_of_absurd_size_is_not_even_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_module, "MOST_BYTES", 1000)
    with pytest.raises(ModelError, match="index"):
        read_index(tmp_path, bytes(1001))


def test_no_damage_to_the_index_ends_in_anything_but_a_clear_message(tmp_path: Path) -> None:
    index = pickled({"network_weights": {"a": Tensor(Storage("0", 4), 0, (2, 2), (2, 1))}, "logging": [1.5, "b", None]})
    dice = random.Random(7)
    for _ in range(200):
        damaged = bytearray(index)
        for _ in range(dice.randint(1, 4)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        del damaged[dice.choice([len(damaged), dice.randrange(len(damaged))]) :]
        with suppress(ModelError):
            read_index(tmp_path, bytes(damaged), {"0": bytes(16)})


def test_an_old_file_with_code_in_it_is_not_run(tmp_path: Path) -> None:
    path, marker = tmp_path / "checkpoint.pth", tmp_path / MARKER
    path.write_bytes(pickle.dumps(payloads(marker)["exec"], 2))
    with pytest.raises(ModelError, match=r"before version 1\.6") as refusal:
        read_checkpoint(path)
    assert refusal.value.hint
    assert not marker.exists()


def test_reading_uses_no_pickle_machinery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_checkpoint(tmp_path / "checkpoint.pth", WEIGHTS)

    def forbidden(*arguments: Any, **options: Any) -> Any:
        raise AssertionError("an ordinary unpickler was used")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, forbidden)
    weights = read_checkpoint(path)
    assert list(weights) == list(WEIGHTS)
    assert all(np.array_equal(weights[name], WEIGHTS[name]) for name in WEIGHTS)
