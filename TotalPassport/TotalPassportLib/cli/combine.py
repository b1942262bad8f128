"""The command ``combine``: one mask of several structures."""

from __future__ import annotations

import argparse
from pathlib import Path

from .parser import CommandParser


def add_combine(commands: argparse._SubParsersAction[CommandParser], epilog: str) -> None:
    """Add the command to the command line's parser."""
    parser = commands.add_parser(
        "combine",
        help="make one mask of several structures: lungs, ribs, vertebrae",
        description="Write one mask of the structures of a group, as totalseg_combine_masks does.",
        epilog=epilog,
    )
    parser.add_argument(
        "source", type=Path, metavar="MASKS", help="a folder of masks, or a label image with names in its header"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the mask to write")
    parser.add_argument(
        "-m",
        "--masks",
        required=True,
        metavar="GROUP",
        help="lung, lung_left, lung_right, vertebrae, ribs, vertebrae_ribs, heart, pelvis or body",
    )
    parser.add_argument("-ml", "--multilabel", action="store_true", help="store the group's name in the header")
    parser.set_defaults(command=_combine)


def _combine(options: argparse.Namespace) -> None:
    from ..combining import combine_masks  # here, so that --help answers at once

    voxels = combine_masks(options.source, options.output, options.masks, named=options.multilabel)
    print(f"{options.masks}: {voxels} voxels\n  {'mask':13}{options.output}")
