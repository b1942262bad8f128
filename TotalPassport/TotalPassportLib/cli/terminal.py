"""What every command shares: exit codes in words, the progress bar, and the options of a run."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Collection, Mapping
from dataclasses import Field, fields
from typing import Any, get_args, get_type_hints

from ..base.events import Event
from ..options import RunOptions

EXIT_CODES = """\
exit codes: 0 done, 1 internal error, 2 bad input or output (also a full disk), 3 out of memory,
4 model missing or corrupt, 5 cancelled"""


def add_options(
    parser: argparse.ArgumentParser, names: Collection[str] | None = None, notes: Mapping[str, str] | None = None
) -> None:
    """Add an argument for each option of a run; what they say and stand for is written beside the options themselves.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Receives the arguments.
    names : collection of str, optional
        The options to add; by default all of them.
    notes : mapping of str to str, optional
        Option -> what only this command line has to add to its help.
    """
    types = get_type_hints(RunOptions)
    for option in fields(RunOptions):
        if names is None or option.name in names:
            note = (notes or {}).get(option.name, "")
            parser.add_argument(f"--{option.name.replace('_', '-')}", **_argument(option, types[option.name], note))


def _argument(option: Field[Any], kind: Any, note: str) -> dict[str, Any]:
    """Return the keywords of `add_argument` for one option: a switch, a list, one of a few values, or a text."""
    text = f"{option.metadata['help'].replace('%', '%%')}{note}"
    if kind is bool:
        return {"action": "store_true", "help": text}
    if kind == tuple[str, ...]:
        return {"nargs": "+", "default": [], "metavar": option.metadata["metavar"], "help": text}
    argument = {"default": option.default, "help": f"{text} (default: %(default)s)"}
    if get_args(kind):
        return {**argument, "choices": get_args(kind)}
    values = option.metadata["values"]
    return {**argument, "metavar": f"{{{','.join(values())}}}" if values else option.metadata["metavar"]}


class ProgressBar:
    """One line on a terminal that says how far the run is; silent where standard error is no terminal."""

    WIDTH = 30

    def __init__(self) -> None:
        self._visible = sys.stderr.isatty()
        self._start = time.monotonic()

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *error: object) -> None:
        if self._visible:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def show(self, event: Event) -> None:
        """Show an event of the pipeline."""
        if event["event"] == "warning":
            end = "\r\033[K" if self._visible else ""
            print(f"{end}totalpassport: warning: {event['message']}", file=sys.stderr)
        elif event["event"] == "progress" and self._visible:
            filled = round(self.WIDTH * event["fraction"])
            bar = "#" * filled + "-" * (self.WIDTH - filled)
            left = self._seconds_left(event["fraction"])
            line = f"\r\033[K[{bar}] {event['fraction']:4.0%} {event['stage']}{left}"
            print(line, end="", file=sys.stderr, flush=True)

    def _seconds_left(self, fraction: float) -> str:
        elapsed = time.monotonic() - self._start
        if fraction < 0.1 or elapsed < 1:
            return ""
        return f", about {elapsed * (1 - fraction) / fraction:.0f} s left"
