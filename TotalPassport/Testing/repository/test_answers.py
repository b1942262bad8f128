"""The page of answers names tests that exist, and that of troubles quotes what is really said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

NAMED = re.compile(r"`(?P<file>[\w/]+\.py)::(?P<test>test_\w+)`")
ROOMS = ("", "TotalPassportSlicer", "TotalPassportLib")
REASONS = ("was not available", "not asserted by a test", "cannot be shown")


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "answers.md").read_text(encoding="utf-8")


def rows(page: str) -> list[str]:
    """Return the lines of the tables of answers."""
    lines = page.partition("## Measured")[0].splitlines()
    return [line for line in lines if line.startswith("| ") and " | the answer here" not in line]


def test_every_test_that_the_answers_name_exists(page: str, repository: Path) -> None:
    named = [(match["file"], match["test"]) for match in NAMED.finditer(page)]
    assert len(named) > 80
    testing = repository / "TotalPassport" / "Testing"
    for file, test in named:
        found = [path for room in ROOMS if (path := testing / room / file).is_file()]
        assert len(found) == 1, f"{file} is {len(found)} files"
        assert re.search(rf"^\s*def {test}\(", found[0].read_text(encoding="utf-8"), re.MULTILINE), f"{file}::{test}"


def test_every_answer_names_a_test_or_says_why_there_is_none(page: str) -> None:
    assert len(rows(page)) > 40
    silent = [row for row in rows(page) if not NAMED.search(row) and not any(reason in row for reason in REASONS)]
    assert silent == []


def test_sentences_that_the_page_of_troubles_quotes_are_said(repository: Path) -> None:
    page = (repository / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    sources = [path for path in (repository / "TotalPassport").rglob("*") if path.suffix in (".py", ".ui", ".json")]
    said = "\n".join(path.read_text(encoding="utf-8") for path in sources if "Testing" not in path.parts)
    symptoms = [line.split("|")[1] for line in page.splitlines() if line.startswith("| ")]
    quoted = [text for symptom in symptoms for text in re.findall(r"\*([^*]+)\*", symptom)]
    parts = [part.strip() for text in quoted for part in text.split("…") if len(part.strip()) > 2]
    assert len(parts) > 4
    assert [part for part in parts if part not in said] == []
