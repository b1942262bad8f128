"""The command ``compare``: what has changed from one scan to the next."""

from __future__ import annotations

import argparse
from pathlib import Path

from .parser import CommandParser
from .terminal import add_common_options, summary_beside, tell


def add_compare(commands: argparse._SubParsersAction[CommandParser], epilog: str) -> None:
    """Add ``compare`` to the command line."""
    parser = commands.add_parser(
        "compare",
        help="compare the passports of two scans, organ by organ",
        description="Show the change of volume, position, shape and Hounsfield units of every organ that two passports "
        "share. Positions are compared after a rigid alignment. A change is named where it is larger than another "
        "voxel grid alone can cause (95 %% of cases); organs at an image's edge are not judged.",
        epilog=epilog,
    )
    parser.add_argument("first", type=Path, metavar="A.json", help="passport of the first scan")
    parser.add_argument("second", type=Path, metavar="B.json", help="passport of the second scan")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="also write a table, one row an organ")
    add_common_options(parser)
    parser.set_defaults(command=_compare)


def _compare(options: argparse.Namespace) -> None:
    from ..base.outputs import atomic_write, check_destination
    from ..comparison.changes import compare
    from ..comparison.export import comparison_csv, comparison_text
    from ..passport import read_passport

    output = options.csv
    if output is not None:
        check_destination(output, options.first, options.second)
    comparison = compare(read_passport(options.first), read_passport(options.second))
    if output is not None:
        with atomic_write(output) as temporary:
            temporary.write_text(comparison_csv(comparison), encoding="utf-8")
    with summary_beside(output):
        table = "" if output is None else f"\n  {'table':13}{output}"
        tell(
            options,
            f"{comparison_text(comparison)}{table}",
            organs=len(comparison.organs),
            changed={organ.name: organ.beyond_floor for organ in comparison.organs if organ.beyond_floor},
            only_first=comparison.only_first,
            only_second=comparison.only_second,
            table=output,
        )
