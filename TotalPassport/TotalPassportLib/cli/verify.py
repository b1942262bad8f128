"""The command ``verify``: does this installation do what TotalSegmentator has published?"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import PoorResult
from ..base.text import shown_name
from .parser import CommandParser
from .terminal import ProgressBar, add_common_options, tell

if TYPE_CHECKING:
    from ..verification import VerificationResult


def add_verify(commands: argparse._SubParsersAction[CommandParser], epilog: str) -> None:
    """Add ``verify`` to the command line."""
    parser = commands.add_parser(
        "verify",
        help="segment TotalSegmentator's published test scan and compare with its published result",
        description="Download a model's released weights (once) and a published scan with its published result, "
        "segment the scan on this machine, and print how well every organ agrees.",
        epilog=epilog,
    )
    parser.add_argument("--model", default="fast", metavar="NAME", help="model to verify (default: %(default)s)")
    parser.add_argument(
        "--files",
        type=Path,
        metavar="FOLDER",
        help="folder with the published files, where the network is blocked; without it they are downloaded",
    )
    parser.add_argument("--provider", default="auto", help="where the network runs (default: %(default)s)")
    add_common_options(parser)
    parser.set_defaults(command=_verify)


def _verify(options: argparse.Namespace) -> None:
    from ..verification import verify_model

    with ProgressBar(options.quiet) as bar:
        verdict = verify_model(options.model, provider=options.provider, files_folder=options.files, on_event=bar.show)
    tell(
        options,
        verdict_text(verdict),
        agrees=verdict.agrees,
        mean_dice=round(verdict.mean_dice, 6),
        equal_voxels_share=verdict.equal_voxels_share,
        disagreeing=[organ.name for organ in verdict.disagreeing],
    )
    if not verdict.agrees:
        raise PoorResult(
            f"The model '{options.model}' does not do here what was published.",
            "Check it with 'totalpassport models verify'; if it is whole, please report this output.",
        )


def verdict_text(verdict: VerificationResult) -> str:
    """Return the comparison as a text table."""
    rule = verdict.rule
    width = max([len(shown_name(organ.name)) for organ in verdict.organs], default=5)
    lines = [rule.title, "", f"{'organ':{width}}  {'published ml':>12}  {'found ml':>10}  {'Dice':>6}"]
    lines += [
        f"{shown_name(organ.name):{width}}  {organ.published_ml:12.2f}  {organ.found_ml:10.2f}  {organ.dice:6.3f}"
        + ("  too low" if organ in verdict.disagreeing else "")
        for organ in verdict.organs
    ]
    lines += [
        "",
        f"Mean Dice {verdict.mean_dice:.4f} (at least {rule.least_mean_dice:g}), "
        f"{verdict.equal_voxels_share:.3%} of all voxels equal.",
        f"Verdict: {'agrees' if verdict.agrees else 'DOES NOT AGREE'}.",
    ]
    return "\n".join(lines)
