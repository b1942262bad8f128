"""The command ``passport``: the passport of a segmentation that is there."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..passport.findings_text import findings_text
from .terminal import ProgressBar, summary_beside


def add_passport(commands: argparse._SubParsersAction[argparse.ArgumentParser], epilog: str) -> None:
    """Add ``passport`` to the command line."""
    parser = commands.add_parser(
        "passport",
        help="write the passport of an existing segmentation",
        description="Measure every label of a multi-label segmentation (NIfTI) from any program.",
        epilog=epilog,
    )
    parser.add_argument("segmentation", type=Path, metavar="SEGMENTATION", help="label image, .nii or .nii.gz")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.json", help="the passport to write")
    parser.add_argument("--ct", type=Path, help="the CT on the same grid, to add mean and spread of the intensities")
    parser.add_argument(
        "--labels",
        help="label table: a bundled one (total) or a JSON file; default: the names stored in the segmentation, "
        "else total",
    )
    parser.set_defaults(command=_passport)


def _passport(arguments: argparse.Namespace) -> None:
    from .. import pipeline

    with ProgressBar() as bar:
        passport = pipeline.describe(
            arguments.segmentation, arguments.output, labels=arguments.labels, ct_path=arguments.ct, on_event=bar.show
        )
    with summary_beside(arguments.output):
        print(f"{len(passport.organs)} organs\n  {'passport':13}{arguments.output}\n{findings_text(passport)}")
