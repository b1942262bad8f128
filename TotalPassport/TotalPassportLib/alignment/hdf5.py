"""A small HDF5 file from nested dictionaries, so that no HDF5 library is needed to write a transform.

Only what ITK's transform files hold: groups, one-dimensional float64 arrays, and single strings of variable length.
By the HDF5 File Format Specification, version 3.0 (The HDF Group): superblock version 0, object headers version 1,
links kept in the headers of their groups, contiguous data, strings in a global heap. HDF5 1.8 and newer read it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

import numpy as np

Tree = Mapping[str, "Tree | np.ndarray | str"]

SIGNATURE = b"\x89HDF\r\n\x1a\n"
UNDEFINED = 2**64 - 1
SUPERBLOCK_BYTES = 96
SMALLEST_HEAP = 4096
"""Bytes of the smallest global heap that the library accepts."""

DATASPACE, LINK_INFO, DATATYPE, FILL_VALUE, LINK, LAYOUT, GROUP_INFO = 1, 2, 3, 5, 6, 8, 10
FLOAT64 = struct.pack("<BBBBI2H4BI", 0x11, 0x20, 63, 0, 8, 0, 64, 52, 11, 0, 52, 1023)
"""Little-endian IEEE double: sign at bit 63, 11 bits of exponent from 52 on with bias 1023, 52 bits of mantissa."""
STRING = struct.pack("<4BI4BI2H", 0x19, 0x01, 0, 0, 16, 0x10, 0, 0, 0, 1, 0, 8)
"""Variable length, null-terminated ASCII; its base type is the unsigned byte, as the library makes it."""


def hdf5_bytes(tree: Tree) -> bytes:
    """Return the bytes of an HDF5 file with these groups (mappings), float64 arrays and ASCII strings."""
    writer = _Writer()
    root = writer.add_group(tree)
    superblock = SIGNATURE + struct.pack("<8B2HI", 0, 0, 0, 0, 0, 8, 8, 0, 4, 16, 0)
    superblock += struct.pack("<4Q", 0, UNDEFINED, writer.end, UNDEFINED)
    superblock += struct.pack("<2Q2I16x", 0, root, 0, 0)
    return superblock + bytes(writer.body)


class _Writer:
    """Collects the parts of the file behind the superblock; every ``add`` returns an address."""

    def __init__(self) -> None:
        self.body = bytearray()

    @property
    def end(self) -> int:
        return SUPERBLOCK_BYTES + len(self.body)

    def add(self, content: bytes) -> int:
        address = self.end
        self.body += _padded(content)
        return address

    def add_group(self, tree: Tree) -> int:
        messages = [(LINK_INFO, struct.pack("<2B2Q", 0, 0, UNDEFINED, UNDEFINED)), (GROUP_INFO, bytes(2))]
        for name, node in tree.items():
            address = self.add_group(node) if isinstance(node, Mapping) else self.add_dataset(node)
            encoded = name.encode("ascii")
            messages.append((LINK, struct.pack("<3B", 1, 0, len(encoded)) + encoded + struct.pack("<Q", address)))
        return self.add_header(messages)

    def add_dataset(self, value: np.ndarray | str) -> int:
        if isinstance(value, str):
            kind, count, data = STRING, 1, self.add_string(value)
        else:
            kind, count, data = FLOAT64, len(value), np.ascontiguousarray(value, "<f8").tobytes()
        layout = struct.pack("<2B2Q", 3, 1, self.add(data) if data else UNDEFINED, len(data))
        space = struct.pack("<8BQ", 1, 1, 0, 0, 0, 0, 0, 0, count)
        fill = struct.pack("<4B", 2, 1, 2, 0)
        return self.add_header([(DATASPACE, space), (DATATYPE, kind), (FILL_VALUE, fill), (LAYOUT, layout)])

    def add_string(self, text: str) -> bytes:
        """Put a string into a heap of its own and return the reference that is the dataset's element."""
        encoded = text.encode("ascii") + b"\0"
        stored = struct.pack("<2HIQ", 1, 1, 0, len(encoded)) + _padded(encoded)
        size = max(SMALLEST_HEAP, 32 + len(stored))
        free = size - 16 - len(stored)
        heap = b"GCOL" + struct.pack("<4BQ", 1, 0, 0, 0, size) + stored + struct.pack("<2HIQ", 0, 0, 0, free)
        return struct.pack("<IQI", len(encoded), self.add(heap.ljust(size, b"\0")), 1)

    def add_header(self, messages: list[tuple[int, bytes]]) -> int:
        parts = [struct.pack("<2HB3x", kind, len(_padded(data)), 0) + _padded(data) for kind, data in messages]
        body = b"".join(parts)
        return self.add(struct.pack("<2BH2I4x", 1, 0, len(messages), 1, len(body)) + body)


def _padded(content: bytes) -> bytes:
    """Return the content filled with zeros to a multiple of 8 bytes."""
    return content + bytes(-len(content) % 8)
