"""The command line: arguments to calls, results to text."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from types import FrameType

from .. import __version__
from ..base.errors import user_error
from .align import add_align
from .benchmark import add_benchmark
from .compare import add_compare
from .demo import add_demo
from .export import add_export
from .models import add_models
from .passport import add_passport
from .run import add_run
from .terminal import EXIT_CODES
from .verify import add_verify
from .wording import error_text


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = command_line_parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        options.command(options)
        return 0
    except (Exception, KeyboardInterrupt) as error:
        failure = user_error(error)
        print(f"totalpassport: {error_text(failure)}", file=sys.stderr)
        if failure.exit_code == 1 and os.environ.get("TOTALPASSPORT_DEBUG"):
            raise
        return failure.exit_code


def _interrupt(number: int, frame: FrameType | None) -> None:
    # Ending like Ctrl-C lets every temporary file be removed.
    raise KeyboardInterrupt


def command_line_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="totalpassport",
        description="Segment the organs of a CT on a CPU and describe each one in an anatomical passport.",
        epilog="Try 'totalpassport demo' first: it needs no data of yours. " + EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"totalpassport {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_run(commands, EXIT_CODES)
    add_passport(commands, EXIT_CODES)
    add_demo(commands, EXIT_CODES)
    add_compare(commands, EXIT_CODES)
    add_align(commands, EXIT_CODES)
    add_models(commands, EXIT_CODES)
    add_export(commands, EXIT_CODES)
    add_verify(commands, EXIT_CODES)
    add_benchmark(commands, EXIT_CODES)
    return parser
