"""The examples of the library's docstrings do what they say."""

from __future__ import annotations

import doctest
import importlib

import pytest
from support.processes import PACKAGES


def modules_with_examples() -> list[str]:
    found = []
    for path in sorted((PACKAGES / "TotalPassportLib").rglob("*.py")):
        if ">>> " in path.read_text(encoding="utf-8"):
            parts = path.relative_to(PACKAGES).with_suffix("").parts
            found.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found


@pytest.mark.parametrize("name", modules_with_examples())
def test_the_examples_of_a_module_are_true(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0


def test_there_are_examples_where_a_number_says_more_than_a_sentence() -> None:
    assert len(modules_with_examples()) >= 8
