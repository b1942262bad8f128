"""Arguments as people type them: lists anywhere on the line, mistyped commands, a command without what it needs."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from ..base.suggestions import did_you_mean

SCAN_ENDINGS = (".nii", ".nii.gz")


class CommandParser(argparse.ArgumentParser):
    """A parser whose options may take several values without swallowing the scan that follows them.

    ``--roi liver spleen ct.nii.gz`` and ``--roi liver,spleen ct.nii.gz`` mean the same.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.set_defaults(parser=self)
        self._lists: set[str] = set()
        self.default_action = ""
        """Which of its own commands is meant where none is named."""

    def add_list(self, option: str, **keywords: Any) -> None:
        """Add an option that takes one value or more."""
        self._lists.add(option)
        self.add_argument(option, action="extend", nargs=1, **keywords)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """See the base class; lists are spread before."""
        given = list(args or [])
        if self.default_action and given and not self._names_action(given[0]):
            self._refuse_mistyped_action(given[0])
            given.insert(0, self.default_action)
        return super().parse_known_args(list(spread(given, self._lists)), namespace)

    def _names_action(self, text: str) -> bool:
        """Whether an argument is one of the parser's own commands, or asks for help."""
        return text in ("-h", "--help", *self._action_names())

    def _action_names(self) -> list[str]:
        return [name for each in self._actions if isinstance(each, argparse._SubParsersAction) for name in each.choices]

    def _refuse_mistyped_action(self, text: str) -> None:
        """End with the usage if an argument is neither there as a file or folder nor unlike all commands."""
        meant = did_you_mean(text, self._action_names())
        if not text.startswith("-") and not os.path.exists(text) and meant.startswith("Did you mean"):
            self.error(f"there is no folder '{text}', and no action either. {meant.partition('?')[0]}?")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            raise argparse.ArgumentError(action, f"there is no '{value}'. {did_you_mean(str(value), action.choices)}")

    def parse_command(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Return the arguments of a command line; what is not understood is told with the usage of its own command.

        What is left out of a command with commands of its own is found by there being no ``command``.
        """
        options: argparse.Namespace
        options, unknown = self.parse_known_args(list(arguments))
        if unknown:
            known = options.parser._option_string_actions
            option = next((text for text in unknown if text.startswith("--")), "")
            meant = f". {did_you_mean(option, known)}" if option else ""
            options.parser.error(f"unrecognized arguments: {' '.join(unknown)}{meant}")
        return options

    def error(self, message: str) -> NoReturn:
        """See the base class."""
        super().error(message.removesuffix("."))


def spread(arguments: Sequence[str], lists: set[str]) -> Iterator[str]:
    """Yield arguments with every value of a list after an option of its own, up to what is a scan.

    >>> list(spread(["--roi", "liver", "spleen", "ct.nii.gz", "-o", "out"], {"--roi"}))
    ['--roi', 'liver', '--roi', 'spleen', 'ct.nii.gz', '-o', 'out']
    """
    option: str | None = None
    values = 0
    for text in arguments:
        if text.startswith("-") and text != "-":
            option, values = text if text in lists else None, 0
        elif option is not None and values and _names_a_file(text):
            option = None
        elif option is not None:
            if values:
                yield option
            values += 1
        yield text


def _names_a_file(text: str) -> bool:
    return text.lower().endswith(SCAN_ENDINGS) or "/" in text or "\\" in text
