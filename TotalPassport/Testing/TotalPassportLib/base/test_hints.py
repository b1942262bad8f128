"""The library says what to do next without speaking for the command line or the window."""

from __future__ import annotations

import argparse
import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from TotalPassportLib.base.errors import BadInput, ModelError
from TotalPassportLib.base.hints import NEUTRAL, Hint, HintCode, arguments_of, hint_fields, hint_of_event
from TotalPassportLib.cli.main import command_line_parser

PACKAGES = Path(__file__).resolve().parents[3]
LIBRARY = PACKAGES / "TotalPassportLib"
OPTION = re.compile(r"(?<![(\w])--[a-z][a-z-]+(?!:)")
"""An option as it stands in a sentence; in a stylesheet a colon follows, or a bracket is before it."""
SPEAKING = {"cli", "itk_infer"}
"""The command line, and what stands in a command line program's place and is asked by that one's own options."""
SHELL = re.compile(r"\btotalpassport [a-z]+\b|\bpip install\b")


def parsed(*packages: str) -> Iterator[tuple[Path, ast.Module]]:
    for package in packages:
        for path in sorted((PACKAGES / package).rglob("*.py")):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def texts(tree: ast.Module) -> Iterator[str]:
    """Yield every string of a module but its docstrings, also those inside f-strings."""
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in statements:
            yield node.value


def options(parser: argparse.ArgumentParser) -> set[str]:
    """Return every long option of the command line, those of all its commands."""
    found: set[str] = set()
    for action in parser._actions:
        found |= {option for option in action.option_strings if option.startswith("--")}
        if isinstance(action, argparse._SubParsersAction):
            found |= {option for command in action.choices.values() for option in options(command)}
    return found


def speaks_shell(text: str, known: set[str]) -> bool:
    return bool(SHELL.search(text)) or bool(known & set(OPTION.findall(text)))


def test_no_module_of_the_library_but_the_command_line_speaks_shell() -> None:
    known = options(command_line_parser())
    assert {"--provider", "--as", "--forget", "--weights"} <= known
    assert speaks_shell("run 'totalpassport models list'", known)
    assert speaks_shell("Use '--precision exact'.", known)
    speaking = [
        (path.name, text)
        for path, tree in parsed("TotalPassportLib")
        if path.parent.name not in SPEAKING
        for text in texts(tree)
        if speaks_shell(text, known)
    ]
    assert speaking == []


def test_every_hint_carries_the_arguments_of_its_code() -> None:
    made: dict[str, set[str | None]] = {}
    for _path, tree in parsed("TotalPassportLib", "TotalPassportSlicer"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Hint" and len(node.args) == 1:
                code = ast.unparse(node.args[0]).removeprefix("HintCode.")
                names = {keyword.arg for keyword in node.keywords}
                assert made.setdefault(code, names) == names
    made.pop("known")  # what comes from a child is checked when it comes
    assert made == {code.name: arguments_of(NEUTRAL[code]) for code in HintCode}, "each is used, and as it is worded"


def test_the_functions_that_python_users_are_sent_to_exist() -> None:
    public = {
        node.name
        for _path, tree in parsed("TotalPassportLib")
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    named = {name for text in NEUTRAL.values() for name in re.findall(r"(\w+)\(", text)}
    assert len(named) > 5
    assert named <= public


def test_an_error_with_a_hint_is_a_sentence_with_a_next_step() -> None:
    error = ModelError("The model 'fast' is damaged.", Hint(HintCode.REINSTALL_MODEL, model="fast"))
    assert str(error) == (
        "The model 'fast' is damaged. Bring it in again: remove_model('fast'), then download or import it."
    )


@pytest.mark.parametrize(("datasets", "words"), [([297], "(dataset 297,"), ([291, 292], "(datasets 291, 292,")])
def test_one_is_told_from_many(datasets: list[int], words: str) -> None:
    assert words in str(Hint(HintCode.DOWNLOAD_MODEL, model="fast", datasets=datasets, megabytes=66))


@pytest.mark.parametrize("code", HintCode)
def test_a_hint_comes_back_from_the_childs_event(code: HintCode) -> None:
    values = {"datasets": [291, 292], "files": ["plans.json"], "models": ["fast"], "megabytes": 66, "tables": ["total"]}
    hint = Hint(code, **{name: values.get(name, f"a {name}") for name in arguments_of(NEUTRAL[code])})
    event = json.loads(json.dumps(hint_fields(hint)))
    assert event["hint"] == str(hint)
    assert hint_of_event(event) == hint


def test_a_plain_sentence_needs_no_code() -> None:
    fields = hint_fields(BadInput("It is 2-D.", "Give 3-D.").hint)
    assert fields == {"hint": "Give 3-D."}
    assert hint_of_event(fields) == "Give 3-D."


STRANGE = {
    "a code of a newer child": {"hint_code": "fly_to_the_moon", "hint_arguments": {}},
    "a code that is no text": {"hint_code": ["download_model"], "hint_arguments": {}},
    "other arguments": {"hint_code": "reinstall_model", "hint_arguments": {"name": "fast"}},
    "no arguments": {"hint_code": "reinstall_model"},
    "arguments that are none": {"hint_code": "reinstall_model", "hint_arguments": ["fast"]},
    "an argument of a strange kind": {"hint_code": "reinstall_model", "hint_arguments": {"model": {"a": 1}}},
    "a list of strange kinds": {"hint_code": "reinstall_model", "hint_arguments": {"model": [["a"], None]}},
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_not_understood_leaves_the_childs_own_words(name: str) -> None:
    assert hint_of_event({"event": "error", "hint": "Ask the child.", **STRANGE[name]}) == "Ask the child."
    assert hint_of_event({"event": "error", **STRANGE[name]}) == ""
