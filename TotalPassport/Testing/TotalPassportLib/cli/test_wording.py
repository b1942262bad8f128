"""Failures read, in a terminal, as the commands and options that help."""

from __future__ import annotations

import argparse
import re

import pytest
from TotalPassportLib.base.errors import BadInput, ModelError
from TotalPassportLib.base.hints import NEUTRAL, Hint, HintCode, arguments_of, hint_fields
from TotalPassportLib.cli.main import command_line_parser
from TotalPassportLib.cli.wording import IN_THE_SHELL, error_text, warning_text


@pytest.mark.parametrize("code", HintCode)
def test_every_next_step_has_its_words_with_all_that_it_is_about(code: HintCode) -> None:
    assert arguments_of(IN_THE_SHELL[code]) == arguments_of(NEUTRAL[code])


def test_the_commands_and_options_that_are_named_exist() -> None:
    lines = [line for text in IN_THE_SHELL.values() for line in re.findall(r"totalpassport ([^'.:()]+)", text)]
    assert len(lines) > 8
    for line in lines:
        parser = command_line_parser()
        for word in line.split():
            commands = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
            if commands:
                parser = commands[0].choices[word]
            elif word.startswith("--"):
                assert word in parser._option_string_actions, line


def test_a_plain_sentence_stays_as_it_is() -> None:
    assert error_text(BadInput("It is 2-D.", "Give 3-D.")) == "It is 2-D. Give 3-D."
    assert error_text(BadInput("It is 2-D.")) == "It is 2-D."


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (
            Hint(HintCode.DOWNLOAD_MODEL, model="fast", datasets=[297], megabytes=135),
            "It needs TotalSegmentator's released weights (dataset 297, about 135 MB): run 'totalpassport models "
            "download fast'. Where the network is blocked, 'totalpassport models info fast' shows the addresses, and "
            "'totalpassport models import FILE' brings in what a browser got. The model that comes along, --model "
            "demo, knows the sample of 'totalpassport demo' only.",
        ),
        (Hint(HintCode.CHECK_DRIVERS, other_provider="cpu"), "Check its drivers, or choose --provider cpu."),
        (
            Hint(HintCode.FIND_WEIGHTS, files=["plans.json", "dataset.json"], model="fast"),
            "Each needs plans.json, dataset.json in its trainer's folder; 'totalpassport models info fast' shows "
            "where to get them.",
        ),
        (
            Hint(HintCode.INSTALL_ENGINE, extra="openvino", plain_extra="cpu"),
            'Install the one for this machine: pip install "totalpassport[openvino]" (or [cpu], the plain one).',
        ),
    ],
)
def test_a_next_step_is_a_command(hint: Hint, words: str) -> None:
    assert error_text(ModelError("It does not work.", hint)) == f"It does not work. {words}"


def test_a_warning_says_the_option_that_helps() -> None:
    event = {"event": "warning", "message": "Nothing says what the labels are."}
    assert warning_text(event) == "Nothing says what the labels are."
    hinted = event | hint_fields(Hint(HintCode.NAME_LABELS, tables=["total", "total_v1"]))
    assert warning_text(hinted) == (
        "Nothing says what the labels are. To state their names, give a label table with --labels: total, total_v1, "
        "nnU-Net's dataset.json, or one of your own."
    )
