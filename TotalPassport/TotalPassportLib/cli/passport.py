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
        description="Measure every label of a segmentation (NIfTI) from any program, or a folder of binary masks, one "
        "structure a file, as TotalSegmentator writes it.",
        epilog=epilog,
    )
    parser.add_argument(
        "segmentation", type=Path, metavar="SEGMENTATION", help="label image, .nii or .nii.gz, or a folder of masks"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.json", help="the passport to write")
    parser.add_argument("--ct", type=Path, help="the CT on the same grid, to add mean and spread of the intensities")
    parser.add_argument(
        "--labels",
        metavar="TABLE",
        help="what the labels are: a bundled table (total, total_v1, monai_wholebody), nnU-Net's dataset.json, or a "
        "table of your own; default: the names stored in the segmentation, the name of a file with one label, or "
        "total where numbers and anatomy fit it",
    )
    parser.set_defaults(command=_passport)


def _passport(arguments: argparse.Namespace) -> None:
    from ..description_run import describe  # here, so that --help answers at once

    with ProgressBar() as bar:
        passport = describe(
            arguments.segmentation, arguments.output, labels=arguments.labels, ct_path=arguments.ct, on_event=bar.show
        )
    with summary_beside(arguments.output):
        print(f"{len(passport.organs)} organs\n  {'passport':13}{arguments.output}\n{findings_text(passport)}")
