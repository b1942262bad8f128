"""What the library says for the shell reads, in the panel, as what can be clicked there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

LIBRARY = Path(__file__).resolve().parents[3] / "TotalPassportLib"
FOR_THE_SHELL_ALONE = ("--as", "--forget", "totalpassport models remove")
"""Rare ways that the panel has no button for: there the command stays."""


@pytest.fixture
def in_the_window(application: Any) -> Any:
    from TotalPassportSlicer.panel.wording import in_the_window

    return in_the_window


def test_a_blocked_download_leads_to_the_import_button(in_the_window: Any) -> None:
    from TotalPassportLib.models.transfer.connection import IMPORT_HINT

    assert in_the_window(IMPORT_HINT) == (
        "Get that file with a browser, on any machine, and bring it in: 'Import file…' in the section Models "
        "(behind a proxy, HTTPS_PROXY may be missing)."
    )


def test_what_a_missing_model_needs_is_said_in_buttons(in_the_window: Any) -> None:
    from TotalPassportLib.models.catalogue import find_entry

    words = in_the_window(find_entry("full").needs)
    assert "run 'Download' in the section Models" in words
    assert "totalpassport" not in words


def test_no_command_of_the_library_reaches_the_panel_unless_only_a_shell_can_do_it(in_the_window: Any) -> None:
    library = [path for path in LIBRARY.rglob("*.py") if path.parent.name != "cli"]
    joined = [re.sub(r'"\n\s*f?"', "", path.read_text(encoding="utf-8")) for path in library]
    sentences = [found for text in joined for found in re.findall(r'f?"[^"\n]*totalpassport models[^"\n]*"', text)]
    assert len(sentences) >= 5
    left = [in_the_window(sentence) for sentence in sentences]
    assert [s for s in left if "totalpassport models" in s and not any(way in s for way in FOR_THE_SHELL_ALONE)] == []


def test_options_of_the_command_line_are_choices_of_the_panel(in_the_window: Any) -> None:
    words = in_the_window("Check its drivers, or choose --provider cpu.")
    assert words == "Check its drivers, or choose the provider 'onnxruntime (CPU)' in the section Advanced."
    assert "'Automatic' in the section Advanced" in in_the_window("Use --provider auto.")
    assert "the precision 'Exact" in in_the_window("Use '--precision exact'.")


def test_other_sentences_stay_as_they_are(in_the_window: Any) -> None:
    for sentence in ("", "The scan has NaN.", "Set TOTALPASSPORT_HOME to a folder on a larger disk."):
        assert in_the_window(sentence) == sentence
