"""The command ``run``: a CT to its segmentation and passport."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..passport.findings_text import findings_text
from .terminal import ProgressBar, add_engine

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
    parser.add_argument("ct", type=Path, metavar="CT", help="the scan, .nii or .nii.gz; convert DICOM with dcm2niix")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the results")
    _add_model(parser)
    _add_wishes(parser)
    parser.set_defaults(command=_run)


def _add_wishes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--roi",
        nargs="+",
        default=[],
        metavar="NAME",
        help="keep only these structures, such as: liver spleen vertebrae_L1; parts without any do not run",
    )
    parser.add_argument(
        "--statistics",
        action="store_true",
        help="also write <stem>_statistics.json: volume in mm3 and mean HU just as TotalSegmentator gives them, with 0 "
        "for structures near the border; the passport has the true numbers of those",
    )
    parser.add_argument(
        "--statistics-include-incomplete", action="store_true", help="do not set structures near the border to 0 there"
    )
    parser.add_argument(
        "--remove-small-blobs", action="store_true", help="remove pieces of at most 200 mm3, as TotalSegmentator does"
    )
    parser.add_argument("--preview", action="store_true", help="also write <stem>_preview.png")


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        default="demo",
        help="demo, fast, fastest, full, or the path of a model folder or ONNX file (default: %(default)s); "
        "'totalpassport models list' shows which are installed",
    )
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="FOLDER",
        help="official weights for --model fast, fastest or full, such as the folder in which TotalSegmentator keeps "
        "its own; converted on first use and kept in the cache",
    )
    add_engine(parser)


def _run(options: argparse.Namespace) -> None:
    from .. import pipeline  # here, so that --help and --version answer at once

    with ProgressBar() as bar:
        model = options.model
        if options.weights is not None:
            from ..models.transfer.weights import weights_model

            model = str(weights_model(model, options.weights, bar.show))
        names = ("preview", "roi", "statistics", "statistics_include_incomplete", "remove_small_blobs")
        wishes = {name: getattr(options, name) for name in names}
        engine = (options.provider, options.precision)
        result = pipeline.run(options.ct, options.output, model, *engine, **wishes, on_event=bar.show)
    print(summary_text(result))
    print_files(result)
    print(findings_text(result.passport))


def summary_text(result: RunResult) -> str:
    """Return what was found, how long it took, and what really ran."""
    ran = f"{result.provider}, {result.precision} ({result.arithmetic})"
    return f"{len(result.passport.organs)} organs in {sum(result.seconds.values()):.1f} s on {ran}"


def print_files(result: RunResult) -> None:
    """Print where the files of a run are."""
    for name in ("segmentation", "passport", "statistics", "preview"):
        path = getattr(result, f"{name}_path")
        if path is not None:
            print(f"  {name:13}{path}")
