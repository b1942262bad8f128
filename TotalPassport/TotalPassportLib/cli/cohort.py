"""The command ``cohort``: passports of many scans as one table, and questions to it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.text import LONGEST_SENTENCE, counted, shown_name
from .parser import CommandParser
from .terminal import ProgressBar, add_common_options, summary_beside, tell

if TYPE_CHECKING:
    from ..cohorts.answers import Answer
    from ..cohorts.opening import Cohort

Ask = Callable[["Cohort", argparse.Namespace], "Answer"]
BUILD = "build"

DESCRIPTION = """\
Make one table of the passports in a folder, and ask it.

  totalpassport cohort DIR -o COHORT                make or update it: only what is new or has changed is read
  totalpassport cohort info COHORT                  what is in it
  totalpassport cohort distribution COHORT volume_mm3 --organ liver spleen --plot volumes.png
  totalpassport cohort query COHORT "SELECT name, avg(mean_hu) FROM organs GROUP BY name"

COHORT becomes a folder with two Parquet files, scans and organs. The passports stay the record. Needs the extra
'cohort' (DuckDB)."""


def add_cohort(commands: argparse._SubParsersAction[CommandParser], epilog: str) -> None:
    """Add ``cohort`` and its own commands to the command line."""
    parser = commands.add_parser(
        "cohort",
        help="make one table of many passports, and ask it",
        description=DESCRIPTION,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(metavar="ACTION")
    parser.default_action = BUILD
    _add_build(actions, epilog)
    _question(actions, epilog, "info", "show what a cohort holds", lambda c, o: c.overview(), "")
    query = _question(actions, epilog, "query", "ask in SQL", lambda c, o: c.query(o.sql), "")
    query.add_argument("sql", metavar="SQL", help="one SELECT statement on the tables scans and organs (DuckDB's SQL)")
    spread = _question(
        actions, epilog, "distribution", "show how a field is distributed, organ by organ",
        lambda c, o: c.distribution(o.field, **_selection(o)), "plot_distribution",
    )  # fmt: skip
    spread.add_argument("field", metavar="FIELD", help="such as volume_mm3, mean_hu, elongation, surface_area_mm2")
    unlike = _question(
        actions, epilog, "outliers", "show organs unlike those of the other scans (robust z-scores)",
        lambda c, o: c.outliers(o.field, o.least_z, **_selection(o)), "plot_outliers",
    )  # fmt: skip
    _add_field(unlike)
    unlike.add_argument("--least-z", type=float, default=3.5, metavar="Z", help="default: %(default)s")
    sides = _question(
        actions, epilog, "asymmetry", "show how left and right differ",
        lambda c, o: c.asymmetry(o.field, o.scans, **_selection(o)), "plot_asymmetry",
    )  # fmt: skip
    _add_field(sides)
    sides.add_argument("--scans", action="store_true", help="scan by scan, the most unusual first")
    lacking = _question(
        actions, epilog, "missing", "show which organs are missing in how many scans",
        lambda c, o: c.missing_organs(o.scans, **_selection(o)), "plot_missing",
    )  # fmt: skip
    lacking.add_argument("--scans", action="store_true", help="which scan lacks what nine of ten have")
    over_time = _question(
        actions, epilog, "follow-up", "show the organs of a patient over time, against what the voxel grids can do",
        lambda c, o: c.follow_up(o.patient, **_selection(o)), "plot_follow_up",
    )  # fmt: skip
    over_time.add_argument("patient", metavar="PATIENT", help="as the cohort's mapping calls them")
    alike = _question(
        actions, epilog, "nearest", "show the scans whose organ is shaped most alike, whatever its size",
        lambda c, o: c.nearest_shapes(o.scan, o.shape_of, o.number, **_selection(o)), "plot_nearest",
    )  # fmt: skip
    alike.add_argument("scan", metavar="SCAN")
    alike.add_argument("shape_of", metavar="ORGAN")
    alike.add_argument("-n", dest="number", type=int, default=10, metavar="N", help="default: %(default)s")


def _add_field(parser: CommandParser) -> None:
    parser.add_argument("field", nargs="?", default="volume_mm3", metavar="FIELD", help="default: %(default)s")


def _add_build(actions: argparse._SubParsersAction[CommandParser], epilog: str) -> None:
    parser = actions.add_parser(
        BUILD,
        help="make or update a cohort (may be left out)",
        description="Search a folder for passports, also the folders below it, and make or update their table.",
        epilog=epilog,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="holds the passports, as of a batch, however deep")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="COHORT", help="folder of the cohort")
    whose = "whose scans they are: a table with the columns scan,patient,date"
    parser.add_argument("--patients", type=Path, metavar="FILE.csv", help=whose)
    parser.add_argument(
        "--pattern",
        metavar="REGEX",
        help="the same by the passports' paths, with the groups patient and date: "
        "'(?P<patient>[^/_]+)_(?P<date>[0-9]{8})'",
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes that read (default: %(default)s)"
    )
    parser.add_argument("--rebuild", action="store_true", help="read all passports again")
    parser.add_argument(
        "--check-content", action="store_true", help="compare files by content even where size and time are the same"
    )
    add_common_options(parser)
    parser.set_defaults(command=_build)


def _question(
    actions: argparse._SubParsersAction[CommandParser], epilog: str, name: str, text: str, ask: Ask, plot: str
) -> CommandParser:
    """Add a command that asks a cohort; ``plot`` names what draws its answer, if anything does."""
    parser = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=epilog)
    parser.add_argument("cohort", type=Path, metavar="COHORT", help="folder of a cohort")
    if plot:
        parser.add_list("--organ", dest="organs", default=[], metavar="NAME", help="only these organs")
        parser.add_argument("--model", metavar="NAME", help="only scans of this model")
        parser.add_argument("--with-cut", action="store_true", help="also organs that the image's edge cuts")
        parser.add_argument("--plot", type=Path, metavar="FILE.{png,svg}", help="also draw the answer")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.{csv,json}", help="write all rows")
    parser.add_argument("--rows", type=int, default=20, metavar="N", help="rows that are shown; 0: all (default: 20)")
    add_common_options(parser)
    parser.set_defaults(command=_ask, ask=ask, draw=plot, plot=None)
    return parser


def _selection(options: argparse.Namespace) -> dict[str, Any]:
    names = [name.strip() for text in options.organs for name in text.split(",") if name.strip()]
    return {"organs": tuple(names), "model": options.model, "with_cut": options.with_cut}


def _build(options: argparse.Namespace) -> None:
    from ..cohorts.building import BuildOptions, build_cohort

    how = BuildOptions(
        patients=options.patients,
        pattern=options.pattern,
        jobs=max(options.jobs, 1),
        rebuild=options.rebuild,
        check_content=options.check_content,
    )
    with ProgressBar(options.quiet) as bar:
        done = build_cohort(options.folder, options.output, how, on_event=bar.show)
    for path, problem in list(done.damaged.items())[:20]:
        bar.show({"event": "warning", "message": f"{shown_name(path, 200)} was left out: {problem}"})
    if len(done.damaged) > 20:
        bar.show({"event": "warning", "message": f"{len(done.damaged) - 20} more were left out."})
    changes = f"{done.added} added, {done.changed} read again, {done.removed} removed, {done.kept} kept"
    damaged = f"\n  {'damaged':13}{len(done.damaged)}" if done.damaged else ""
    others = f"\n  {'passed over':13}{counted(done.other_files, 'other JSON file')}" if done.other_files else ""
    text = f"{counted(done.scans, 'scan')}: {changes}\n  {'cohort':13}{options.output}{damaged}{others}"
    tell(options, text, **{**vars(done), "cohort": options.output})


def _ask(options: argparse.Namespace) -> None:
    from ..base.outputs import check_destination
    from ..cohorts import plots
    from ..cohorts.answers import answer_format, plain_rows, write_answer
    from ..cohorts.opening import Cohort

    if options.output is not None:
        answer_format(options.output)
        check_destination(options.output)
    if options.plot is not None:
        plots.check_plot(options.plot)
        check_destination(options.plot)
    with Cohort(options.cohort) as cohort:
        answer = options.ask(cohort, options)
        if options.plot is not None:
            draw = getattr(plots, options.draw)
            plots.write_plot(answer, lambda given: draw(given, getattr(options, "field", "")), options.plot)
    if options.output is not None:
        write_answer(answer, options.output)
    with summary_beside(options.output):
        files = "".join(
            f"\n  {name:13}{path}" for name, path in (("table", options.output), ("plot", options.plot)) if path
        )
        text = f"{answer.text(max(options.rows, 0))}{files}"
        tell(options, shown_lines(text), rows=plain_rows(answer), notes=answer.notes)


def shown_lines(text: str) -> str:
    """Return lines of a table for a terminal, none of unbounded length."""
    return "\n".join(
        line if len(line) <= LONGEST_SENTENCE else f"{line[:LONGEST_SENTENCE]}…" for line in text.split("\n")
    )
