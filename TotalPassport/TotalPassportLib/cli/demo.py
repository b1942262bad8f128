"""The command ``demo``: everything on the bundled sample CT, with the bundled demo model."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.files import DATA_FOLDER
from ..base.text import shown_name
from ..options import RunOptions
from .parser import CommandParser
from .run import files_text, run_facts, summary_text
from .terminal import ProgressBar, add_common_options, add_options, tell

if TYPE_CHECKING:
    from ..passport.organ import Passport

DEMO_FOLDER = DATA_FOLDER / "demo"
WHAT_NEXT = """\
The scan is a synthetic phantom and the demo model knows nothing else: it is no medical model.
Next: open the segmentation and the passport in 3D Slicer, or run your own scan, which needs weights of
TotalSegmentator's; they come once:
  totalpassport models download fast
  totalpassport run CT.nii.gz -o RESULTS"""


def add_demo(commands: argparse._SubParsersAction[CommandParser], epilog: str) -> None:
    """Add ``demo`` to the command line."""
    parser = commands.add_parser(
        "demo",
        help="run everything on the bundled sample CT with the bundled demo model",
        description="Segment the bundled synthetic CT with the bundled demo model, which knows synthetic phantoms "
        "only; it is no medical model. 'run' takes --model fast unless told otherwise.",
        epilog=epilog,
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("totalpassport-demo"), metavar="DIR", help="default: %(default)s"
    )
    add_options(parser, ["precision", "provider"])
    add_common_options(parser)
    parser.set_defaults(command=_demo)


def _demo(arguments: argparse.Namespace) -> None:
    from .. import pipeline
    from ..passport.findings_text import findings_text

    options = replace(RunOptions.from_entries(vars(arguments)), model="demo", preview=True, overwrite=True)
    with ProgressBar(arguments.quiet) as bar:
        result = pipeline.run(DEMO_FOLDER / "demo_ct.nii.gz", arguments.output, options, on_event=bar.show)
    summary = f"{summary_text(result)}\n{files_text(result)}\n{findings_text(result.passport)}"
    tell(arguments, f"{organ_table(result.passport)}\n\n{summary}\n\n{WHAT_NEXT}", **run_facts(result))


def organ_table(passport: Passport) -> str:
    """Return the organs as a text table: volume in ml, centroid in RAS mm, checks."""
    width = max([len(shown_name(organ.name)) for organ in passport.organs.values()], default=5)
    lines = [f"{'label':>5}  {'organ':{width}}  {'volume ml':>9}  {'centroid R, A, S mm':>24}  checks"]
    for organ in passport.organs.values():
        centroid = " ".join(f"{value:7.1f}" for value in organ.centroid_ras_mm)
        checks = ", ".join(map(shown_name, organ.checks)) or "-"
        name, volume_ml = shown_name(organ.name), organ.volume_mm3 / 1000
        lines.append(f"{organ.label:5}  {name:{width}}  {volume_ml:9.1f}  {centroid:>24}  {checks}")
    return "\n".join(lines)
