"""The command line: arguments to calls, results to text.

Nothing else is imported before `main` has begun, so that whatever goes wrong from then on is told in a sentence.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from .. import __version__
from ..base.errors import Cancelled, TotalPassportError, user_error
from ..base.memory import require_room_for_libraries
from ..base.outputs import results_written
from ..base.streams import DEBUG_VARIABLE, open_standard_streams, quiet_libraries, safe_streams
from ..base.supervision import run_supervised
from ..base.text import LONGEST_SENTENCE, shown_name

if TYPE_CHECKING:
    from .parser import CommandParser

BURST_SECONDS = 1.0
"""Signals that come so fast after one another mean the same; who asks again after that is impatient."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    arguments : list of str, optional
        By default those of this process, which then is ours alone.
    """
    if arguments is not None:
        return _run(arguments)
    open_standard_streams()
    try:
        with quiet_libraries():
            code = _run(sys.argv[1:], own_process=True)
        if code == Cancelled.exit_code:
            os._exit(code)  # the interpreter's end would wait for threads that may be opening a network
        return code
    except KeyboardInterrupt:  # one more, while the first was being answered
        return Cancelled.exit_code
    finally:
        _ignore_interrupts()  # what remains is the interpreter's end


def _run(arguments: list[str], own_process: bool = False) -> int:
    with safe_streams() as (out, _), _interruptible() as interrupts:
        written = results_written()
        code = 0
        try:
            require_room_for_libraries()
            _call(arguments, own_process)
        except SystemExit as error:  # from --help, --version, and arguments that cannot be understood
            code = error.code if isinstance(error.code, int) else 0
        except (Exception, KeyboardInterrupt) as error:
            # An interrupt while a library is loaded may come back as any error.
            failure = Cancelled() if interrupts else user_error(error)
            if isinstance(failure, Cancelled) and results_written() > written:
                failure = Cancelled(hint="What was written until then stays.")
            code = _report(failure)
            if code == 1 and os.environ.get(DEBUG_VARIABLE):
                raise
        finally:
            out.flush()
        if out.failure is not None and code == 0:
            out.failure.filename = "standard output"
            code = _report(user_error(out.failure))
    return code


def _call(arguments: list[str], own_process: bool) -> None:
    options = command_line_parser().parse_command(arguments)
    if "command" not in options:
        options.parser.print_help()
    elif own_process and "supervised" in options:
        run_supervised(lambda: options.command(options))
    else:
        options.command(options)


def _report(failure: TotalPassportError) -> int:
    from .wording import error_text  # here, so that it takes no time where all goes well

    print(f"totalpassport: {shown_name(error_text(failure), 3 * LONGEST_SENTENCE)}", file=sys.stderr)
    return failure.exit_code


@contextmanager
def _interruptible() -> Iterator[list[float]]:
    """Let SIGTERM end the command as Ctrl-C does, so that every temporary file is removed; yield those that came."""
    received: list[float] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        # What comes in a burst is one wish: the answer to it must not be cut.
        burst, received[:] = bool(received) and now - received[-1] < BURST_SECONDS, [*received, now]
        if not burst:
            raise KeyboardInterrupt

    former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number, handler in former.items():
            if handler not in (None, signal.SIG_IGN):  # such as under nohup
                signal.signal(number, interrupt)
        yield received
    finally:
        for number, handler in former.items():
            if handler is not None:
                signal.signal(number, handler)


def _ignore_interrupts() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def command_line_parser() -> CommandParser:
    """Return the parser of the whole command line."""
    from .align import add_align
    from .batch import add_batch
    from .benchmark import add_benchmark
    from .cohort import add_cohort
    from .combine import add_combine
    from .compare import add_compare
    from .demo import add_demo
    from .export import add_export
    from .itk_infer import add_itk_infer
    from .models import add_models
    from .parser import CommandParser
    from .passport import add_passport
    from .plan import add_plan
    from .report import add_report
    from .run import add_run
    from .study import add_study
    from .terminal import EXIT_CODES
    from .totalsegmentator import add_totalsegmentator
    from .verify import add_verify

    parser = CommandParser(
        prog="totalpassport",
        description="Segment the organs of a CT on a CPU and describe each one in an anatomical passport.",
        epilog=f"Try 'totalpassport demo' first: it needs no data of yours.\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"totalpassport {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND")
    add_run(commands, EXIT_CODES)
    add_batch(commands, EXIT_CODES)
    add_plan(commands, EXIT_CODES)
    add_passport(commands, EXIT_CODES)
    add_demo(commands, EXIT_CODES)
    add_compare(commands, EXIT_CODES)
    add_align(commands, EXIT_CODES)
    add_models(commands, EXIT_CODES)
    add_export(commands, EXIT_CODES)
    add_cohort(commands, EXIT_CODES)
    add_verify(commands, EXIT_CODES)
    add_report(commands, EXIT_CODES)
    add_benchmark(commands, EXIT_CODES)
    add_study(commands, EXIT_CODES)
    add_totalsegmentator(commands, EXIT_CODES)
    add_combine(commands, EXIT_CODES)
    add_itk_infer(commands, EXIT_CODES)
    return parser
