"""The command ``benchmark``: whole runs of ours and of others on the same scans, measured and reported."""

from __future__ import annotations

import argparse
from pathlib import Path

from .parser import CommandParser
from .terminal import ProgressBar, add_common_options, tell


def add_benchmark(commands: argparse._SubParsersAction[CommandParser], epilog: str) -> None:
    """Add ``benchmark`` to the command line."""
    parser = commands.add_parser(
        "benchmark",
        help="measure time, memory and agreement of this program and of others",
        description="Run the same scans through this program's precisions and providers, and if asked through others; "
        "write benchmark.json and benchmark.html. The report calls scans by their file names, and tells neither paths "
        "nor the names of machine and user.",
        epilog=epilog,
    )
    parser.add_argument("scans", nargs="*", type=Path, metavar="SCAN", help="NIfTI files; default: the bundled sample")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the report")
    parser.add_argument("--model", default="demo", help="as for 'run' (default: %(default)s)")
    parser.add_argument(
        "--weights", type=Path, metavar="FOLDER", help="official weights for --model fast, fastest or full"
    )
    parser.add_argument(
        "--repeats", type=int, default=3, metavar="N", help="runs of each on every scan (default: %(default)s)"
    )
    parser.add_list("--precision", default=[], metavar="NAME", help="exact, turbo; default: both")
    parser.add_list("--provider", default=[], metavar="NAME", help="as for 'run'; default: auto")
    parser.add_argument(
        "--official",
        type=Path,
        metavar="PYTHON",
        help="also run TotalSegmentator: the python of the environment in which it is installed; needs --weights",
    )
    parser.add_argument(
        "--whole-volume", action="store_true", help="also run the network once over the whole volume, without windows"
    )
    parser.add_argument(
        "--scale",
        nargs="*",
        metavar="SIZE",
        help="also run synthetic scans of rising size: small, thorax, abdomen, whole-body; all without a name. "
        "The official package takes long for the larger ones",
    )
    add_common_options(parser)
    parser.set_defaults(command=_benchmark)


def _benchmark(options: argparse.Namespace) -> None:
    from ..benchmark.benchmark_text import benchmark_text
    from ..benchmark.benchmarking import Settings, run_benchmark
    from ..benchmark.page import write_report
    from ..benchmark.synthetic import SAMPLE_CT, SCANS
    from ..segmentation.engines import AUTO, PRECISIONS

    settings = Settings(
        scans=tuple(options.scans) or (SAMPLE_CT,),
        output=options.output,
        model=options.model,
        weights=options.weights,
        repeats=options.repeats,
        precisions=tuple(dict.fromkeys(options.precision)) or PRECISIONS,
        providers=tuple(dict.fromkeys(options.provider)) or (AUTO,),
        official=options.official,
        whole_volume=options.whole_volume,
        scale=() if options.scale is None else tuple(options.scale) or tuple(SCANS),
    )
    with ProgressBar(options.quiet) as bar:
        document = run_benchmark(settings, bar.show)
    files = write_report(document, options.output)
    tell(options, "\n".join([benchmark_text(document), *(f"  {file}" for file in files)]), files=files)
