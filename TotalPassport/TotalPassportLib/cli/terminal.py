"""What every command shares: exit codes in words, the progress bar, and the options of a run."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from ..base.events import Event
from ..base.outputs import is_standard_output
from ..base.streams import SafeStream
from ..base.text import LONGEST_SENTENCE, shown_name
from ..options import RunOptions

ERASE_LINE = "\r\033[K"
EXIT_CODES = """\
exit codes: 0 done, 1 internal error, 2 bad input or output (also a full disk), 3 out of memory,
4 model missing or corrupt, 5 cancelled, 6 done, but the result is too poor to be relied on"""


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
            name = option.name.replace("_", "-")
            if option.default is True:  # what is so unless told otherwise
                text = f"{option.metadata['help'].replace('%', '%%')}{note}"
                parser.add_argument(f"--no-{name}", dest=option.name, action="store_false", help=text)
            else:
                parser.add_argument(f"--{name}", **_argument(option, types[option.name], note))


def _argument(option: Field[Any], kind: Any, note: str) -> dict[str, Any]:
    """Return the keywords of `add_argument` for one option: a switch, a list, one of a few values, or a text."""
    text = f"{option.metadata['help'].replace('%', '%%')}{note}"
    if kind is bool:
        return {"action": "store_true", "help": text}
    if kind == tuple[str, ...]:
        return {"nargs": "+", "default": [], "metavar": option.metadata["metavar"], "help": text}
    argument = {"default": option.default, "help": f"{text} (default: %(default)s)"}
    if kind in (int, float):
        return {**argument, "type": _number(kind, option.metadata), "metavar": option.metadata["metavar"]}
    if get_args(kind):
        return {**argument, "choices": get_args(kind)}
    values = option.metadata["values"]
    return {**argument, "metavar": f"{{{','.join(values())}}}" if values else option.metadata["metavar"]}


def _number(kind: type, bounds: Mapping[str, Any]) -> Callable[[str], float]:
    """Return what makes a number of an argument and refuses what is out of bounds."""
    least, most = bounds["least"], bounds["most"]

    def number(text: str) -> float:
        value: float = kind(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be from {least:g} to {most:g}")
        return value

    number.__name__ = "whole number" if kind is int else "number"  # argparse names it where the text is none
    return number


@contextmanager
def summary_beside(output: Path | None) -> Iterator[None]:
    """Print what follows on standard error where the result itself goes to standard output."""
    with redirect_stdout(sys.stderr) if output is not None and is_standard_output(output) else nullcontext():
        yield


def _draw(text: str) -> None:
    """Write what steers a terminal, which the safe streams of the command line would show as an escape."""
    stream = sys.stderr
    (stream.draw if isinstance(stream, SafeStream) else stream.write)(text)
    stream.flush()


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
            _draw(ERASE_LINE)

    def show(self, event: Event) -> None:
        """Show an event of the pipeline."""
        if event["event"] == "warning":
            if self._visible:
                _draw(ERASE_LINE)
            print(f"totalpassport: warning: {shown_name(event['message'], LONGEST_SENTENCE)}", file=sys.stderr)
        elif event["event"] == "progress" and self._visible:
            filled = round(self.WIDTH * event["fraction"])
            bar = "#" * filled + "-" * (self.WIDTH - filled)
            left = self._seconds_left(event["fraction"])
            _draw(f"{ERASE_LINE}[{bar}] {event['fraction']:4.0%} {event['stage']}{left}")

    def _seconds_left(self, fraction: float) -> str:
        elapsed = time.monotonic() - self._start
        if fraction < 0.1 or elapsed < 1:
            return ""
        return f", about {elapsed * (1 - fraction) / fraction:.0f} s left"
