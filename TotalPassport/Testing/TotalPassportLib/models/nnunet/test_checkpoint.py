"""Checkpoints are read without PyTorch, whatever their tensors and their archive claim."""

from __future__ import annotations

import pickle
import random
import struct
import zipfile
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.checkpoints import Global, Storage, Tensor, pickled, read_index, write_archive, write_checkpoint
from TotalPassportLib.base.errors import ModelError
from TotalPassportLib.models.nnunet import checkpoint as checkpoint_module
from TotalPassportLib.models.nnunet.checkpoint import read_checkpoint

WEIGHTS = {
    "encoder.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "encoder.bias": np.array([1.5, -2.5], np.float32),
}


def read_tensor(folder: Path, tensor: Any, data: bytes = bytes(400)) -> np.ndarray:
    return read_index(folder, pickled({"network_weights": {"a": tensor}}), {"0": data})["a"]


def assert_same(result: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert list(result) == list(expected)
    for name, tensor in expected.items():
        assert result[name].dtype == np.float32
        np.testing.assert_array_equal(result[name], tensor)


# What honest checkpoints hold.


@pytest.mark.parametrize("protocol", [1, 2, 3, 4, 5])
def test_weights_come_back_as_they_were_saved(tmp_path: Path, protocol: int) -> None:
    assert_same(read_checkpoint(write_checkpoint(tmp_path / "checkpoint.pth", WEIGHTS, protocol)), WEIGHTS)


def test_training_logs_and_settings_beside_the_weights_do_no_harm(tmp_path: Path) -> None:
    scores = [[np.float64(0.5), np.float64(0.25)] for _ in range(100)]
    settings = {"device": (1, 2.5, None, True, -(10**40), "text", b"bytes", bytearray(b"more"), {1, 2}, frozenset({3}))}
    path = tmp_path / "checkpoint.pth"
    for protocol in range(1, 6):
        write_checkpoint(path, WEIGHTS, protocol, logging={"dice": scores}, init_args=settings)
        assert_same(read_checkpoint(path), WEIGHTS)


def test_the_released_layout_is_read(shared: Path) -> None:
    paths = sorted(shared.glob("parity/weights/*/*/fold_0/checkpoint_final.pth"))
    assert len(paths) == 7
    for path in paths:
        weights = read_checkpoint(path)
        assert weights["encoder.stages.0.0.convs.0.conv.weight"].shape == (8, 1, 3, 3, 3)
        copies = weights["encoder.stages.0.0.convs.0.all_modules.0.weight"]
        assert np.shares_memory(copies, weights["encoder.stages.0.0.convs.0.conv.weight"])


def test_pytorch_itself_reads_the_same(shared: Path) -> None:
    torch = pytest.importorskip("torch", reason="optional: PyTorch is needed for training only")
    for path in sorted(shared.glob("parity/weights/*/*/fold_0/checkpoint_final.pth")):
        original = torch.load(path, weights_only=False)["network_weights"]
        assert_same(read_checkpoint(path), {name: tensor.numpy() for name, tensor in original.items()})


def test_what_pytorch_saves_now_is_read(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="optional: PyTorch is needed for training only")
    values = torch.randn(2, 3, 4, 5, 6)
    channels_last = values.contiguous(memory_format=torch.channels_last_3d)
    tensors = {"a": values, "b": channels_last, "c": values.half(), "d": values.bfloat16(), "e": values.double()}
    torch.save({"network_weights": tensors}, tmp_path / "checkpoint.pth")
    expected = {name: tensor.float().numpy() for name, tensor in tensors.items()}
    assert_same(read_checkpoint(tmp_path / "checkpoint.pth"), expected)


@pytest.mark.parametrize(("kind", "name"), [("f8", "DoubleStorage"), ("f2", "HalfStorage")])
def test_other_precisions_become_float32(tmp_path: Path, kind: str, name: str) -> None:
    values = np.array([1.5, -0.25, 1024], kind)
    tensor = Tensor(Storage("0", 3, Global("torch", name)), 0, (3,), (1,))
    result = read_tensor(tmp_path, tensor, values.tobytes())
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, values)


def test_bfloat16_becomes_float32(tmp_path: Path) -> None:
    data = np.array([1.5, -0.25, 1024], np.float32).view(np.uint16)[1::2].tobytes()
    tensor = Tensor(Storage("0", 3, Global("torch", "BFloat16Storage")), 0, (3,), (1,))
    np.testing.assert_array_equal(read_tensor(tmp_path, tensor, data), [1.5, -0.25, 1024])


def test_a_double_beyond_float32_becomes_infinite_rather_than_an_error(tmp_path: Path) -> None:
    tensor = Tensor(Storage("0", 1, Global("torch", "DoubleStorage")), 0, (1,), (1,))
    assert np.isinf(read_tensor(tmp_path, tensor, struct.pack("<d", 1e300)))


def test_whole_numbers_stay_whole_numbers(tmp_path: Path) -> None:
    tensor = Tensor(Storage("0", 1, Global("torch", "LongStorage")), 0, (), ())
    result = read_tensor(tmp_path, tensor, struct.pack("<q", 7))
    assert result.dtype == np.int64
    assert result == 7


@pytest.mark.parametrize(("order", "layout"), [(b"big", ">4f"), (b"little", "<4f")])
def test_the_byte_order_of_the_machine_that_saved_it_is_respected(tmp_path: Path, order: bytes, layout: str) -> None:
    index = pickled({"network_weights": {"a": Tensor(Storage("0", 4), 0, (4,), (1,))}})
    path = write_archive(tmp_path / "c.pth", index, {"0": struct.pack(layout, 1, 2, 3, 4)}, byteorder=order)
    np.testing.assert_array_equal(read_checkpoint(path)["a"], np.array([1, 2, 3, 4], np.float32))


def test_axes_stored_in_another_order_are_put_right(tmp_path: Path) -> None:
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    tensor = Tensor(Storage("0", 24), 0, (2, 3, 4), (12, 1, 3))
    stored = np.ascontiguousarray(values.transpose(0, 2, 1))
    np.testing.assert_array_equal(read_tensor(tmp_path, tensor, stored.tobytes()), values)


def test_tensors_may_share_a_storage_one_behind_the_other(tmp_path: Path) -> None:
    storage = Storage("0", 6)
    first, second = Tensor(storage, 0, (2,), (1,)), Tensor(storage, 2, (2, 2), (2, 1))
    tensors = {"a": first, "b": second, "c": first}
    data = np.arange(6, dtype=np.float32).tobytes()
    result = read_index(tmp_path, pickled({"network_weights": tensors}), {"0": data})
    assert [result[name].tolist() for name in "abc"] == [[0, 1], [[2, 3], [4, 5]], [0, 1]]


def test_the_prefix_of_parallel_training_is_dropped(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "c.pth", {f"module.{name}": tensor for name, tensor in WEIGHTS.items()})
    assert_same(read_checkpoint(path), WEIGHTS)


def test_weights_cannot_be_changed_by_accident(tmp_path: Path) -> None:
    weights = read_checkpoint(write_checkpoint(tmp_path / "c.pth", WEIGHTS))
    with pytest.raises(ValueError, match="read-only"):
        weights["encoder.bias"][0] = 1


# Tensors that lie.


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (Tensor(Storage("0", 100), 0, (101,), (1,)), "larger than its storage"),
        (Tensor(Storage("0", 100), 50, (51,), (1,)), "larger than its storage"),
        (Tensor(Storage("0", 100), 10**12, (1,), (1,)), "larger than its storage"),
        (Tensor(Storage("0", 100), 0, (2**32, 2**32), (2**32, 1)), "larger than its storage"),
        (Tensor(Storage("0", 100), -1, (10,), (1,)), "unknown way"),
        (Tensor(Storage("0", 100), 0, (-10,), (1,)), "unknown way"),
        (Tensor(Storage("0", 100), 0, (10,), (-1,)), "unknown way"),
        (Tensor(Storage("0", 100), 0, (10,), (2,)), "strides"),
        (Tensor(Storage("0", 100), 0, (100,), (0,)), "strides"),
        (Tensor(Storage("0", 100), 0, (10, 10), (1, 1)), "strides"),
        (Tensor(Storage("0", 100), 0, (10, 10), (10**9, 1)), "strides"),
        (Tensor(Storage("0", 100), 0, (10, 10), (10,)), "sizes"),
        (Tensor(Storage("0", 100), 0, (1,) * 100, (1,) * 100), "sizes"),
        (Tensor(Storage("0", 100), 0, 10, 1), "unknown way"),
        (Tensor(Storage("0", 100), 0, [10], [1]), "unknown way"),
        (Tensor(Storage("0", 100), 0, (10.0,), (1,)), "unknown way"),
        (Tensor(Storage("0", 100), True, (10,), (1,)), "unknown way"),
        (Tensor("storage", 0, (10,), (1,)), "unknown way"),
        (Tensor(Storage("0", 99), 0, (10,), (1,)), "size"),
        (Tensor(Storage("0", 10**15), 0, (10,), (1,)), "missing"),
        (Tensor(Storage("0", -1), 0, (10,), (1,)), "missing"),
        (Tensor(Storage("0", "100"), 0, (10,), (1,)), "missing"),
        (Tensor(Storage("1", 100), 0, (10,), (1,)), "missing"),
        (Tensor(Storage("../data.pkl", 100), 0, (10,), (1,)), "missing"),
        (Tensor(Storage(0, 100), 0, (10,), (1,)), "unknown way"),
        (Tensor(Storage("0", 100, word="module"), 0, (10,), (1,)), "unknown way"),
        (Tensor(Storage("0", 100, "FloatStorage"), 0, (10,), (1,)), "unknown way"),
        (Tensor(Storage("0", 100, Global("torch", "DoubleStorage")), 0, (10,), (1,)), "size"),
        (Tensor(Storage("0", 100, Global("torch", "device")), 0, (10,), (1,)), "no type of storage"),
        (Tensor(Storage("0", 100, Global("torch", "QInt8Storage")), 0, (10,), (1,)), "QInt8Storage"),
        ("tensor", "no tensor"),
        ([1.0, 2.0], "no tensor"),
    ],
)
def test_a_tensor_that_contradicts_its_storage_is_refused(tmp_path: Path, tensor: Any, words: str) -> None:
    with pytest.raises(ModelError, match=words) as refusal:
        read_tensor(tmp_path, tensor)
    assert refusal.value.hint


def test_tensors_that_overlap_in_part_are_refused(tmp_path: Path) -> None:
    storage = Storage("0", 10)
    tensors = {"a": Tensor(storage, 0, (6,), (1,)), "b": Tensor(storage, 5, (5,), (1,))}
    with pytest.raises(ModelError, match="overlap"):
        read_index(tmp_path, pickled({"network_weights": tensors}), {"0": bytes(40)})


def test_a_storage_read_as_two_types_is_refused(tmp_path: Path) -> None:
    tensors = {
        "a": Tensor(Storage("0", 10), 0, (10,), (1,)),
        "b": Tensor(Storage("0", 10, Global("torch", "IntStorage")), 0, (10,), (1,)),
    }
    with pytest.raises(ModelError, match="two types"):
        read_index(tmp_path, pickled({"network_weights": tensors}), {"0": bytes(40)})


@pytest.mark.parametrize("value", [{}, {"state_dict": {}}, {"network_weights": {}}, {"network_weights": 3}, [], "text"])
def test_a_checkpoint_without_a_network_says_so(tmp_path: Path, value: Any) -> None:
    with pytest.raises(ModelError, match="no network"):
        read_index(tmp_path, pickled(value))


def test_two_tensors_of_one_name_are_refused(tmp_path: Path) -> None:
    tensor = Tensor(Storage("0", 1), 0, (1,), (1,))
    weights = {"network_weights": {"a": tensor, "module.a": tensor}}
    with pytest.raises(ModelError, match="same name"):
        read_index(tmp_path, pickled(weights), {"0": bytes(4)})


# Archives that lie.


def archive_with(folder: Path, *members: tuple[zipfile.ZipInfo | str, bytes]) -> Path:
    write_checkpoint(folder / "checkpoint.pth", WEIGHTS)
    with zipfile.ZipFile(folder / "checkpoint.pth", "a") as archive:
        for member, data in members:
            archive.writestr(member, data)
    return folder / "checkpoint.pth"


def refused(path: Path, words: str) -> None:
    with pytest.raises(ModelError, match=words) as refusal:
        read_checkpoint(path)
    assert refusal.value.hint


@pytest.mark.parametrize(
    "name", ["../evil", "archive/../../evil", "/etc/evil", "..\\evil", "C:/evil", "archive/data/../0"]
)
def test_names_that_lead_out_of_the_archive_are_refused(tmp_path: Path, name: str) -> None:
    refused(archive_with(tmp_path, (zipfile.ZipInfo(name), b"evil")), "leads out")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_the_same_name_are_refused(tmp_path: Path) -> None:
    refused(archive_with(tmp_path, ("archive/data/0", b"evil")), "same name")


def test_links_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("archive/data/9")
    link.external_attr = 0o120777 << 16
    refused(archive_with(tmp_path, (link, b"/etc/passwd")), "link")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    bomb = zipfile.ZipInfo("archive/data/9")
    bomb.compress_type = zipfile.ZIP_DEFLATED
    refused(archive_with(tmp_path, (bomb, bytes(10**7))), "compressed")


def test_encrypted_archives_are_refused(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "checkpoint.pth", WEIGHTS)
    data = bytearray(path.read_bytes())
    data[data.rfind(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    refused(path, "encrypted")


def test_a_file_larger_than_its_archive_is_refused(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "checkpoint.pth", WEIGHTS)
    data = bytearray(path.read_bytes())
    entry = data.find(b"PK\1\2")
    struct.pack_into("<II", data, entry + 20, 10**9, 10**9)
    path.write_bytes(data)
    refused(path, "more than it does")


def test_two_indices_are_refused(tmp_path: Path) -> None:
    refused(archive_with(tmp_path, ("other/data.pkl", pickled({}))), "not one that PyTorch wrote")


def test_an_archive_of_something_else_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "checkpoint.pth", "w") as archive:
        archive.writestr("readme.txt", "hello")
    refused(tmp_path / "checkpoint.pth", "not one that PyTorch wrote")


def test_a_table_of_contents_of_absurd_size_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_module, "MOST_DIRECTORY_BYTES", 100)
    refused(write_checkpoint(tmp_path / "checkpoint.pth", WEIGHTS), "far larger")


def test_an_unknown_byte_order_is_refused(tmp_path: Path) -> None:
    refused(write_archive(tmp_path / "checkpoint.pth", pickled({}), byteorder=b"middle"), "byte order")


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = write_checkpoint(tmp_path / "whole.pth", WEIGHTS).read_bytes()
    path = tmp_path / "checkpoint.pth"
    for end in range(0, len(whole), 7):
        path.write_bytes(whole[:end])
        refused(path, "damaged|not a PyTorch")


def test_a_changed_byte_in_the_weights_is_noticed(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "checkpoint.pth", WEIGHTS)
    data = bytearray(path.read_bytes())
    data[data.find(WEIGHTS["encoder.weight"].tobytes()) + 5] ^= 1
    path.write_bytes(data)
    refused(path, "damaged")


def test_no_damage_to_the_archive_ends_in_anything_but_a_clear_message(tmp_path: Path) -> None:
    whole = write_checkpoint(tmp_path / "whole.pth", WEIGHTS).read_bytes()
    path, dice = tmp_path / "checkpoint.pth", random.Random(11)
    for _ in range(200):
        damaged = bytearray(whole)
        for _ in range(dice.randint(1, 6)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        path.write_bytes(damaged)
        with suppress(ModelError):
            read_checkpoint(path)


# Files of another kind.


def test_the_format_of_old_pytorch_is_refused_with_a_way_out(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pth"
    path.write_bytes(pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({"a": 1}, 2))
    refused(path, "before version 1.6")


@pytest.mark.parametrize("data", [b"", b"<html>not found</html>", b"version https://git-lfs.github.com/spec/v1\n"])
def test_a_page_or_an_empty_file_in_place_of_the_weights_is_recognised(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "checkpoint.pth"
    path.write_bytes(data)
    refused(path, "not a PyTorch checkpoint")


def test_a_missing_file_or_a_folder_is_a_clear_message(tmp_path: Path) -> None:
    refused(tmp_path / "nothing.pth", "There is no file")
    refused(tmp_path, "folder")


def test_an_ordered_dictionary_with_arguments_is_no_weights(tmp_path: Path) -> None:
    class Made(OrderedDict[str, int]):
        def __reduce__(self) -> Any:
            return OrderedDict, ([("a", 1)],)

    with pytest.raises(ModelError, match="no network"):
        read_index(tmp_path, pickled({"network_weights": Made()}))
