"""PyTorch checkpoints written without PyTorch: honest ones, and ones that lie about anything one likes."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from TotalPassportLib.models.nnunet.architecture import UNet
from TotalPassportLib.models.nnunet.checkpoint import read_checkpoint

STORAGES = {"f4": "FloatStorage", "f8": "DoubleStorage", "f2": "HalfStorage", "i8": "LongStorage"}


@dataclass(frozen=True)
class Global:
    """A name in a pickle, which need not exist."""

    module: str
    name: str

    def __call__(self) -> None:
        """Be callable, because pickle insists on it."""


@dataclass(frozen=True)
class Storage:
    """A persistent identifier of a storage."""

    key: Any
    count: Any
    kind: Any = Global("torch", "FloatStorage")
    word: str = "storage"


@dataclass(frozen=True)
class Tensor:
    """The arguments from which PyTorch rebuilds a tensor."""

    storage: Any
    offset: Any
    shape: Any
    strides: Any


class _Pickler(pickle._Pickler):  # the one in Python, the only one whose names can be made up
    dispatch: ClassVar[dict[Any, Any]] = dict(pickle._Pickler.dispatch)

    def persistent_id(self, value: Any) -> Any:
        if isinstance(value, Storage):
            return value.word, value.kind, value.key, "cpu", value.count
        return None

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            arguments = (value.storage, value.offset, value.shape, value.strides, False, OrderedDict())
            return Global("torch._utils", "_rebuild_tensor_v2"), arguments
        return NotImplemented

    def save_made_up(self, value: Global) -> None:
        if self.proto >= 4:
            self.save(value.module)
            self.save(value.name)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + f"{value.module}\n{value.name}\n".encode())
        self.memoize(value)

    dispatch[Global] = save_made_up


def pickled(value: Any, protocol: int = 2) -> bytes:
    """Return the pickle of a value in which there may be the stand-ins above."""
    buffer = io.BytesIO()
    _Pickler(buffer, protocol).dump(value)
    return buffer.getvalue()


def write_archive(path: Path, index: bytes, storages: Mapping[str, bytes] | None = None, **members: bytes) -> Path:
    """Write an archive as PyTorch does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", index)
        for key, data in (storages or {}).items():
            archive.writestr(f"archive/data/{key}", data)
        for name, data in members.items():
            archive.writestr(f"archive/{name}", data)
    return path


def write_checkpoint(path: Path, weights: Mapping[str, np.ndarray], protocol: int = 2, **entries: Any) -> Path:
    """Write an nnU-Net checkpoint with these weights, each tensor in a storage of its own."""
    return _write(path, weights, lambda tensors: {"network_weights": tensors, **entries}, protocol)


def write_state_dict(path: Path, weights: Mapping[str, np.ndarray], wrapper: str | None = None) -> Path:
    """Write weights and nothing else, as they are or under one key."""
    return _write(path, weights, lambda tensors: tensors if wrapper is None else {wrapper: tensors})


def _write(path: Path, weights: Mapping[str, np.ndarray], wrap: Callable[[Any], Any], protocol: int = 2) -> Path:
    storages: dict[str, bytes] = {}
    tensors: OrderedDict[str, Tensor] = OrderedDict()
    for name, array in weights.items():
        key = str(len(storages))
        storages[key] = array.tobytes()
        kind = Global("torch", STORAGES[array.dtype.str[1:]])
        strides = tuple(stride // array.itemsize for stride in np.ascontiguousarray(array).strides)
        tensors[name] = Tensor(Storage(key, array.size, kind), 0, array.shape, strides)
    index = pickled(wrap(tensors), protocol)
    return write_archive(path, index, storages, version=b"3\n", byteorder=b"little")


def random_weights(architecture: UNet, seed: int = 0) -> dict[str, np.ndarray]:
    """Return weights under nnU-Net's names that make every layer matter."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in architecture.tensors().items():
        values = rng.standard_normal(shape) * (0.2 if len(shape) == 1 else 1.5 / np.sqrt(np.prod(shape[1:])))
        weights[name] = (values + name.endswith("norm.weight")).astype(np.float32)
    return weights


def read_index(folder: Path, index: bytes, storages: dict[str, bytes] | None = None) -> dict[str, np.ndarray]:
    """Read a checkpoint whose ``data.pkl`` is ``index``."""
    return read_checkpoint(write_archive(folder / "checkpoint.pth", index, storages))
