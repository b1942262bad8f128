"""The labels of nnU-Net's ``dataset.json``, in the form of its version 1 (value to name) and 2 (name to value)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import BadInput

LARGEST_LABEL = 65535
"""Label images have at most 16 bits."""
LONGEST_NAME = 256


def is_dataset_document(document: Any) -> bool:
    """Tell whether a JSON document looks like nnU-Net's ``dataset.json`` rather than like a label table of ours."""
    return isinstance(document, dict) and "schema" not in document and isinstance(document.get("labels"), dict)


def names_in_dataset(document: Mapping[str, Any], what: str) -> dict[int, str]:
    """Return label value -> name, without the background.

    Parameters
    ----------
    document : mapping
        What `is_dataset_document` accepts.
    what : str
        Names the document in errors.

    Raises
    ------
    BadInput
        The labels are no names and whole numbers, one number has several names, or there are no labels.
    """
    names: dict[int, str] = {}
    for key, entry in document["labels"].items():
        value, name = _value_and_name(key, entry, what)
        if names.setdefault(value, name) != name:
            raise BadInput(f"{what} names label {value} twice: {names[value]!r} and {name!r}.", "Correct the file.")
    names.pop(0, None)
    if not names:
        raise BadInput(f"{what} names no labels besides the background.", "Give the file that names the structures.")
    return names


def _value_and_name(key: str, entry: Any, what: str) -> tuple[int, str]:
    if isinstance(entry, list):
        raise BadInput(
            f"{what} names regions, such as {key[:LONGEST_NAME]!r} of several labels, not the labels themselves.",
            "Write a label table that names each value of the label image.",
        )
    number, name = (key, entry) if isinstance(entry, str) else (entry, key)
    try:
        value = int(number) if not isinstance(number, bool) and float(number) == int(number) else -1
    except (TypeError, ValueError):
        value = -1
    if not 0 <= value <= LARGEST_LABEL or not name.strip() or len(name) > LONGEST_NAME:
        raise BadInput(
            f"{what} does not say which label is which: {key[:LONGEST_NAME]!r} should be a name with a whole number.",
            f"Give names and values from 0 to {LARGEST_LABEL}, as nnU-Net's dataset.json has them.",
        )
    return value, name.strip()
