"""Equality of records that hold arrays, of which Python's own comparison makes an array instead of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar

import numpy as np


class EqualByContent:
    """Two data classes of one type are equal where all their fields are, arrays number by number.

    Fields declared with ``compare=False`` are left out. What holds arrays can change, and so has no hash: it is neither
    a key of a dictionary nor an element of a set. The data class has to be declared with ``eq=False``.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, eq=False)
    ... class Place(EqualByContent):
    ...     centre: np.ndarray
    >>> Place(np.zeros(3)) == Place(np.zeros(3)), Place(np.zeros(3)) == Place(np.ones(3))
    (True, False)
    """

    __hash__: ClassVar[None]  # type: ignore[assignment]  # as typeshed has it for lists

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(other) is not type(self):
            return NotImplemented
        names = [field.name for field in fields(self) if field.compare]  # type: ignore[arg-type]
        return all(same_content(getattr(self, name), getattr(other, name)) for name in names)


def same_content(one: Any, other: Any) -> bool:
    """Tell whether two values are equal, with arrays, mappings and sequences of them compared throughout.

    >>> same_content({"a": [np.zeros(2), 1]}, {"a": [np.zeros(2), 1.0]})
    True
    """
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return bool(np.array_equal(one, other))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same_content(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same_content, one, other))
    return bool(one == other)
