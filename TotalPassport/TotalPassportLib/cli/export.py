"""``totalpassport export``: a passport in the formats of others."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..base.text import counted
from .parser import CommandParser
from .terminal import add_common_options, summary_beside, tell


def add_export(commands: argparse._SubParsersAction[CommandParser], epilog: str) -> None:
    """Add the command to the command line's parser."""
    parser = commands.add_parser(
        "export",
        help="write a passport as a table, as markups for 3D Slicer, or in the seed's format",
        description="Write a passport in another format; the ending of the output's name chooses it: .csv (one organ a "
        "row, units in the header), .mrk.json (centroids as a point list for 3D Slicer), .seed.json (organs by label "
        "and nothing else).",
        epilog=epilog,
    )
    parser.add_argument("passport", type=Path, metavar="PASSPORT", help="a passport in JSON")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE.{csv,mrk.json,seed.json}", help="the file to write"
    )
    add_common_options(parser)
    parser.set_defaults(command=_export)


def _export(options: argparse.Namespace) -> None:
    from ..base.outputs import check_destination
    from ..passport import read_passport
    from ..passport.export import export_passport, text_format

    text_format(options.output)  # a wrong ending is told before the passport is read
    check_destination(options.output, options.passport)
    passport = read_passport(options.passport)
    export_passport(passport, options.output)
    with summary_beside(options.output):
        count = len(passport.organs)
        tell(
            options, f"{counted(count, 'organ')}\n  {'export':13}{options.output}", organs=count, export=options.output
        )
