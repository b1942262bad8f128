"""What to do next reads, in the panel, as what can be clicked there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.hints import NEUTRAL, Hint, HintCode, arguments_of

PACKAGES = Path(__file__).resolve().parents[3]
OF_THE_WINDOW = {"first_seen_file"}
"""What the panel adds to a hint."""


@pytest.fixture
def wording(application: Any) -> Any:
    from TotalPassportSlicer.panel import wording

    return wording


def test_every_next_step_has_its_words(wording: Any) -> None:
    texts = wording.window_texts()
    assert set(texts) == set(HintCode)
    for code, text in texts.items():
        assert arguments_of(text) - OF_THE_WINDOW <= arguments_of(NEUTRAL[code]), code


@pytest.mark.parametrize("code", HintCode)
def test_no_hint_speaks_of_commands_functions_or_the_shell(wording: Any, code: HintCode) -> None:
    lists = {"datasets": [291, 292], "files": ["plans.json"], "models": ["fast"], "tables": ["total"]}
    arguments = {name: lists.get(name, f"a {name}") for name in arguments_of(NEUTRAL[code])}
    text = wording.hint_in_the_window(Hint(code, **arguments))
    assert text
    assert not re.search(r"totalpassport [a-z]|pip install|(?<!\w)--[a-z]|\w\(|shell|command line", text), text


def test_a_new_release_is_told_with_the_file_that_stands_against_it(wording: Any, home: Path) -> None:
    assert str(home / "first-seen.json") in wording.hint_in_the_window(Hint(HintCode.FORGET_RELEASE, model="fast"))


def test_the_buttons_and_sections_that_are_named_are_on_the_panel(wording: Any) -> None:
    (design,) = (PACKAGES / "Resources" / "UI").glob("*.ui")
    shown = set(re.findall(r"<string>([^<]+)</string>", design.read_text(encoding="utf-8")))
    joined = " ".join(wording.window_texts().values())
    named = set(re.findall(r"'([A-Z][^'{}]*)'", joined))
    sections = set(re.findall(r"the section ([A-Z]\w+(?: from segmentation or file)?)", joined))
    assert {"Download", "Import file…", "Make passport"} <= named
    assert {"Models", "Advanced", "Passport from segmentation or file"} <= sections
    assert named | sections <= shown


def test_a_blocked_download_leads_to_the_import_button(wording: Any) -> None:
    assert wording.hint_in_the_window(Hint(HintCode.IMPORT_FILE)) == (
        "Get that file with a browser, on any machine, and bring it in: 'Import file…' in the section Models "
        "(behind a proxy, HTTPS_PROXY may be missing)."
    )


def test_what_a_missing_model_needs_is_said_in_buttons(wording: Any) -> None:
    from TotalPassportLib.models.catalogue import find_entry

    words = wording.hint_in_the_window(find_entry("full").needs)
    assert "datasets 291, 292, 293, 294, 295" in words
    assert "click 'Download' in the section Models" in words
    assert "totalpassport" not in words


def test_a_provider_is_called_as_its_choice_on_the_panel(wording: Any) -> None:
    error = BadInput("It cannot be used.", Hint(HintCode.CHECK_DRIVERS, other_provider="cpu"))
    assert wording.error_in_the_window(error) == (
        "It cannot be used. Check its drivers, or choose the provider 'onnxruntime (CPU)' in the section Advanced."
    )


def test_a_provider_of_a_newer_child_keeps_its_name(wording: Any) -> None:
    assert "'quantum'" in wording.hint_in_the_window(Hint(HintCode.CHECK_DRIVERS, other_provider="quantum"))


@pytest.mark.parametrize("sentence", ["", "Free some space.", "Ask for it with '--precision exact'."])
def test_plain_sentences_stay_as_they_are(wording: Any, sentence: str) -> None:
    assert wording.hint_in_the_window(sentence) == sentence
