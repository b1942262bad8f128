"""The subcommand ``align``: two passports to a transform."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import PoorResult
from .parser import CommandParser
from .terminal import add_common_options, tell

if TYPE_CHECKING:
    from ..alignment import Alignment

DESCRIPTION = """\
Align two scans of a patient by their passports, robustly against organs that are cut, missing or mislabelled, and say
how far apart each organ is left. What cannot be told is refused with its reason; a poor alignment is written, said to
be poor, and ends with exit code 6.

The transform maps points of the fixed scan to the moving one (ITK's convention, LPS mm): SimpleITK resamples the
moving scan onto the fixed grid with it; in 3D Slicer, put the moving scan under the loaded transform."""


def add_align(commands: argparse._SubParsersAction[CommandParser], epilog: str) -> None:
    """Add ``align`` to the command line."""
    parser = commands.add_parser(
        "align",
        help="align two scans by their passports",
        description=DESCRIPTION,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("fixed", type=Path, metavar="FIXED", help="passport of the scan that stays")
    parser.add_argument("moving", type=Path, metavar="MOVING", help="passport of the scan that is brought onto it")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        action="append",
        metavar="FILE",
        help="the transform to write: .tfm or .h5 (SimpleITK, 3D Slicer, ANTs) or .json (with the residuals); may be "
        "given several times",
    )
    parser.add_argument(
        "--kind",
        choices=("rigid", "similarity", "affine", "deformable"),
        default="rigid",
        help="what may change; deformable is an affine map with a smooth displacement field (default: %(default)s)",
    )
    parser.add_argument(
        "--icp",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="refine by the organs' surfaces; without, centroids alone, in milliseconds (default: with)",
    )
    add_common_options(parser)
    parser.set_defaults(command=_align)


def _align(options: argparse.Namespace) -> None:
    from ..alignment import align  # here, so that --help answers at once
    from ..alignment.transform_files import write_alignments, writer_for
    from ..base.outputs import check_destination
    from ..passport import read_passport

    for path in options.output:
        writer_for(path)  # a wrong name is refused before any work
        check_destination(path, options.fixed, options.moving)
    alignment = align(read_passport(options.fixed), read_passport(options.moving), options.kind, options.icp)
    write_alignments(alignment, options.output)
    files = "".join(f"\n  {'transform':13}{path}" for path in options.output)
    tell(
        options,
        f"{residual_table(alignment)}\n\n{alignment.verdict}{files}",
        transforms=options.output,
        kind=alignment.kind,
        organs=len(alignment.organs),
        median_residual_mm=round(alignment.median_residual_mm, 3),
        acceptable=alignment.is_acceptable,
        verdict=alignment.verdict,
    )
    if not alignment.is_acceptable:
        raise PoorResult(
            "The alignment is poor: what was written does not lay one scan onto the other.",
            f"Check that both passports are of one patient and measured in millimetres; {_other_way(alignment.kind)}.",
        )


def _other_way(kind: str) -> str:
    """Return what may help where a kind of alignment does not."""
    if kind == "rigid":
        return "if the scans differ in size, --kind similarity allows for that"
    return "if organs have moved by themselves, remove their labels and measure again"


def residual_table(alignment: Alignment) -> str:
    """Return the organs as a text table, worst first: residual in mm, weight, remarks."""
    from ..base.text import shown_name

    width = max(len(shown_name(organ.name)) for organ in alignment.organs)
    lines = [f"{'label':>5}  {'organ':{width}}  {'residual mm':>11}  {'weight':>6}  remarks"]
    for organ in sorted(alignment.organs, key=lambda organ: -organ.residual_mm):
        remark = "cut by an image's edge" if organ.truncated else "moved or mislabelled" if organ.is_misfit else "-"
        name = shown_name(organ.name)
        lines.append(f"{organ.fixed_label:5}  {name:{width}}  {organ.residual_mm:11.1f}  {organ.weight:6.3f}  {remark}")
    return "\n".join(lines)
