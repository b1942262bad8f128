"""The command line: arguments to calls, results to text."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from . import __version__
from .cli_align import add_align
from .cli_benchmark import add_benchmark
from .cli_compare import add_compare
from .cli_export import add_export
from .cli_models import add_models
from .cli_verify import add_verify
from .errors import user_error
from .events import Event
from .files import DATA_FOLDER
from .inference.engines import AUTO, EXACT, PRECISIONS, provider_choices
from .passport.organ import Passport
from .passport.summary import findings_text

if TYPE_CHECKING:
    from .pipeline import RunResult

EXIT_CODES = """\
exit codes: 0 done, 1 internal error, 2 bad input or output (also a full disk), 3 out of memory,
4 model missing or corrupt, 5 cancelled"""

DEMO_FOLDER = DATA_FOLDER / "demo"


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        options.command(options)
        return 0
    except (Exception, KeyboardInterrupt) as error:
        failure = user_error(error)
        print(f"totalpassport: {failure}", file=sys.stderr)
        if failure.exit_code == 1 and os.environ.get("TOTALPASSPORT_DEBUG"):
            raise
        return failure.exit_code


def _interrupt(number: int, frame: FrameType | None) -> None:
    # Ending like Ctrl-C lets every temporary file be removed.
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="totalpassport",
        description="Segment the organs of a CT on a CPU and describe each one in an anatomical passport.",
        epilog="Try 'totalpassport demo' first: it needs no data of yours. " + EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"totalpassport {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands)
    _add_passport(commands)
    _add_demo(commands)
    add_compare(commands, EXIT_CODES)
    add_align(commands, EXIT_CODES)
    add_models(commands, EXIT_CODES)
    add_export(commands, EXIT_CODES)
    add_verify(commands, EXIT_CODES)
    add_benchmark(commands, EXIT_CODES)
    return parser


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "run",
        help="segment a CT and write its segmentation and passport",
        description="Segment a CT (NIfTI, Hounsfield units) and write <stem>_segmentation.nii.gz on the CT's own grid "
        "and <stem>_passport.json into a folder. Existing results of the same names are replaced.",
        epilog=EXIT_CODES,
    )
    parser.add_argument("ct", type=Path, metavar="CT", help="the scan, .nii or .nii.gz; convert DICOM with dcm2niix")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the results")
    _add_engine_options(parser)
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


def _add_passport(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "passport",
        help="write the passport of an existing segmentation",
        description="Measure every label of a multi-label segmentation (NIfTI) from any program.",
        epilog=EXIT_CODES,
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


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "demo",
        help="run everything on the bundled sample CT with the bundled demo model",
        description="Segment the bundled synthetic CT with the bundled demo model. The demo model knows synthetic "
        "phantoms only; it is no medical model.",
        epilog=EXIT_CODES,
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("totalpassport-demo"), metavar="DIR", help="default: %(default)s"
    )
    _add_engine(parser)
    parser.set_defaults(command=_demo)


def _add_engine_options(parser: argparse.ArgumentParser) -> None:
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
    _add_engine(parser)


def _add_engine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--precision",
        default=EXACT,
        choices=PRECISIONS,
        help="exact: the labels of TotalSegmentator on a CPU; turbo: the fastest that this machine can do with at "
        "least 99.9 %% of the voxels the same (default: %(default)s)",
    )
    parser.add_argument(
        "--provider",
        default=AUTO,
        metavar=f"{{{','.join(provider_choices())}}}",
        help="where the network runs (default: %(default)s, the fastest on this machine's processor)",
    )


def _run(options: argparse.Namespace) -> None:
    from . import pipeline  # here, so that --help and --version answer at once

    with ProgressBar() as bar:
        model = options.model
        if options.weights is not None:
            from .models.weights import weights_model

            model = str(weights_model(model, options.weights, bar.show))
        names = ("preview", "roi", "statistics", "statistics_include_incomplete", "remove_small_blobs")
        wishes = {name: getattr(options, name) for name in names}
        engine = (options.provider, options.precision)
        result = pipeline.run(options.ct, options.output, model, *engine, **wishes, on_event=bar.show)
    print(_summary(result))
    _print_files(result)
    print(findings_text(result.passport))


def _summary(result: RunResult) -> str:
    """Return what was found, how long it took, and what really ran."""
    ran = f"{result.provider}, {result.precision} ({result.arithmetic})"
    return f"{len(result.passport.organs)} organs in {sum(result.seconds.values()):.1f} s on {ran}"


def _print_files(result: RunResult) -> None:
    for name in ("segmentation", "passport", "statistics", "preview"):
        path = getattr(result, f"{name}_path")
        if path is not None:
            print(f"  {name:13}{path}")


def _passport(options: argparse.Namespace) -> None:
    from . import pipeline

    with ProgressBar() as bar:
        passport = pipeline.describe(
            options.segmentation, options.output, options.labels, options.ct, on_event=bar.show
        )
    print(f"{len(passport.organs)} organs\n  {'passport':13}{options.output}\n{findings_text(passport)}")


def _demo(options: argparse.Namespace) -> None:
    from . import pipeline

    with ProgressBar() as bar:
        scan, engine = DEMO_FOLDER / "demo_ct.nii.gz", (options.provider, options.precision)
        result = pipeline.run(scan, options.output, "demo", *engine, preview=True, on_event=bar.show)
    print(organ_table(result.passport))
    print(f"\n{_summary(result)}")
    _print_files(result)
    print(findings_text(result.passport))
    print(
        "\nThe scan is a synthetic phantom and the demo model knows nothing else: it is no medical model.\n"
        "Next: open the segmentation and the passport in 3D Slicer, or run your own scan:\n"
        "  totalpassport run CT.nii.gz -o RESULTS"
    )


def organ_table(passport: Passport) -> str:
    """Return the organs as a text table: volume in ml, centroid in RAS mm, checks."""
    width = max([len(organ.name) for organ in passport.organs.values()], default=5)
    lines = [f"{'label':>5}  {'organ':{width}}  {'volume ml':>9}  {'centroid R, A, S mm':>24}  checks"]
    for organ in passport.organs.values():
        centroid = " ".join(f"{value:7.1f}" for value in organ.centroid_ras_mm)
        checks = ", ".join(organ.checks) or "-"
        lines.append(f"{organ.label:5}  {organ.name:{width}}  {organ.volume_mm3 / 1000:9.1f}  {centroid:>24}  {checks}")
    return "\n".join(lines)


class ProgressBar:
    """One line on a terminal that says how far the run is; silent where standard error is no terminal."""

    WIDTH = 30

    def __init__(self) -> None:
        self._visible = sys.stderr.isatty()
        self._start = time.monotonic()

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *error: object) -> None:
        if self._visible:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def show(self, event: Event) -> None:
        """Show an event of the pipeline."""
        if event["event"] == "warning":
            end = "\r\033[K" if self._visible else ""
            print(f"{end}totalpassport: warning: {event['message']}", file=sys.stderr)
        elif event["event"] == "progress" and self._visible:
            filled = round(self.WIDTH * event["fraction"])
            bar = "#" * filled + "-" * (self.WIDTH - filled)
            left = self._seconds_left(event["fraction"])
            line = f"\r\033[K[{bar}] {event['fraction']:4.0%} {event['stage']}{left}"
            print(line, end="", file=sys.stderr, flush=True)

    def _seconds_left(self, fraction: float) -> str:
        elapsed = time.monotonic() - self._start
        if fraction < 0.1 or elapsed < 1:
            return ""
        return f", about {elapsed * (1 - fraction) / fraction:.0f} s left"
