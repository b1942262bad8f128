"""The command ``report``: what a batch came to, against thresholds and ground truth."""

from __future__ import annotations

import argparse
from pathlib import Path

from .parser import CommandParser
from .terminal import ProgressBar, add_common_options, tell


def add_report(commands: argparse._SubParsersAction[CommandParser], epilog: str) -> None:
    """Add ``report`` to the command line."""
    parser = commands.add_parser(
        "report",
        help="judge a batch: quality checks, Dice and surface distances against ground truth, outliers with pictures",
        description="Read the folder of a batch and write report.json, report.md and report.html: its success rate, "
        "latencies and organs against thresholds, agreement with ground truth where that is given, outliers with "
        "pictures, and the passports' checks that fired. The page needs no network.",
        epilog=epilog,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the folder that 'totalpassport batch' has written")
    parser.add_argument(
        "--ground-truth",
        metavar="PLACE",
        help="folder of label images, or of folders of masks, named after the scans (also with _gt, _seg, _label and "
        "the like behind the name); or a pattern such as 'truth/{subject}/labels.nii.gz'",
    )
    parser.add_argument(
        "--labels",
        metavar="TABLE",
        help="what the labels of the ground truth are, where its files do not say it: a bundled table (total, "
        "total_v1, monai_wholebody), nnU-Net's dataset.json (taken by itself where it lies beside the "
        "files), or a label table",
    )
    parser.add_argument(
        "--scans",
        metavar="PLACE",
        help="folder or pattern of the scans, for pictures of outliers; default: where the batch read them",
    )
    parser.add_argument(
        "--tolerance-mm", type=float, default=3.0, metavar="MM", help="of the surface Dice (default: %(default)g)"
    )
    parser.add_argument("--checks", type=Path, metavar="FILE", help="quality checks of your own, see docs/reports.md")
    parser.add_argument(
        "--pictures", type=int, default=12, metavar="N", help="how many outliers are shown (default: %(default)s)"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help="folder for the report (default: DIR itself)")
    parser.add_argument(
        "--strict", action="store_true", help="end with exit code 6 where a quality check has failed, for scripts"
    )
    add_common_options(parser)
    parser.set_defaults(command=_report, supervised=True)


def _report(options: argparse.Namespace) -> None:
    from ..base.errors import BadInput, PoorResult
    from ..base.files import make_folder
    from ..base.outputs import check_destination
    from ..report.report_building import ReportSettings, build_report
    from ..report.report_page import OUTPUT_NAMES, write_batch_report
    from ..report.report_text import report_summary

    if not 0 < options.tolerance_mm < 1000:
        raise BadInput(f"{options.tolerance_mm:g} mm is no tolerance.", "Give a number above 0, such as 3.")
    if options.pictures < 0:
        raise BadInput(f"{options.pictures} is no number of pictures.", "Give 0 or more.")
    output = options.output or options.folder
    if options.output is not None or output.is_dir():
        for name in OUTPUT_NAMES:
            check_destination(make_folder(output) / name)
    settings = ReportSettings(
        folder=options.folder,
        ground_truth=options.ground_truth,
        scans=options.scans,
        labels=options.labels,
        tolerance_mm=options.tolerance_mm,
        checks=options.checks,
        most_pictures=options.pictures,
    )
    with ProgressBar(options.quiet) as bar:
        report = build_report(settings, bar.show)
    files = write_batch_report(report, output)
    text = "\n".join([report_summary(report.document), *(f"  {file}" for file in files)])
    tell(
        options,
        text,
        files=files,
        measures=report.document["measures"],
        checks={check["name"]: check["status"] for check in report.document["checks"]},
    )
    if options.strict and report.failed_checks:
        raise PoorResult(
            f"Quality checks that failed: {', '.join(report.failed_checks)}.", "The report says what was measured."
        )
