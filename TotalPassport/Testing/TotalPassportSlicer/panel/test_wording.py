"""What to do next reads, in the panel, as what can be clicked there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.hints import NEUTRAL, Hint, HintCode, arguments_of

PACKAGES = Path(__file__).resolve().parents[3]
FOR_THE_SHELL_ALONE = {HintCode.IMPORT_UNDER_OTHER_NAME, HintCode.FORGET_RELEASE, HintCode.NAME_MODEL}
"""Rare ways that the panel has no button for: there a command stays."""


@pytest.fixture
def wording(application: Any) -> Any:
    from TotalPassportSlicer.panel import wording

    return wording


def test_every_next_step_has_its_words(wording: Any) -> None:
    texts = wording.window_texts()
    assert set(texts) == set(HintCode)
    for code, text in texts.items():
        assert arguments_of(text) <= arguments_of(NEUTRAL[code]), code


def test_a_command_is_shown_only_where_no_button_does_the_same(wording: Any) -> None:
    texts = wording.window_texts()
    spoken = {
        code for code, text in texts.items() if re.search(r"totalpassport [a-z]|pip install|(?<!\w)--[a-z]", text)
    }
    assert spoken == FOR_THE_SHELL_ALONE


def test_the_buttons_and_sections_that_are_named_are_on_the_panel(wording: Any) -> None:
    (design,) = (PACKAGES / "Resources" / "UI").glob("*.ui")
    shown = set(re.findall(r"<string>([^<]+)</string>", design.read_text(encoding="utf-8")))
    joined = " ".join(wording.window_texts().values())
    named = set(re.findall(r"'([A-Z][^'{}]*)'", joined))
    sections = set(re.findall(r"the section ([A-Z]\w+(?: from segmentation)?)", joined))
    assert {"Download", "Import file…", "Make passport"} <= named
    assert {"Models", "Advanced", "Passport from segmentation"} <= sections
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
