"""What itk_infer reads from a network's ports and metadata, and what its command line puts in the place of that.

The rules are itk_infer 4.0.0's: the window is as large as the network's input says, the stride comes from the command
line, else from the metadata, else it is half of whichever patch size is named. What goes wrong there without a word
is an error here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import BadInput, ModelError

if TYPE_CHECKING:
    import onnxruntime

Size = tuple[int, ...]
Warn = Callable[[str, str], None]
SINGLE, HALF = "tensor(float)", "tensor(float16)"
REAL_TYPES = (SINGLE, HALF, "tensor(double)")
LEVEL_KEY, WIDTH_KEY, CONFIG_KEY = "window_level", "window_width", "inference_config"


@dataclass(frozen=True, kw_only=True)
class Overrides:
    """What the command line says instead of the network; None where it says nothing.

    Attributes
    ----------
    window_level, window_width : int, optional
        In the unit of the images.
    patch_size_zyx : tuple of int, optional
        Half of it is the stride where nothing else names one; the window itself only of a network that leaves its size
        open.
    patch_stride_zyx : tuple of int, optional
        From one window to the next.
    """

    window_level: int | None = None
    window_width: int | None = None
    patch_size_zyx: Size | None = None
    patch_stride_zyx: Size | None = None


@dataclass(frozen=True, kw_only=True)
class ItkConventions:
    """How a network is run on an image.

    Attributes
    ----------
    window_level, window_width : int
        What lies within level -+ width / 2 becomes 0 to 1.
    patch_zyx, stride_zyx : tuple of int
        Size of a window, and from one to the next, in voxels.
    windows_per_call : int
        How many windows go through the network at a time.
    is_fixed_batch : bool
        Whether the network takes exactly that many.
    input_name, output_name : str
        The ports that are used: the first ones.
    half : bool
        Whether the input is float16.
    classes : int, optional
        Number of output channels; None where only a result tells.
    """

    window_level: int
    window_width: int
    patch_zyx: Size
    stride_zyx: Size
    windows_per_call: int
    is_fixed_batch: bool
    input_name: str
    output_name: str
    half: bool
    classes: int | None


def conventions_of(
    session: onnxruntime.InferenceSession, path: Path, overrides: Overrides, *, half: bool, warn: Warn
) -> ItkConventions:
    """Return how an open network is to be run.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        The network.
    path : Path
        Its file, for errors.
    overrides : Overrides
        What the command line says.
    half : bool
        Whether float16 was asked for (``--fp16``).
    warn : callable
        Called with a code and a sentence about what is done in spite of what the network says.

    Raises
    ------
    ModelError
        The network cannot be run so, with the reason.
    BadInput
        What the command line says is impossible.
    """
    _check_overrides(overrides)
    source, target = _ports(session, path)
    _check_type(source, path, half)
    metadata: Mapping[str, str] = session.get_modelmeta().custom_metadata_map or {}
    config = _config(metadata.get(CONFIG_KEY, ""), path, warn)
    if overrides.patch_size_zyx or overrides.patch_stride_zyx:
        config = replace(config, windows_per_call=1)  # itk_infer puts its own default back with either of them
    patch = _patch(source, config, overrides, path)
    _check_output(target, patch, path)
    batch = source.shape[0]
    is_fixed = isinstance(batch, int) and batch > 0
    classes = target.shape[1]
    return ItkConventions(
        window_level=_whole_number(overrides.window_level, metadata, LEVEL_KEY, "--wl", path),
        window_width=_width(overrides, metadata, path),
        patch_zyx=patch,
        stride_zyx=_stride(config, overrides, patch, path),
        windows_per_call=batch if is_fixed else config.windows_per_call,
        is_fixed_batch=is_fixed,
        input_name=source.name,
        output_name=target.name,
        half=half,
        classes=classes if isinstance(classes, int) and classes > 0 else None,
    )


@dataclass(frozen=True, kw_only=True)
class _Config:
    """The fields of ``inference_config`` that mean something on a processor."""

    patch_size: Size | None = None
    patch_stride: Size | None = None
    windows_per_call: int = 1


def _config(text: str, path: Path, warn: Warn) -> _Config:
    """Return what the metadata says; like itk_infer nothing of it if any of it is unfit, but not in silence."""
    if not text:
        return _Config()
    try:
        document = json.loads(text)
        per_call = int(document.get("forward_batch_windows", 1))
        sizes = [_sizes(document.get(name)) for name in ("patch_size", "patch_stride")]
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        warn(
            "unfit_inference_config",
            f"The {CONFIG_KEY} in '{path.name}' cannot be understood and is left out, as itk_infer does it: the stride "
            "is half of the window unless --patch-stride says otherwise.",
        )
        return _Config()
    if per_call < 1:
        raise ModelError(
            f"The {CONFIG_KEY} in '{path}' wants {per_call} windows at a time.", "Correct forward_batch_windows there."
        )
    return _Config(patch_size=sizes[0], patch_stride=sizes[1], windows_per_call=per_call)


def _sizes(value: Any) -> Size | None:
    if value is None:
        return None
    if not isinstance(value, list):
        raise TypeError
    return tuple(int(size) for size in value)


def _check_overrides(overrides: Overrides) -> None:
    for option, sizes in (
        ("--patch-size", overrides.patch_size_zyx),
        ("--patch-stride", overrides.patch_stride_zyx),
    ):
        if sizes is not None and (len(sizes) != 3 or min(sizes) < 1):
            raise BadInput(f"{option} must be three numbers of at least 1.", "Give Z, Y and X in voxels.")
    if overrides.window_width is not None and overrides.window_width < 1:
        raise BadInput("--ww must be at least 1: it is what becomes 0 to 1.", "Give the width of the window.")


def _ports(session: onnxruntime.InferenceSession, path: Path) -> tuple[Any, Any]:
    sources, targets = session.get_inputs(), session.get_outputs()
    if len(sources) != 1:
        raise ModelError(
            f"The network '{path}' has {len(sources)} inputs, and an image is only one.",
            "Export it with the image as its only input.",
        )
    source, target = sources[0], targets[0]
    for port, kind in ((source, "input"), (target, "output")):
        if len(port.shape) != 5:
            raise ModelError(
                f"The network '{path}' has an {kind} of {len(port.shape)} dimensions instead of five: N, C, Z, Y, X.",
                "Export a network for volumes.",
            )
    channels = source.shape[1]
    if isinstance(channels, int) and channels != 1:
        raise ModelError(
            f"The network '{path}' takes {channels} channels, and an image has one.",
            "Export a network that takes one channel.",
        )
    return source, target


def _check_type(source: Any, path: Path, half: bool) -> None:
    if source.type not in (SINGLE, HALF):
        kind = source.type.removeprefix("tensor(").removesuffix(")")
        raise ModelError(f"The network '{path}' takes {kind} instead of float32 or float16.", "Export it again.")
    if half and source.type == SINGLE:
        raise ModelError(
            f"The network '{path}' takes float32, and --fp16 is for networks that take float16.", "Leave --fp16 out."
        )
    if not half and source.type == HALF:
        raise ModelError(f"The network '{path}' takes float16.", "Add --fp16, which is for such networks.")


def _check_output(target: Any, patch: Size, path: Path) -> None:
    if target.type not in REAL_TYPES:
        raise ModelError(
            f"The first output of the network '{path}' is no logits: {target.type.removeprefix('tensor')}.",
            "Export it with the logits, before any argmax, as its first output.",
        )
    given = target.shape[2:]
    if any(isinstance(size, int) and size > 0 and size != right for size, right in zip(given, patch, strict=True)):
        raise ModelError(
            f"The network '{path}' gives {_text(given)} voxels for a window of {_text(patch)}.",
            "Export a network whose output is as large as its input.",
        )


def _patch(source: Any, config: _Config, overrides: Overrides, path: Path) -> Size:
    declared = source.shape[2:]
    if all(isinstance(size, int) and size > 0 for size in declared):
        return tuple(declared)
    wanted = overrides.patch_size_zyx
    if wanted is None:
        known = f" {_text(config.patch_size, ' ')}, as its metadata have it" if config.patch_size else " Z Y X"
        raise ModelError(
            f"The network '{path}' leaves the size of its window open, with which itk_infer fails.",
            f"Name the size: --patch-size{known}.",
        )
    fixed = zip(declared, wanted, strict=True)
    if any(isinstance(size, int) and size > 0 and size != right for size, right in fixed):
        raise ModelError(
            f"The network '{path}' takes windows of {_text(declared)}, not of {_text(wanted)}.",
            "Give another --patch-size.",
        )
    return wanted


def _stride(config: _Config, overrides: Overrides, patch: Size, path: Path) -> Size:
    named = overrides.patch_stride_zyx or config.patch_stride
    halved = overrides.patch_size_zyx or config.patch_size or patch
    stride = named if named is not None else tuple(max(1, size // 2) for size in halved)
    if len(stride) != 3 or min(stride) < 1:
        raise ModelError(
            f"The {CONFIG_KEY} in '{path}' gives the stride ({_text(stride, ', ')}), which is not three numbers of at "
            "least 1.",
            "Name the stride: --patch-stride Z Y X.",
        )
    return stride


def _whole_number(given: int | None, metadata: Mapping[str, str], key: str, option: str, path: Path) -> int:
    if given is not None:
        return given
    if key not in metadata:
        raise ModelError(
            f"The network '{path}' does not say its window ({LEVEL_KEY} and {WIDTH_KEY} in its metadata).",
            "Name both: --wl LEVEL --ww WIDTH.",
        )
    try:
        return int(metadata[key])
    except ValueError:
        raise ModelError(
            f"The network '{path}' says {key} '{metadata[key][:40]}', which is no whole number.",
            f"Name it: {option} NUMBER.",
        ) from None


def _width(overrides: Overrides, metadata: Mapping[str, str], path: Path) -> int:
    width = _whole_number(overrides.window_width, metadata, WIDTH_KEY, "--ww", path)
    if width < 1:
        raise ModelError(f"The network '{path}' says a window of width {width}.", "Name the width: --ww WIDTH.")
    return width


def _text(sizes: Sequence[Any], between: str = " x ") -> str:
    return between.join(str(size) for size in sizes)
