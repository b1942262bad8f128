"""What every command shares: exit codes in words, the progress bar, and the options of a run."""

from __future__ import annotations

import argparse
import json
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
from ..base.text import LONGEST_SENTENCE, counted, shown_name
from ..options import RunOptions
from .parser import CommandParser
from .wording import warning_text

ERASE_LINE = "\r\033[K"
EXIT_CODES = """\
exit codes: 0 done, 1 internal error, 2 bad input or output (also a full disk), 3 out of memory,
4 model missing or corrupt, 5 cancelled, 6 done, but the result is too poor to be relied on,
7 some scans of a batch failed, 8 all of them failed"""


STAGES_DONE = {
    "load": "the input was read",
    "prepare": "the scan was resampled",
    "infer": "the networks ran",
    "restore": "the labels were put on the scan's grid",
    "describe": "the organs were measured",
    "write": "the results were written",
    "download": "the files were downloaded",
    "unpack": "the archives were unpacked",
    "check": "the files were checked",
    "convert": "the weights were converted",
    "read": "the batch's results were read",
    "compare": "the labels were compared",
    "picture": "the pictures were made",
    "fetch": "the published files were fetched",
}
"""Stage of a run -> what a log says when it is over."""


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """Add what every command understands that does something."""
    parser.add_argument("-q", "--quiet", action="store_true", help="print warnings and errors only")
    parser.add_argument("--json", action="store_true", help="print one line of JSON a result, for programs")


def tell(options: argparse.Namespace, text: str, **facts: Any) -> None:
    """Print what a command has done: in words, or as one line of JSON, or not at all."""
    if options.json:
        print(json.dumps(facts, default=str))
    elif not options.quiet:
        print(text)


def add_options(
    parser: CommandParser, names: Collection[str] | None = None, notes: Mapping[str, str] | None = None
) -> None:
    """Add an argument for each option of a run; what they say and stand for is written beside the options themselves.

    Parameters
    ----------
    parser : CommandParser
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
                add = parser.add_list if types[option.name] == tuple[str, ...] else parser.add_argument
                add(f"--{name}", **_argument(option, types[option.name], note))


def _argument(option: Field[Any], kind: Any, note: str) -> dict[str, Any]:
    """Return the keywords of `add_argument` for one option: a switch, a list, one of a few values, or a text."""
    text = f"{option.metadata['help'].replace('%', '%%')}{note}"
    if kind is bool:
        return {"action": "store_true", "help": text}
    if kind == tuple[str, ...]:
        return {"default": [], "metavar": option.metadata["metavar"], "help": text}
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
        try:
            value: float = kind(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            kinds = "whole number" if kind is int else "number"
            raise argparse.ArgumentTypeError(f"'{text}' is no {kinds} from {least:g} to {most:g}")
        return value

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


def time_text(seconds: float) -> str:
    """Return a time as people say it.

    >>> time_text(42), time_text(600), time_text(9000)
    ('42 s', '10 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"


class ProgressBar:
    """How far the run is: one line that changes on a terminal, elsewhere a line a stage, in words and with seconds.

    Parameters
    ----------
    quiet : bool
        Show warnings only.
    """

    WIDTH = 30

    def __init__(self, quiet: bool = False) -> None:
        self._visible = sys.stderr.isatty() and not quiet
        self._logged = not sys.stderr.isatty() and not quiet
        self._start = time.monotonic()
        self._stage, self._stage_start = "", self._start

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if self._visible:
            _draw(ERASE_LINE)
        if kind is None:
            self._enter_stage("")

    def show(self, event: Event) -> None:
        """Show an event of the pipeline."""
        if event["event"] == "warning":
            if self._visible:
                _draw(ERASE_LINE)
            print(f"totalpassport: warning: {shown_name(warning_text(event), LONGEST_SENTENCE)}", file=sys.stderr)
        elif event["event"] == "estimate" and self._logged:
            windows = counted(event["windows"], "window")
            network = shown_name(event["model"])
            print(f"  {windows} of '{network}' will take about {event['seconds']:.0f} s", file=sys.stderr)
        elif event["event"] == "progress":
            self._enter_stage(event["stage"])
            self.draw(event["fraction"], f"{event['stage']}{self._time_left(event)}")

    def draw(self, fraction: float, text: str) -> None:
        """Draw the bar, on a terminal."""
        if self._visible:
            filled = round(self.WIDTH * fraction)
            bar = "#" * filled + "-" * (self.WIDTH - filled)
            _draw(f"{ERASE_LINE}[{bar}] {fraction:4.0%} {text}")

    def erase(self) -> None:
        """Take the bar away, so that a line can be written."""
        if self._visible:
            _draw(ERASE_LINE)

    def _enter_stage(self, stage: str) -> None:
        """Note that a stage has begun, and say what the one before has taken."""
        if stage == self._stage:
            return
        now = time.monotonic()
        if self._logged and self._stage:
            done = STAGES_DONE.get(self._stage) or shown_name(self._stage)
            print(f"  {done} in {now - self._stage_start:.1f} s", file=sys.stderr, flush=True)
        self._stage, self._stage_start = stage, now

    def _time_left(self, event: Event) -> str:
        """Return the time left in words: what the run expects, else what follows from how far it has come."""
        seconds = event.get("seconds_left")
        if seconds is None:
            fraction, elapsed = event["fraction"], time.monotonic() - self._start
            if fraction < 0.1 or elapsed < 1:
                return ""
            seconds = elapsed * (1 - fraction) / fraction
        return f", about {time_text(seconds)} left"
