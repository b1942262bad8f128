"""The command ``models describe``: a description for somebody's own network, with what it asks for and assumes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import BadInput
from .terminal import tell

if TYPE_CHECKING:
    from ..network_description import NetworkFacts

SCHEMES: Mapping[str, tuple[tuple[str, ...], int]] = {
    "window": (("level", "width", "low", "high"), 2),
    "range": (("low", "high"), 2),
    "quantiles": (("lower_percent", "upper_percent", "low", "high"), 2),
    "ct": (("clip_low_hu", "clip_high_hu", "mean_hu", "std_hu"), 4),
    "zscore": ((), 0),
    "zscore-masked": ((), 0),
    "zscore-nonzero": ((), 0),
    "none": ((), 0),
}
"""The names of a normalisation's numbers in their order, and how many of them there must be."""

EPILOG = """\
Normalisations, several joined by '+':
  window:40,400[,-1,1]     level and width to 0..1, or to another range
  range:0,1                the scan's own lowest and highest value to a range
  quantiles:0.5,99.5[,0,1] two percentiles of the scan to a range, cut off
  zscore                   mean 0 and deviation 1; zscore-masked of what is filled, zscore-nonzero of what is not 0
  ct:-1000,600,-100,250    nnU-Net's: clip, mean and deviation in HU
  none

An example, a network of MONAI's for a spleen in CT:
  totalpassport models describe spleen.onnx --spacing 1.5 1.5 2 --orientation RAS --normalisation window:40.5,195 \\
      --labels spleen --patch-size 96 96 96"""


def add_describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "\n\n".join(filter(None, (EPILOG, parser.epilog)))
    parser.add_argument("network", type=Path, metavar="NET.onnx", help="the network; model.json is written beside it")
    parser.add_argument("--as", dest="name", default="", metavar="NAME", help="what to call the model")
    parser.add_argument("--modality", choices=("CT", "MR"), default="CT", help="what its scans are (default: CT)")

    def numbers(name: str, kind: type, text: str) -> None:
        parser.add_argument(name, type=kind, nargs="+", metavar="N", help=text)

    numbers("--spacing", float, "voxel size in mm along R, A, S, or one number for all")
    parser.add_argument(
        "--orientation", default="", metavar="AXES", help="where its axes go: RAS, LPS, SAR ..., or stored"
    )
    numbers("--grid", int, "voxels along its axes to which any scan is brought")
    parser.add_argument("--normalisation", metavar="SCHEME", help="how scans are normalised, see below")
    parser.add_argument(
        "--labels", nargs="+", default=[], metavar="NAME",
        help="names of its structures in the order of its channels, background left out; or a label table or its file",
    )  # fmt: skip
    parser.add_argument("--regions", action="store_true", default=None, help="channels overlap, each with a sigmoid")
    parser.add_argument("--exclusive", dest="regions", action="store_false", help="channels exclude one another")
    numbers("--patch-size", int, "size of windows along its axes, if it is free")
    parser.add_argument("--overlap", type=float, metavar="PART", help="of windows, 0 to 0.9 (default: 0.5)")
    parser.add_argument("--blending", choices=("gaussian", "mean"), default="", help="of windows (default: gaussian)")
    parser.add_argument("--padding", choices=("edge", "zero"), default="", help="around small scans (default: edge)")
    parser.add_argument("--input", metavar="PORT", help="which input takes the scan")
    parser.add_argument("--output", metavar="PORT", help="which output counts")
    parser.add_argument("--gives", choices=("logits", "probabilities", "labels"), default="", help="what it gives")
    parser.add_argument("--channels-last", action="store_true", default=None, help="channels are the last axis")
    parser.add_argument("--repeat-scan", action="store_true", help="give the same scan to each input channel")
    parser.add_argument("--overwrite", action="store_true", help="replace a model.json that is there")


def describe_model(options: argparse.Namespace) -> None:
    """Write the description of a network, after asking for what is missing where somebody can answer."""
    from ..network_description import describe_network, write_description

    described = describe_network(options.network, facts_said(options, _asker(options)))
    path = write_description(described, options.network, overwrite=options.overwrite)
    if not options.json and not options.quiet:
        for sentence in described.assumed:
            print(f"Assumed: {sentence}")
    usage = f"totalpassport run SCAN -o RESULTS --model {options.network}"
    tell(
        options, f"Described: {path}\nCorrect what was assumed there or by the options, and try it: {usage}",
        description=path, assumed=list(described.assumed),
    )  # fmt: skip


def _asker(options: argparse.Namespace) -> Callable[[str], str]:
    """Return what asks a question, if a person can answer; else every answer is empty."""
    if options.json or options.quiet or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return lambda question: ""
    return _answer


def _answer(question: str) -> str:
    try:
        return input(f"{question} (Enter: I do not know): ").strip()
    except EOFError:  # nobody is there after all
        return ""


def facts_said(options: argparse.Namespace, ask: Callable[[str], str]) -> NetworkFacts:
    """Return what the arguments say of the network, and what is answered where they do not.

    Raises
    ------
    BadInput
        An argument or an answer makes no sense.
    """
    from ..network_description import NetworkFacts

    spacing = options.spacing or _numbers(ask("Voxel size in mm that it was trained at, such as 1.5 or 1.5 1.5 2"))
    orientation = options.orientation or ask("Where its three axes go, such as RAS (MONAI) or SAR (nnU-Net)")
    normalisation = options.normalisation or ask("How scans are normalised, such as window:40,400 or zscore")
    names = options.labels or ask("Names of its structures in the order of its channels, without background").split()
    return NetworkFacts(
        name=options.name,
        modality=options.modality,
        spacing_mm=_three(spacing, "--spacing"),
        orientation=orientation,
        grid=_three(options.grid, "--grid"),
        normalisation=read_normalisation(normalisation) if normalisation else None,
        labels=_labels(names),
        regions=options.regions,
        patch_size=_three(options.patch_size, "--patch-size"),
        overlap=options.overlap,
        blending=options.blending,
        padding=options.padding,
        input=options.input,
        output=options.output,
        gives=options.gives,
        channels_last=options.channels_last,
        repeat_scan=options.repeat_scan,
    )


def _numbers(answer: str) -> list[float]:
    try:
        return [float(word) for word in answer.replace(",", " ").split()]
    except ValueError as error:
        raise BadInput(f"'{answer}' is no number.", "Give one or three numbers.") from error


def _three(values: list[Any] | None, name: str) -> tuple[Any, ...]:
    if not values:
        return ()
    if len(values) not in (1, 3) or min(values) <= 0:
        raise BadInput(f"{name} takes one or three positive numbers.", "Correct it.")
    return tuple(values * 3 if len(values) == 1 else values)


def _labels(names: list[str]) -> Mapping[int, str] | str:
    from ..base.labels import bundled_tables

    if len(names) == 1 and (names[0] in bundled_tables() or names[0].lower().endswith(".json")):
        return names[0]
    return dict(enumerate(names, start=1))


def read_normalisation(text: str) -> dict[str, Any]:
    """Return the normalisation that a text means, as in ``model.json``.

    >>> read_normalisation("window:40,400")
    {'scheme': 'window', 'level': 40.0, 'width': 400.0}

    Raises
    ------
    BadInput
        It means none.
    """
    steps = [_scheme(step.strip()) for step in text.split("+")]
    return steps[0] if len(steps) == 1 else {"scheme": "steps", "steps": steps}


def _scheme(text: str) -> dict[str, Any]:
    name, _, values = text.partition(":")
    if name not in SCHEMES:
        raise BadInput(f"There is no normalisation '{name}'.", f"There are {', '.join(SCHEMES)}.")
    fields, least = SCHEMES[name]
    numbers = _numbers(values)
    if not least <= len(numbers) <= len(fields) or len(numbers) == least + 1:
        raise BadInput(f"The normalisation '{name}' takes {least} numbers: {', '.join(fields[:least])}.", "Give them.")
    scheme, _, variant = name.partition("-")
    extra: dict[str, Any] = {"masked": variant == "masked"} if scheme == "zscore" and variant != "nonzero" else {}
    full = "zscore_nonzero" if variant == "nonzero" else scheme
    return {"scheme": full, **dict(zip(fields, numbers, strict=False)), **extra}
