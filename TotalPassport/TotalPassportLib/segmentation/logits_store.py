"""Logits as a zarr array, written plane by plane: float16 ``[c, z, y, x]``, blosc with lz4, zarr's format 3.

Needs the extra ``logits``. The array is made under a temporary name and renamed when it is whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import BadInput
from ..base.hints import Hint, HintCode
from ..base.optional_packages import required_modules
from ..base.temporaries import folder_beside, replace_folder

COMPRESSION_LEVEL = 6
ARRAY_FILES = ("zarr.json", ".zarray")
"""What a folder of zarr's format 3 or 2 has, so that nothing else is ever replaced."""


def zarr_module() -> Any:
    """Return the module zarr.

    Raises
    ------
    BadInput
        It is not installed, or too old for the format.
    """
    missing = BadInput(
        "Writing logits needs zarr, version 3 or newer, which is not installed.",
        Hint(HintCode.INSTALL_PACKAGE, package="'zarr>=3'"),
    )
    return required_modules("zarr", "zarr.codecs", missing=missing)


class LogitsStore:
    """An array that is being written.

    Parameters
    ----------
    array : zarr.Array
        Where to, ``[c, z, y, x]``.
    """

    def __init__(self, array: Any) -> None:
        self._array = array
        self._deep = int(array.chunks[1])
        self._waiting: list[np.ndarray] = []
        self._first = 0

    def add(self, planes: np.ndarray) -> None:
        """Add the next planes, ``[c, planes, y, x]``; whole chunks are written, the rest waits for more."""
        self._waiting.append(planes.astype(np.float16, copy=False))
        if sum(slab.shape[1] for slab in self._waiting) >= self._deep:
            self._write(whole_chunks=True)

    def finish(self) -> None:
        """Write what is left.

        Raises
        ------
        ValueError
            There were fewer or more planes than the array has.
        """
        self._write(whole_chunks=False)
        if self._first != self._array.shape[1]:
            raise ValueError(f"{self._first} planes were written of {self._array.shape[1]}.")

    def _write(self, *, whole_chunks: bool) -> None:
        if not self._waiting:
            return
        slab = np.concatenate(self._waiting, axis=1) if len(self._waiting) > 1 else self._waiting[0]
        count = slab.shape[1] // self._deep * self._deep if whole_chunks else slab.shape[1]
        self._array[:, self._first : self._first + count] = slab[:, :count]
        self._first += count
        rest = slab[:, count:].copy()
        self._waiting = [rest] if rest.size else []


@contextmanager
def logits_store(
    path: Path, shape: Sequence[int], attributes: Mapping[str, Any] | None = None
) -> Iterator[LogitsStore]:
    """Yield a store of that shape ``[c, z, y, x]``, which becomes ``path`` at the end if all went well.

    What stood there is replaced; chunks are as large as zarr chooses, and ``attributes`` are what stands beside them.

    Raises
    ------
    BadInput
        zarr is missing, or the place cannot be written to.
    """
    zarr = zarr_module()
    _refuse_other_folders(path)
    with folder_beside(path) as folder:
        codec = zarr.codecs.BloscCodec(cname="lz4", clevel=COMPRESSION_LEVEL, shuffle="shuffle", typesize=2)
        array = zarr.create_array(
            str(folder / path.name), shape=tuple(shape), dtype="float16", compressors=codec, zarr_format=3,
            attributes=dict(attributes or {}),
        )  # fmt: skip
        store = LogitsStore(array)
        yield store
        store.finish()
        replace_folder(folder / path.name, path)


def put_in_place(array: Path, destination: Path) -> None:
    """Give a finished array its name; another array there is replaced, anything else is not."""
    _refuse_other_folders(destination)
    replace_folder(array, destination)


def _refuse_other_folders(path: Path) -> None:
    if path.exists() and not any((path / name).is_file() for name in ARRAY_FILES):
        raise BadInput(f"'{path}' stands where the logits go, and is no zarr array.", "Remove or rename it.")
