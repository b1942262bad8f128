"""The command ``run``: a CT to its segmentation and passport."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

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
        "and <stem>_passport.json into a folder. Existing results of the same names are replaced.",
        epilog=epilog,
    )
    parser.add_argument(
        "ct",
        type=Path,
        metavar="CT",
        help="the scan: a NIfTI file; with SimpleITK also NRRD, MetaImage or a folder of DICOM",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="FOLDER",
        help="official weights for --model fast, fastest or full, such as the folder in which TotalSegmentator keeps "
        "its own; converted on first use and kept in the cache",
    )
    add_options(parser, notes={"model": "; 'totalpassport models list' shows which are installed"})
    parser.set_defaults(command=_run)


def _run(arguments: argparse.Namespace) -> None:
    from .. import pipeline  # here, so that --help and --version answer at once

    options = RunOptions.from_entries(vars(arguments))
    with ProgressBar() as bar:
        if arguments.weights is not None:
            from ..models.transfer.weights import weights_model

            options = replace(options, model=str(weights_model(options.model, arguments.weights, bar.show)))
        result = pipeline.run(arguments.ct, arguments.output, options, on_event=bar.show)
    print(summary_text(result))
    print_files(result)
    print(findings_text(result.passport))


def summary_text(result: RunResult) -> str:
    """Return what was found, how long it took, and what really ran."""
    ran = f"{result.provider}, {result.precision} ({result.arithmetic})"
    return f"{len(result.passport.organs)} organs in {sum(result.seconds.values()):.1f} s on {ran}"


def print_files(result: RunResult) -> None:
    """Print where the files of a run are."""
    for kind, path in result.paths.written().items():
        print(f"  {kind:13}{path}")
