"""The command ``itk-infer``: the options of ITKIT's itk_infer, its files, on a processor, with honest exit codes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import BadInput
from ..base.text import LONGEST_SENTENCE, counted, shown_name
from .parser import CommandParser
from .terminal import ProgressBar, add_common_options, tell

if TYPE_CHECKING:
    from ..itk_infer.folder_inference import ImageResult

ONNX, MMENGINE = "onnx", "mmengine"


def add_itk_infer(commands: argparse._SubParsersAction[CommandParser], epilog: str) -> None:
    """Add the command to the command line's parser."""
    parser = commands.add_parser(
        "itk-infer",
        help="take itk_infer's command line: a folder of images through an ONNX network",
        description="Takes the options of ITKIT's itk_infer 4.0.0 and writes the same files, on a processor: for every "
        "*.mha, *.nii and *.nii.gz directly in a folder a label image of the same name. What is there already is "
        "skipped. docs/itk_infer.md tells what differs.",
        epilog=epilog,
    )
    parser.add_argument("-i", "--input-folder", required=True, type=Path, metavar="DIR", help="folder of images")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="DIR", help="folder for the results")
    parser.add_argument(
        "--backend", choices=(ONNX, MMENGINE), help="onnx (where --onnx is given); mmengine is refused, see the manual"
    )
    parser.add_argument("-cfg", "--cfg-path", metavar="FILE", help="of MMEngine: refused")
    parser.add_argument("-ckpt", "--ckpt-path", metavar="FILE", help="of MMEngine: refused")
    parser.add_argument("--onnx", type=Path, metavar="NET.onnx", help="the network")
    parser.add_argument("--wl", type=int, metavar="LEVEL", help="window level, instead of the network's own")
    parser.add_argument("--ww", type=int, metavar="WIDTH", help="window width, instead of the network's own")
    parser.add_argument(
        "--patch-size",
        type=int,
        nargs=3,
        metavar=("Z", "Y", "X"),
        help="half of it is the stride where nothing names one; the size of the window only of a network that leaves "
        "that open",
    )
    parser.add_argument("--patch-stride", type=int, nargs=3, metavar=("Z", "Y", "X"), help="from window to window")
    parser.add_argument("--num-proc", type=int, default=1, metavar="N", help="images at a time (default: 1)")
    parser.add_argument("--gpus", type=int, default=1, metavar="N", help="no effect: it runs on the processor")
    parser.add_argument("--fp16", action="store_true", help="for networks that take float16")
    parser.add_argument("--save-logits", action="store_true", help="also write <stem>.zarr: float16, C Z Y X")
    parser.add_argument(
        "--save-conf", action="store_true", help="also write confidences.xlsx and .csv; rows of earlier runs stay"
    )
    parser.add_argument(
        "--conf-float16",
        action="store_true",
        help="confidences computed in float16 as itk_infer does: no number where the network is sure of a voxel; "
        "TotalPassport's own option",
    )
    add_common_options(parser)
    parser.set_defaults(command=_infer, supervised=True)


def _infer(arguments: argparse.Namespace) -> None:
    _check(arguments)
    from ..itk_infer.folder_inference import FolderRequest, failure_of, infer_folder  # here: --help answers at once
    from ..itk_infer.itk_conventions import Overrides

    request = FolderRequest(
        input_folder=arguments.input_folder,
        output_folder=arguments.output,
        network=arguments.onnx,
        overrides=Overrides(
            window_level=arguments.wl,
            window_width=arguments.ww,
            patch_size_zyx=tuple(arguments.patch_size) if arguments.patch_size else None,
            patch_stride_zyx=tuple(arguments.patch_stride) if arguments.patch_stride else None,
        ),
        half=arguments.fp16,
        save_logits=arguments.save_logits,
        save_confidence=arguments.save_conf,
        half_confidence=arguments.conf_float16,
        at_a_time=arguments.num_proc,
    )
    with ProgressBar(arguments.quiet) as bar:
        results = infer_folder(request, on_image=lambda result: _tell_image(arguments, result), on_event=bar.show)
    failed = failure_of(results)
    if not arguments.json and not arguments.quiet:
        made = sum(result.error is None and not result.skipped for result in results)
        print(f"{counted(made, 'image')} done, {sum(result.skipped for result in results)} skipped")
    if failed is not None:
        raise failed


def _check(arguments: argparse.Namespace) -> None:
    for option in ("num_proc", "gpus"):
        if getattr(arguments, option) < 1:
            arguments.parser.error(f"--{option.replace('_', '-')} must be >= 1")
    backend = arguments.backend or (ONNX if arguments.onnx else MMENGINE)
    if backend == ONNX and not arguments.onnx:
        arguments.parser.error("--backend onnx requires --onnx")
    if backend == MMENGINE and arguments.backend and not (arguments.cfg_path and arguments.ckpt_path):
        arguments.parser.error("--backend mmengine requires --cfg-path and --ckpt-path")
    if backend == MMENGINE:
        raise BadInput(
            "Networks of MMEngine are Python programs that need PyTorch, and are not run here.",
            "Export the network to ONNX once, where PyTorch is (docs/itk_infer.md shows how), and give it with --onnx.",
        )


def _tell_image(arguments: argparse.Namespace, result: ImageResult) -> None:
    name = shown_name(str(result.image), LONGEST_SENTENCE)
    if result.error is not None:
        from .wording import error_text  # here, so that it takes no time where all goes well

        text = shown_name(error_text(result.error), 3 * LONGEST_SENTENCE)
        print(f"totalpassport: Error processing {name}: {text}", file=sys.stderr)
    facts = {
        "image": result.image,
        "labels": result.labels,
        "skipped": result.skipped,
        "confidence": result.confidence,
        "error": None if result.error is None else result.error.message,
    }
    if result.error is None or arguments.json:
        text = f"Skipping existing {result.labels}" if result.skipped else f"{name}{_confidence_text(result)}"
        tell(arguments, shown_name(text, LONGEST_SENTENCE), **facts)


def _confidence_text(result: ImageResult) -> str:
    return "" if result.confidence is None else f": confidence {result.confidence:.4f}"
