"""The command ``run``: a CT to its segmentation and passport."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.text import counted
from ..options import RunOptions
from ..passport.findings_text import findings_text
from .terminal import ProgressBar, add_options

if TYPE_CHECKING:
    from ..pipeline import RunResult


def add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser], epilog: str) -> None:
    """Add ``run`` to the command line."""
    parser = commands.add_parser(
        "run",
        help="segment a CT and write its segmentation and passport",
        description="Segment a CT (NIfTI, Hounsfield units) and write <stem>_segmentation.nii.gz on the CT's own grid "
        "and <stem>_passport.json into a folder, or to the name that is given and beside it. Results of the same scan "
        "are replaced, those of another one only with --overwrite.",
        epilog=epilog,
    )
    parser.add_argument("ct", type=Path, metavar="CT", help="the scan, .nii or .nii.gz; convert DICOM with dcm2niix")
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="DIR",
        help="folder for the results, or NAME.nii.gz for the segmentation, beside which the rest is put",
    )
    add_options(parser, notes={"model": "; 'totalpassport models list' shows which are installed"})
    parser.set_defaults(command=_run)


def _run(arguments: argparse.Namespace) -> None:
    from .. import pipeline  # here, so that --help and --version answer at once

    options = RunOptions.from_entries(vars(arguments))
    with ProgressBar() as bar:
        result = pipeline.run(arguments.ct, arguments.output, options, on_event=bar.show)
    print(summary_text(result))
    print_files(result)
    print(findings_text(result.passport))


def summary_text(result: RunResult) -> str:
    """Return what was found, how long it took, and what really ran."""
    ran = f"{result.provider}, {result.precision} ({result.arithmetic})"
    return f"{counted(len(result.passport.organs), 'organ')} in {sum(result.seconds.values()):.1f} s on {ran}"


def print_files(result: RunResult) -> None:
    """Print where the files of a run are."""
    for kind, path in result.paths.written().items():
        print(f"  {kind:13}{path}")
