"""The command ``run``: a CT to its segmentation and passport."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.text import counted
from ..options import RunOptions
from .parser import CommandParser
from .terminal import ProgressBar, add_common_options, add_options, tell

if TYPE_CHECKING:
    from ..run_results import RunResult


def add_run(commands: argparse._SubParsersAction[CommandParser], epilog: str) -> None:
    """Add ``run`` to the command line."""
    parser = commands.add_parser(
        "run",
        help="segment a CT and write its segmentation and passport",
        description="Segment a CT (NIfTI, Hounsfield units) and write <stem>_segmentation.nii.gz on the CT's own grid "
        "and <stem>_passport.json into a folder, or to the name that is given and beside it. Results of the same scan "
        "are replaced, those of another one only with --overwrite.",
        epilog=epilog,
    )
    parser.add_argument(
        "ct",
        type=Path,
        metavar="CT",
        help="the scan: a NIfTI file; with SimpleITK also NRRD, MetaImage or a folder of DICOM",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="DIR",
        help="folder for the results, or NAME.nii.gz for the segmentation, beside which the rest is put",
    )
    add_options(parser, notes={"model": "; 'totalpassport models list' shows which are installed"})
    add_common_options(parser)
    parser.set_defaults(command=_run, supervised=True)


def _run(arguments: argparse.Namespace) -> None:
    from .. import pipeline  # here, so that --help and --version answer at once
    from ..passport.findings_text import findings_text

    options = RunOptions.from_entries(vars(arguments))
    with ProgressBar(arguments.quiet) as bar:
        result = pipeline.run(arguments.ct, arguments.output, options, on_event=bar.show)
    text = f"{summary_text(result)}\n{files_text(result)}\n{findings_text(result.passport)}"
    tell(arguments, text, **run_facts(result))


def run_facts(result: RunResult) -> dict[str, Any]:
    """Return what a run has done, for programs."""
    from ..passport.findings_text import finding_codes

    return {
        "organs": len(result.passport.organs),
        **result.paths.written(),
        "seconds": {stage: round(seconds, 3) for stage, seconds in result.seconds.items()},
        "provider": result.provider,
        "precision": result.precision,
        "arithmetic": result.arithmetic,
        "findings": finding_codes(result.passport),
    }


def summary_text(result: RunResult) -> str:
    """Return what was found, how long it took, and what really ran."""
    ran = f"{result.provider}, {result.precision} ({result.arithmetic})"
    return f"{counted(len(result.passport.organs), 'organ')} in {sum(result.seconds.values()):.1f} s on {ran}"


def files_text(result: RunResult) -> str:
    """Return where the files of a run are, one a line."""
    return "\n".join(f"  {kind:13}{path}" for kind, path in result.paths.written().items())
