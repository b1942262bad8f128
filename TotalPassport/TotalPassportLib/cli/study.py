"""The command ``study``: implementations of the same method in one table from one run."""

from __future__ import annotations

import argparse
from pathlib import Path

from .parser import CommandParser
from .terminal import ProgressBar, add_common_options, tell


def add_study(commands: argparse._SubParsersAction[CommandParser], epilog: str) -> None:
    """Add ``study`` to the command line."""
    parser = commands.add_parser(
        "study",
        help="compare implementations: the official package, plain onnxruntime, exact, turbo, whole volume",
        description="Run the same scans through the official TotalSegmentator, plain onnxruntime, this program's exact "
        "and turbo, and one pass over the whole volume; write latency, Dice and speed-up as study.json, study.md and "
        "study.html. What cannot run is a row that says why.",
        epilog=epilog,
    )
    parser.add_argument("inputs", nargs="+", type=Path, metavar="INPUT", help="NIfTI files, or folders of them")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the report")
    parser.add_argument("--model", default="fast", help="as for 'run' (default: %(default)s)")
    parser.add_argument(
        "--weights", type=Path, metavar="FOLDER", help="official weights for --model fast, fastest or full"
    )
    parser.add_argument(
        "--official",
        type=Path,
        metavar="PYTHON",
        help="the python of the environment in which TotalSegmentator is installed; it needs --weights",
    )
    parser.add_argument(
        "--repeats", type=int, default=1, metavar="N", help="runs of each on every scan (default: %(default)s)"
    )
    parser.add_argument("--max-samples", type=int, metavar="N", help="no more than so many scans")
    parser.add_argument(
        "--ground-truth", metavar="PLACE", help="also compare with ground truth: folder or pattern, as for 'report'"
    )
    parser.add_argument("--labels", metavar="TABLE", help="what the labels of the ground truth are, as for 'report'")
    add_common_options(parser)
    parser.set_defaults(command=_study)


def _study(options: argparse.Namespace) -> None:
    from ..base.errors import BadInput
    from ..base.files import make_folder
    from ..base.outputs import check_destination
    from ..benchmark.study import StudySettings, run_study
    from ..benchmark.study_page import STUDY_FILES, study_text, write_study

    if options.max_samples is not None and options.max_samples < 1:
        raise BadInput(f"{options.max_samples} scans are none.", "Give --max-samples 1 or more.")
    settings = StudySettings(
        inputs=tuple(options.inputs),
        output=options.output,
        model=options.model,
        weights=options.weights,
        official=options.official,
        repeats=options.repeats,
        ground_truth=options.ground_truth,
        labels=options.labels,
        most_scans=options.max_samples,
    )
    for name in STUDY_FILES:
        check_destination(make_folder(options.output) / name)
    with ProgressBar(options.quiet) as bar:
        document = run_study(settings, bar.show)
    files = write_study(document, options.output)
    tell(
        options, "\n".join([study_text(document), *(f"  {file}" for file in files)]), files=files, rows=document["rows"]
    )
