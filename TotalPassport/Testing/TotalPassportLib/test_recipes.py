"""The examples of the page for Python do what it says."""

from __future__ import annotations

import doctest
from pathlib import Path


def test_the_examples_of_the_page_for_python_are_true(repository: Path) -> None:
    result = doctest.testfile(str(repository / "docs" / "python.md"), module_relative=False, encoding="utf-8")
    assert result.attempted > 10
    assert result.failed == 0
