"""The command ``passport``: the passport of a segmentation that is there."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..base.text import counted
from .parser import CommandParser
from .terminal import ProgressBar, add_common_options, add_options, summary_beside, tell


def add_passport(commands: argparse._SubParsersAction[CommandParser], epilog: str) -> None:
    """Add ``passport`` to the command line."""
    parser = commands.add_parser(
        "passport",
        help="write the passport of an existing segmentation",
        description="Measure every label of a segmentation (NIfTI) from any program, or a folder of binary masks, one "
        "structure a file, as TotalSegmentator writes it.",
        epilog=epilog,
    )
    parser.add_argument(
        "segmentation", type=Path, metavar="SEGMENTATION", help="label image, .nii or .nii.gz, or a folder of masks"
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="FILE",
        help="the passport to write, FILE.json; as a table FILE.csv, as markups FILE.mrk.json; or a folder for "
        "<stem>_passport.json",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace a passport in the folder even if it is of something else",
    )
    parser.add_argument("--ct", type=Path, help="the CT on the same grid, to add mean and spread of the intensities")
    add_options(parser, names=("series", "format"))
    parser.add_argument(
        "--labels",
        metavar="TABLE",
        help="what the labels are: a bundled table (total, total_v1, monai_wholebody), nnU-Net's dataset.json, or a "
        "table of your own; default: the names stored in the segmentation, the name of a file with one label, or "
        "total where numbers and anatomy fit it",
    )
    add_common_options(parser)
    parser.set_defaults(command=_passport)


def _passport(arguments: argparse.Namespace) -> None:
    from ..description_run import describe  # here, so that --help answers at once
    from ..destinations import path_of_passport
    from ..passport.findings_text import finding_codes, findings_text

    output = path_of_passport(arguments.output, arguments.segmentation)
    with ProgressBar(arguments.quiet) as bar:
        passport = describe(
            arguments.segmentation,
            arguments.output,
            labels=arguments.labels,
            ct=arguments.ct,
            series=arguments.series,
            formats=arguments.format,
            overwrite=arguments.overwrite,
            on_event=bar.show,
        )
    with summary_beside(output):
        count = len(passport.organs)
        text = f"{counted(count, 'organ')}\n  {'passport':13}{output}\n{findings_text(passport)}"
        tell(arguments, text, organs=count, passport=output, findings=finding_codes(passport))
