"""PyTorch's checkpoints -> numpy arrays, without PyTorch and without executing anything.

A checkpoint is a zip archive, never compressed: `<name>/data.pkl` describes the objects, `<name>/data/<key>` holds the
bytes of each storage, and tensors are windows onto storages. None of it is trusted: neither the archive, nor the
pickle (see `unpickling`), nor what a tensor says about its storage.
"""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import numpy as np

from ...base.errors import ModelError, os_error
from .unpickling import INERT, MOST_BYTES, Call, Inert, Name, read_pickle

MOST_ARCHIVE_BYTES = 8 * 2**30
MOST_DIRECTORY_BYTES = 16 * 2**20
"""Of the archive's table of contents; 16 MB list about 200,000 members, a large network has a thousand."""

_BFLOAT16 = "bfloat16"
_STORAGE_TYPES = {
    "FloatStorage": "f4", "DoubleStorage": "f8", "HalfStorage": "f2", "BFloat16Storage": _BFLOAT16,
    "LongStorage": "i8", "IntStorage": "i4", "ShortStorage": "i2", "CharStorage": "i1", "ByteStorage": "u1",
    "BoolStorage": "?",
}  # fmt: skip
_INERT_NAMES = (
    "_codecs.encode", "collections.defaultdict", "datetime.datetime", "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray._reconstruct", "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar",
    "numpy.dtype", "numpy.ndarray", "pathlib.Path", "pathlib.PosixPath", "pathlib.PurePosixPath",
    "pathlib.WindowsPath", "torch.Size", "torch.device",
    *(f"{module}.{name}" for module in ("builtins", "__builtin__") for name in ("bytearray", "frozenset", "set")),
    *(f"torch.{name}" for name in ("float16", "float32", "float64", "bfloat16", "int32", "int64", "uint8", "bool")),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Storage:
    """Bytes in the archive, not read yet."""

    key: str
    kind: str
    count: int


@dataclass(frozen=True, kw_only=True)
class _Tensor:
    """A window onto a storage; offset, shape and strides count elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def size(self) -> int:
        return prod(self.shape)


def read_checkpoint(path: Path) -> dict[str, np.ndarray]:
    """The network's weights in an nnU-Net checkpoint (`checkpoint_final.pth`), by name.

    Floating-point tensors of any precision come as float32. Tensors that share their memory in the checkpoint share it
    here; arrays are read-only.

    Raises
    ------
    ModelError
        The file is no checkpoint, is damaged, holds no network, or contradicts itself.
    """
    with _archive(Path(path)) as archive:
        reader = _Reader(archive)
        checkpoint = read_pickle(reader.index(), reader.names(), reader.storage)
        weights = checkpoint.get("network_weights") if isinstance(checkpoint, dict) else None
        if not isinstance(weights, dict) or not weights:
            raise ModelError(
                f"'{path}' holds no network: there are no network_weights in it.",
                "Give the checkpoint_final.pth of a network trained with nnU-Net version 2.",
            )
        return reader.named_arrays(weights)


def read_state_dict(path: Path, wrapper: str = "model") -> dict[str, np.ndarray]:
    """The weights in a checkpoint that is nothing else, plain or under one key; see `read_checkpoint`.

    Raises
    ------
    ModelError
        The file is no checkpoint, is damaged, or holds something else.
    """
    with _archive(Path(path)) as archive:
        reader = _Reader(archive)
        weights = read_pickle(reader.index(), reader.names(), reader.storage)
        if isinstance(weights, dict) and isinstance(weights.get(wrapper), dict):
            weights = weights[wrapper]
        if not isinstance(weights, dict) or not weights:
            raise ModelError(f"'{path}' holds no weights.", "Give the checkpoint that comes with the bundle.")
        return reader.named_arrays(weights)


def trained_configuration(path: Path) -> str | None:
    """Return the configuration that an nnU-Net checkpoint was trained with, None if it does not say.

    That is what counts: folders were renamed by people.

    Raises
    ------
    ModelError
        The file is no checkpoint, or is damaged.
    """
    with _archive(Path(path)) as archive:
        reader = _Reader(archive)
        checkpoint = read_pickle(reader.index(), reader.names(), reader.storage)
    arguments = checkpoint.get("init_args") if isinstance(checkpoint, dict) else None
    configuration = arguments.get("configuration") if isinstance(arguments, dict) else None
    return configuration if isinstance(configuration, str) else None


def _plain_name(name: object) -> str:
    if not isinstance(name, str):
        raise _damaged("a tensor's name is no text")
    return name.removeprefix("module.")  # what PyTorch's data-parallel training puts in front of every name


def _damaged(reason: str) -> ModelError:
    return ModelError(f"The checkpoint cannot be used: {reason}.", "Get the weights again from their official source.")


class _Reader:
    """What one archive holds. Everything that the pickle claims passes through here."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self.members = _checked_members(archive)
        indices = [name for name in self.members if PurePosixPath(name).name == "data.pkl"]
        if len(indices) != 1 or indices[0].count("/") != 1:
            raise _damaged("it is a zip archive but not one that PyTorch wrote")
        self.prefix = indices[0].removesuffix("data.pkl")
        order = self.read("byteorder") if f"{self.prefix}byteorder" in self.members else b"little"
        if order not in (b"little", b"big"):
            raise _damaged("its byte order is unknown")
        self.byte_order = "<" if order == b"little" else ">"
        self._bytes: dict[_Storage, np.ndarray] = {}

    def read(self, name: str) -> bytes:
        return self.archive.read(self.members[self.prefix + name])

    def index(self) -> bytes:
        size = self.members[self.prefix + "data.pkl"].file_size
        if size > MOST_BYTES:
            raise _damaged(f"its index takes {size // 2**20} MB, far more than that of any network")
        return self.read("data.pkl")

    def names(self) -> dict[str, Call | None]:
        """Every global that a checkpoint may mention, and what stands in for calling it."""
        inert = dict.fromkeys((*_INERT_NAMES, *(f"torch.{name}" for name in _STORAGE_TYPES)))
        return inert | {
            "collections.OrderedDict": _ordered_dict,
            "torch._utils._rebuild_tensor": _tensor,
            "torch._utils._rebuild_tensor_v2": _tensor,
            "torch._utils._rebuild_parameter": lambda arguments: arguments[0],
        }

    def storage(self, identifier: tuple[Any, ...]) -> _Storage:
        """The storage that a persistent identifier `("storage", type, key, device, count)` means."""
        word, kind, key, _, count = identifier
        if word != "storage" or not isinstance(kind, Name) or not isinstance(key, str):
            raise _damaged("a storage is described in an unknown way")
        name = kind.name.removeprefix("torch.")
        if name not in _STORAGE_TYPES:
            raise _damaged(f"'{kind.name}' is no type of storage")
        member = self.members.get(f"{self.prefix}data/{key}")
        if member is None or not _is_element_count(count):
            raise _damaged("a storage that it mentions is missing")
        storage = _Storage(key=key, kind=_STORAGE_TYPES[name], count=count)
        if member.file_size != count * _data_type(storage.kind, "<").itemsize:
            raise _damaged("a storage has not the size that the index gives it")
        return storage

    def named_arrays(self, weights: Mapping[object, object]) -> dict[str, np.ndarray]:
        """Check names and tensors, and read them."""
        tensors = {_plain_name(name): tensor for name, tensor in weights.items()}
        if len(tensors) != len(weights):
            raise _damaged("two of its tensors have the same name")
        return self.arrays(tensors)

    def arrays(self, tensors: Mapping[str, object]) -> dict[str, np.ndarray]:
        """Check the tensors against their storages and read them."""
        windows: dict[_Storage, set[_Tensor]] = {}
        for name, tensor in tensors.items():
            if not isinstance(tensor, _Tensor):
                raise _damaged(f"{name[:100]!r} is no tensor")
            _check_window(name, tensor)
            windows.setdefault(tensor.storage, set()).add(tensor)
        for group in windows.values():
            _check_disjoint(group)
        if len({storage.key for storage in windows}) != len(windows):
            raise _damaged("a storage is read as two types")
        return {name: self.array(tensor) for name, tensor in tensors.items() if isinstance(tensor, _Tensor)}

    def array(self, tensor: _Tensor) -> np.ndarray:
        """The tensor's numbers, as a window onto those of its storage."""
        if tensor.storage not in self._bytes:
            self._bytes[tensor.storage] = self.numbers(tensor.storage)
        numbers = self._bytes[tensor.storage][tensor.offset :]
        strides = [stride * numbers.itemsize for stride in tensor.strides]
        return np.lib.stride_tricks.as_strided(numbers, tensor.shape, strides, writeable=False)

    def numbers(self, storage: _Storage) -> np.ndarray:
        raw = np.frombuffer(self.read(f"data/{storage.key}"), _data_type(storage.kind, self.byte_order))
        if storage.kind == _BFLOAT16:  # the upper half of a float32
            return (raw.astype(np.uint32) << 16).view(np.float32)
        if raw.dtype.kind != "f":
            return raw
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused with a sentence
            return raw.astype(np.float32, copy=False)


def _data_type(kind: str, byte_order: str) -> np.dtype[Any]:
    return np.dtype(byte_order + ("u2" if kind == _BFLOAT16 else kind))


def _is_element_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**40


def _ordered_dict(arguments: tuple[Any, ...]) -> dict[Any, Any] | Inert:
    # Filled later, item by item; a list of pairs as argument occurs in no checkpoint.
    return {} if not arguments else INERT


def _tensor(arguments: tuple[Any, ...]) -> _Tensor:
    storage, offset, shape, strides = arguments[:4]
    numbers = (offset, *shape, *strides) if isinstance(shape, tuple) and isinstance(strides, tuple) else (None,)
    if not isinstance(storage, _Storage) or not all(_is_element_count(number) for number in numbers):
        raise _damaged("a tensor is described in an unknown way")
    return _Tensor(storage=storage, offset=offset, shape=shape, strides=strides)


def _check_window(name: str, tensor: _Tensor) -> None:
    """Refuse a tensor that leaves its storage, leaves gaps or uses an element twice; axes may be in any order."""
    if len(tensor.shape) != len(tensor.strides) or len(tensor.shape) > 8:
        raise _damaged(f"{name[:100]!r} has {len(tensor.shape)} sizes but {len(tensor.strides)} strides")
    if tensor.offset + tensor.size > tensor.storage.count:
        raise _damaged(f"{name[:100]!r} is larger than its storage")
    expected = 1
    for stride, length in sorted(zip(tensor.strides, tensor.shape, strict=True)):
        if length > 1 and stride != expected:
            raise _damaged(f"{name[:100]!r} has strides that do not belong to its shape")
        expected *= length


def _check_disjoint(tensors: set[_Tensor]) -> None:
    """Tensors that share a storage may be the same window, but not overlap in part."""
    spans = sorted({(tensor.offset, tensor.offset + tensor.size) for tensor in tensors if tensor.size})
    if any(end > start for (_, end), (start, _) in pairwise(spans)):
        raise _damaged("two of its tensors overlap")


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """The open archive; whatever is wrong with the file becomes a `ModelError`."""
    try:
        with path.open("rb") as file:
            _check_kind(file, path)
            with zipfile.ZipFile(file) as archive:
                yield archive
    except (zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError, ValueError, KeyError) as error:
        raise ModelError(
            f"'{path}' is damaged or incomplete.", "Get the weights again; the download may have been cut off."
        ) from error
    except OSError as error:
        sentence = os_error(error)
        raise ModelError(sentence.message, sentence.hint) from error


def _check_kind(file: BinaryIO, path: Path) -> None:
    """Say what a file is that is no archive, before it is read as one."""
    head = file.read(512)
    if head[:1] == b"\x80" or head[257:262] == b"ustar":
        raise ModelError(
            f"'{path}' is in the format of PyTorch before version 1.6.",
            "Load and save it once with a newer PyTorch, or get the weights from their official source.",
        )
    if head[:2] != b"PK":
        raise ModelError(
            f"'{path}' is not a PyTorch checkpoint.", "Give the checkpoint_final.pth of a trained network."
        )
    size = file.seek(0, 2)
    if size > MOST_ARCHIVE_BYTES or _directory_bytes(file, size) > MOST_DIRECTORY_BYTES:
        raise ModelError(f"'{path}' is far larger than the checkpoint of any network.", "Get the weights again.")


def _directory_bytes(file: BinaryIO, size: int) -> int:
    """How long the archive's table of contents says it is; `zipfile` reads it all before anything can be checked."""
    file.seek(max(0, size - 2**16 - 98))
    tail = file.read()
    end = len(tail) - 22 if tail[-22:-18] == b"PK\5\6" and tail[-2:] == b"\0\0" else tail.rfind(b"PK\5\6")
    if end < 0:
        raise zipfile.BadZipFile
    if tail[max(0, end - 20) : end][:4] == b"PK\6\7" and tail[max(0, end - 76) : end][:4] == b"PK\6\6":
        return int.from_bytes(tail[end - 76 + 40 : end - 76 + 48], "little")
    return int.from_bytes(tail[end + 12 : end + 16], "little")


def _checked_members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The members by name. PyTorch stores them uncompressed, so a file larger than its archive is a lie."""
    members = {member.filename: member for member in archive.infolist()}
    if len(members) != len(archive.infolist()):
        raise _damaged("its archive holds two files of the same name")
    for member in members.values():
        parts = PurePosixPath(member.orig_filename).parts
        if ".." in parts or parts[:1] == ("/",) or any(letter in member.orig_filename for letter in "\\:\0"):
            raise _damaged("its archive holds a file whose name leads out of it")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise _damaged("its archive holds a link")
        if member.flag_bits & 0x1:
            raise _damaged("its archive is encrypted")
        if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
            raise _damaged("its archive is compressed, which PyTorch's never are")
    if archive.fp is None or sum(member.file_size for member in members.values()) > archive.fp.seek(0, 2):
        raise _damaged("its archive claims to hold more than it does")
    return members
