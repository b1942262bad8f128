"""The command ``demo``: everything on the bundled sample CT, with the bundled demo model."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from ..base.files import DATA_FOLDER
from ..base.text import shown_name
from ..options import RunOptions
from ..passport.findings_text import findings_text
from ..passport.organ import Passport
from .run import print_files, summary_text
from .terminal import ProgressBar, add_options

DEMO_FOLDER = DATA_FOLDER / "demo"


def add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser], epilog: str) -> None:
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
    parser.set_defaults(command=_demo)


def _demo(arguments: argparse.Namespace) -> None:
    from .. import pipeline

    options = replace(RunOptions.from_entries(vars(arguments)), model="demo", preview=True)
    with ProgressBar() as bar:
        result = pipeline.run(DEMO_FOLDER / "demo_ct.nii.gz", arguments.output, options, on_event=bar.show)
    print(organ_table(result.passport))
    print(f"\n{summary_text(result)}")
    print_files(result)
    print(findings_text(result.passport))
    print(
        "\nThe scan is a synthetic phantom and the demo model knows nothing else: it is no medical model.\n"
        "Next: open the segmentation and the passport in 3D Slicer, or run your own scan, which needs weights of\n"
        "TotalSegmentator's; they come once:\n"
        "  totalpassport models download fast\n"
        "  totalpassport run CT.nii.gz -o RESULTS"
    )


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
