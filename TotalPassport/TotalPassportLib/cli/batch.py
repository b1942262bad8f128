"""The command ``batch``: any number of scans to their segmentations and passports, and one table of all organs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import AllFailed, SomeFailed
from ..base.events import Event
from ..base.text import LONGEST_SENTENCE, counted, shown_name
from ..options import RunOptions
from .parser import CommandParser
from .terminal import ProgressBar, add_common_options, add_options, tell, time_text

if TYPE_CHECKING:
    from ..batches.batch_run import BatchResult

EXAMPLES = """\
examples:
  totalpassport batch scans -o results --task total --fast
  totalpassport batch 'data/*/ct.nii.gz' -o results --jobs 4
  totalpassport batch list.txt -o results --scheduler tcp://host:8786
The same command continues a batch that was stopped or killed.

"""


def add_batch(commands: argparse._SubParsersAction[CommandParser], epilog: str) -> None:
    """Add ``batch`` to the command line."""
    parser = commands.add_parser(
        "batch",
        help="segment many scans, resumed where it was stopped; one table of all organs",
        description="Segment every scan of folders, patterns, lists and files, and write DIR/masks, DIR/passports, "
        "DIR/results.json (how it went with each) and DIR/organs.csv (all organs of all scans). A scan that fails is "
        "recorded, and the others go on. Results of the same scan and settings are not made again; a folder with "
        "results of other settings is refused, unless --overwrite is given.",
        epilog=EXAMPLES + epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="scans, folders of scans with all below them, patterns in quotes, or a .txt file with one of these a line",
    )
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="DIR", help="folder for everything")
    parser.add_argument(
        "--jobs",
        type=int,
        default=1,
        metavar="N",
        help="processes that run scans, each with its share of the threads; more than one pays on machines with many "
        "cores (default: %(default)s)",
    )
    parser.add_argument("--max-samples", type=int, metavar="N", help="run only the first N scans by name")
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a Dask scheduler whose workers run the scans (docs/batch.md)"
    )
    add_options(
        parser,
        notes={
            "model": "; 'totalpassport models list' shows which are installed",
            "overwrite": "; also do again what was done with other settings",
        },
    )
    add_common_options(parser)
    parser.set_defaults(command=_batch)


def _batch(arguments: argparse.Namespace) -> None:
    from ..batches.batch_run import batch  # here, so that --help answers at once

    with BatchBar(arguments.quiet) as bar:
        done = batch(
            arguments.inputs,
            arguments.output,
            RunOptions.from_entries(vars(arguments)),
            jobs=arguments.jobs,
            max_samples=arguments.max_samples,
            scheduler=arguments.scheduler,
            on_event=bar.show,
        )
    tell(arguments, summary(done), **facts(done))
    raise_for_failures(done)


def facts(done: BatchResult) -> dict[str, Any]:
    """Return how a batch went, for programs."""
    return {
        "scans": len(done.subjects),
        "run": done.n_run,
        "failed": [entry["name"] for entry in done.failed],
        "results": done.results_path,
        "table": done.table,
    }


def summary(done: BatchResult) -> str:
    """Return how a batch went, in a few lines."""
    before = len(done.subjects) - done.n_run
    text = f"{counted(len(done.subjects), 'scan')}: {len(done.subjects) - len(done.failed)} done"
    text += f" ({before} of them before)" if before else ""
    text += f", {len(done.failed)} failed" if done.failed else ""
    return f"{text}\n  {'results':13}{done.results_path}\n  {'table':13}{done.table}"


def raise_for_failures(done: BatchResult) -> None:
    """Raise what the process ends with where scans failed.

    Raises
    ------
    SomeFailed, AllFailed
        As many scans have no results.
    """
    if not done.failed:
        return
    error = AllFailed if len(done.failed) == len(done.subjects) else SomeFailed
    first = done.failed[0]
    raise error(
        f"{len(done.failed)} of {counted(len(done.subjects), 'scan')} failed, the first of them "
        f"'{shown_name(first['subject'])}': {first['error']}",
        f"'{done.results_path}' has the reason of each; the same command tries them again.",
    )


class BatchBar(ProgressBar):
    """How far a batch is: on a terminal a line that changes below one for each scan, elsewhere a line a scan."""

    def show(self, event: Event) -> None:
        """Show an event of a batch."""
        if event["event"] == "scan":
            self._line(f"[{event['done']}/{event['total']}] {result_line(event['result'])}")
        elif event["event"] == "progress" and event["stage"] == "scans":
            self._draw_scans(event)
        elif event["event"] == "warning":
            where = f"{event['name']}: " if "name" in event else ""
            super().show({**event, "message": f"{where}{event['message']}"})

    def _line(self, text: str) -> None:
        if self._visible or self._logged:
            self.erase()
            print(f"  {shown_name(text, LONGEST_SENTENCE)}", file=sys.stderr, flush=True)

    def _draw_scans(self, event: Event) -> None:
        left = "" if event["seconds_left"] is None else f", about {time_text(event['seconds_left'])} left"
        self.draw(event["fraction"], f"{event['done']} of {counted(event['total'], 'scan')}{left}")


def result_line(entry: dict[str, Any]) -> str:
    """Return how it went with a scan, in a line."""
    if "error" in entry:
        return f"{entry['subject']}: failed: {entry['error']}"
    parts = entry["breakdown"]
    seconds = ", ".join(f"{name.replace('_', ' ')} {value:.1f} s" for name, value in parts.items())
    organs = counted(entry["num_organs"], "organ")
    return f"{entry['subject']}: {organs} in {entry['latency_total_sec']:.1f} s ({seconds})"
