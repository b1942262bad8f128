"""What can be found out of an ONNX network without knowing it: its ports, its metadata, and what it makes of noise."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .base.errors import ModelError
from .models.network_conventions import LABELS, LOGITS, PROBABILITIES
from .models.reading import metadata_of, open_network_file
from .segmentation.session_ports import REAL, WHOLE

USUAL_PATCH, USUAL_DIVISOR = 96, 16
PROBE_SIZE = 2 * USUAL_DIVISOR
"""Of a network of free sizes: noise of so many voxels a side is enough to see what kind of results it gives."""
MOST_COPIES, MOST_CHANNELS = 64, 1024
Size = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class NetworkProbe:
    """What a network is like.

    Attributes
    ----------
    input, output : str
        The ports.
    input_channels_last, output_channels_last : bool
        Where their channels are.
    copies, channels : int
        How many they have.
    patch, divisor, tried : tuple of int
        A size that it takes, what sizes must be multiples of, as far as is known, and the size that was run.
    gives : str
        See `network_conventions.Ports`.
    sigmoid : bool
        Whether each channel is a probability of its own.
    window : tuple of float, optional
        Level and width that its metadata name, as `itk_infer` writes them.
    stride : tuple of int, optional
        Of windows, by its metadata.
    names : mapping of int to str
        Of its channels, by its metadata.
    """

    input: str
    output: str
    input_channels_last: bool
    output_channels_last: bool
    copies: int
    channels: int
    patch: Size
    divisor: Size
    tried: Size
    gives: str
    sigmoid: bool
    window: tuple[float, float] | None
    stride: Size | None
    names: Mapping[int, str]


def probe_network(
    network: Path,
    input_name: str | None,
    output_name: str | None,
    channels_last: bool | None,
    patch_size: Sequence[int],
    assumed: list[str],
) -> NetworkProbe:
    """Open a network, look at it, and run it once; what was assumed is added to ``assumed``.

    Raises
    ------
    ModelError
        It is no network that takes volumes, with the reason.
    """
    session = _opened(network)
    given = _chosen(network, session.get_inputs(), input_name, "input", REAL)
    _require_one_input(network, session.get_inputs(), given)
    if len(given.shape) != 5:
        raise _unfit(network, _dimensions(given))
    last = _channels_last(given.shape) if channels_last is None else channels_last
    copies = _channels(given.shape, last)
    if copies is None:
        copies = 1
        assumed.append("It has one input channel, which its ports leave open.")
    spatial = [given.shape[axis] for axis in ((1, 2, 3) if last else (2, 3, 4))]
    metadata = metadata_of(session)
    settings = _settings(metadata)
    patch, divisor, run_at = _sizes(spatial, patch_size, settings.get("patch_size"), assumed)
    output = _chosen(network, session.get_outputs(), output_name, "output", REAL | WHOLE)
    if output_name is None and len(session.get_outputs()) > 1:
        names = ", ".join(port.name for port in session.get_outputs())
        assumed.append(f"Of its outputs ({names}) '{output.name}' counts (--output).")
    shape = (_batch(given.shape), *run_at, copies) if last else (_batch(given.shape), copies, *run_at)
    noise = np.random.default_rng(0).normal(size=shape).astype(REAL[given.type])
    result = _run(network, session, output.name, given.name, noise)
    output_last, channels = _output_channels(network, result, run_at, last)
    gives, sigmoid = _kind(result, output_last, channels, assumed)
    return NetworkProbe(
        input=given.name, output=output.name, input_channels_last=last, output_channels_last=output_last,
        copies=copies, channels=channels, patch=patch, divisor=divisor, tried=run_at, gives=gives, sigmoid=sigmoid,
        window=_window(metadata), stride=_triple(settings.get("patch_stride")), names=_names(metadata),
    )  # fmt: skip


def _opened(network: Path) -> Any:
    if not network.is_file():
        raise ModelError(f"There is no network '{network}'.", "Give the path of an ONNX file.")
    return open_network_file(network, "Export it again; weights in a file of their own must lie beside it.", threads=0)


def _chosen(network: Path, ports: Sequence[Any], name: str | None, kind: str, types: Mapping[str, Any]) -> Any:
    """Return the port of a name, or the first one that may hold a volume."""
    fitting = [port for port in ports if port.type in types and len(port.shape) in (4, 5)]
    found = next((port for port in ports if port.name == name), None) if name else next(iter(fitting), None)
    if found is not None and found.type in types:
        return found
    told = ", ".join(f"{port.name}: {port.type.removeprefix('tensor')} {list(port.shape)}" for port in ports) or "none"
    raise _unfit(network, f"has no {kind}{f' {name!r}' if name else ''} that is a volume of numbers; there are: {told}")


def _require_one_input(network: Path, ports: Sequence[Any], given: Any) -> None:
    others = [port.name for port in ports if port.name != given.name]
    if others:
        raise _unfit(network, f"has further inputs ({', '.join(others)}), and a scan is only one of them")


def _dimensions(port: Any) -> str:
    if len(port.shape) == 4:
        return f"takes pictures, not volumes: its input has the shape {list(port.shape)}"
    return f"takes an input of {len(port.shape)} dimensions instead of 5 (batch, channel and three axes)"


def _channels_last(shape: Sequence[Any]) -> bool:
    first, last = shape[1], shape[4]
    if isinstance(first, int) and 0 < first <= 4:
        return False
    return isinstance(last, int) and 0 < last <= 4


def _channels(shape: Sequence[Any], last: bool) -> int | None:
    count = shape[4] if last else shape[1]
    return count if isinstance(count, int) and 0 < count <= MOST_COPIES else None


def _batch(shape: Sequence[Any]) -> int:
    return shape[0] if isinstance(shape[0], int) and shape[0] > 0 else 1


def _sizes(spatial: Sequence[Any], asked: Sequence[int], described: Any, assumed: list[str]) -> tuple[Size, Size, Size]:
    """Return the size of windows, what it must be a multiple of, and the size of the first run."""
    fixed = [size if isinstance(size, int) and size > 0 else None for size in spatial]
    usual = list(asked) or list(_triple(described) or ()) or [USUAL_PATCH] * 3
    if None in fixed and not asked and not _triple(described):
        assumed.append(f"It takes windows of any size; {USUAL_PATCH} voxels a side are used (--patch-size).")
    sizes = [
        (known or size, known or _divisor(size), known or min(size, PROBE_SIZE))
        for known, size in zip(fixed, usual, strict=True)
    ]
    (x, y, z), (dx, dy, dz), (rx, ry, rz) = zip(*sizes, strict=True)
    return (x, y, z), (dx, dy, dz), (rx, ry, rz)


def _divisor(size: int) -> int:
    """Return the largest power of two up to `USUAL_DIVISOR` that divides a size."""
    return next(step for step in (USUAL_DIVISOR, 8, 4, 2, 1) if size % step == 0)


def _run(network: Path, session: Any, output: str, name: str, noise: np.ndarray) -> np.ndarray:
    try:
        (result,) = session.run([output], {name: noise})
    except Exception as error:  # onnxruntime's exceptions share no public base class
        reason = str(error).splitlines()[0][:300]
        raise ModelError(
            f"The network '{network}' cannot be run on {list(noise.shape)}: {reason}.",
            "Say what it takes: the size of its window, and whether its channels come last.",
        ) from error
    return np.asarray(result)


def _output_channels(network: Path, result: np.ndarray, size: Size, last: bool) -> tuple[bool, int]:
    """Return whether the output's channels are last, and how many there are."""
    if result.ndim == 4 and result.shape[1:] == size:
        return False, 1
    for channels_last in (last, not last):
        spatial = result.shape[1:4] if channels_last else result.shape[2:5]
        count = result.shape[-1] if channels_last else result.shape[1]
        if result.ndim == 5 and spatial == size and count <= MOST_CHANNELS:
            return channels_last, count
    raise _unfit(
        network, f"gives {list(result.shape)} for a window of {list(size)} voxels: not a result for each voxel"
    )


def _kind(result: np.ndarray, last: bool, channels: int, assumed: list[str]) -> tuple[str, bool]:
    """Return what the results are, and whether each channel is a probability of its own."""
    numbers: np.ndarray = result.astype(np.float64)
    if channels == 1 and (result.dtype.kind in "iub" or np.array_equal(numbers, np.rint(numbers))):
        assumed.append("It gives labels: an argmax is inside.")
        return LABELS, False
    if numbers.min() < -1e-6 or numbers.max() > 1 + 1e-3:
        return LOGITS, False
    totals = numbers.sum(axis=-1 if last else 1)
    if channels > 1 and np.abs(totals - 1).max() < 1e-2:
        assumed.append("It gives probabilities: a softmax is inside.")
        return PROBABILITIES, False
    assumed.append("It gives probabilities: a sigmoid is inside.")
    return PROBABILITIES, True


def _unfit(network: Path, reason: str) -> ModelError:
    return ModelError(f"The network '{network}' {reason}.", "It cannot be run on a scan alone.")


def _window(metadata: Mapping[str, str]) -> tuple[float, float] | None:
    try:
        level, width = float(metadata["window_level"]), float(metadata["window_width"])
    except (KeyError, ValueError):
        return None
    return (level, width) if np.isfinite([level, width]).all() and width > 0 else None


def _settings(metadata: Mapping[str, str]) -> Mapping[str, Any]:
    try:
        settings = json.loads(metadata.get("inference_config", "{}"))
    except ValueError:
        return {}
    return settings if isinstance(settings, dict) else {}


def _triple(value: Any) -> Size | None:
    if isinstance(value, list) and len(value) == 3 and all(isinstance(size, int) and size > 0 for size in value):
        x, y, z = value
        return x, y, z
    return None


def _names(metadata: Mapping[str, str]) -> dict[int, str]:
    """Return names of channels that metadata hold as JSON under a usual key; the background has none."""
    for key in ("labels", "class_names", "classes", "names", "channel_def"):
        try:
            found = json.loads(metadata[key])
        except (KeyError, ValueError):
            continue
        pairs = enumerate(found) if isinstance(found, list) else found.items() if isinstance(found, dict) else ()
        try:
            names = {int(value): str(name) for value, name in pairs}
        except (TypeError, ValueError):
            continue
        if names and all(0 <= value <= MOST_CHANNELS for value in names):
            return {value: name for value, name in names.items() if value > 0}
    return {}
