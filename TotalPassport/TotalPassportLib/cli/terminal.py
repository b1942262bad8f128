"""What every command shares: exit codes in words, the progress bar, and the choice of an engine."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from pathlib import Path

from ..base.events import Event
from ..base.outputs import is_standard_output
from ..base.streams import SafeStream
from ..base.text import LONGEST_SENTENCE, shown_name
from ..segmentation.engines import AUTO, EXACT, PRECISIONS, provider_choices

ERASE_LINE = "\r\033[K"
EXIT_CODES = """\
exit codes: 0 done, 1 internal error, 2 bad input or output (also a full disk), 3 out of memory,
4 model missing or corrupt, 5 cancelled"""


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose where a network runs, and in which precision."""
    parser.add_argument(
        "--precision",
        default=EXACT,
        choices=PRECISIONS,
        help="exact: the labels of TotalSegmentator on a CPU; turbo: the fastest that this machine can do with at "
        "least 99.9 %% of the voxels the same (default: %(default)s)",
    )
    parser.add_argument(
        "--provider",
        default=AUTO,
        metavar=f"{{{','.join(provider_choices())}}}",
        help="where the network runs (default: %(default)s, the fastest on this machine's processor)",
    )


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
