"""All texts that a user reads go through Slicer's translation: no sentence stands in the code by itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "TotalPassport.py", *sorted((ROOT / "TotalPassportSlicer").rglob("*.py"))]
NOT_SHOWN = {
    "bug_report.py",  # for developers, in their language
    "self_tests",  # what Slicer's own test runner prints
}
_WORDS = re.compile(r"[A-Za-z]{2,}[ ,][A-Za-z{]|[A-Z][a-z]+…")
"""Two words, as sentences and titles have; names of nodes, signals, styles and files have none."""
_OF_PROGRAMS = re.compile(
    r"^color: |^rgb|\(.*\)$|^<p style|^PID eq|^pid=|//|Segmentation category and type|^TotalPassport [a-z]+$"
)
TRANSLATORS = ("_", "translate")
NOT_TEXTS = ("connect", "disconnect", "compile", "cast", "SkipTest", "join")


def untranslated(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and text of what reads like a sentence and goes through no translation."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    passed = {id(node) for parent in ast.walk(tree) for node in _children_that_are_no_texts(parent)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in passed:
            continue
        if _WORDS.search(node.value) and not _OF_PROGRAMS.search(node.value):
            yield node.lineno, node.value


def _children_that_are_no_texts(parent: ast.AST) -> Iterator[ast.AST]:
    """Yield what is translated, documentation, or an argument of what shows nothing."""
    if isinstance(parent, ast.Expr) and isinstance(parent.value, ast.Constant):
        yield parent.value  # a docstring
    if isinstance(parent, ast.Assert):
        yield from ast.walk(parent)
    if isinstance(parent, ast.Call):
        name = parent.func.id if isinstance(parent.func, ast.Name) else getattr(parent.func, "attr", "")
        if name in (*TRANSLATORS, *NOT_TEXTS):
            for argument in parent.args:
                yield from ast.walk(argument)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_text_is_shown_untranslated(path: Path) -> None:
    if not NOT_SHOWN & {path.name, path.parent.name}:
        assert list(untranslated(path)) == []


def test_a_text_that_was_forgotten_is_found(tmp_path: Path) -> None:
    path = tmp_path / "panel.py"
    path.write_text('"""A docstring."""\nlabel.text = "Choose a scan."\nlabel.text = _("Choose a model.")\n')
    assert list(untranslated(path)) == [(2, "Choose a scan.")]


def test_no_text_is_put_together_before_it_is_translated() -> None:
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in TRANSLATORS:
                assert not any(isinstance(argument, ast.JoinedStr) for argument in node.args), (path.name, node.lineno)


def test_texts_of_the_panels_file_are_translated_but_names_are_not() -> None:
    text = (ROOT / "Resources" / "UI" / "TotalPassport.ui").read_text(encoding="utf-8")
    for name in ("SlicerParameterName", "styleSheet"):
        places = re.findall(rf'<property name="{name}"[^>]*><string([^>]*)>', text)
        assert places
        assert all('notr="true"' in place for place in places)
