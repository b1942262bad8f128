"""What goes into a network and what comes out: which port, of which shape and type; or why it cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.errors import ModelError
from ..base.hints import Hint, HintCode
from ..models.description import Part
from ..models.network_conventions import LABELS

if TYPE_CHECKING:
    import onnxruntime

REAL = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}
WHOLE = {
    "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(int16)": np.int16, "tensor(int8)": np.int8,
    "tensor(uint64)": np.uint64, "tensor(uint32)": np.uint32, "tensor(uint16)": np.uint16, "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}  # fmt: skip
DESCRIBE = Hint(HintCode.DESCRIBE_NETWORK)
Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class SessionPorts:
    """Both ports of an open network, for windows of one size.

    Shapes have a batch of as many windows as the network insists on; only the first of them counts.
    ``channel_axis`` is where the output's channels are, None where it has none.
    """

    input_name: str
    input_shape: Shape
    input_type: type[Any]
    output_name: str
    output_shape: Shape
    output_type: type[Any]
    channel_axis: int | None

    def window_of(self, output: np.ndarray) -> np.ndarray:
        """Return the window of an output, channels last; a view."""
        first: np.ndarray = output[0]
        if self.channel_axis is None:
            return first[..., np.newaxis]
        return np.moveaxis(first, self.channel_axis - 1, -1)


def ports_of(part: Part, session: onnxruntime.InferenceSession, features: int | None) -> SessionPorts:
    """Return the ports that a part's description means.

    Parameters
    ----------
    features : int, optional
        How many channels the output has, last, of a network whose head is a file of its own.

    Raises
    ------
    ModelError
        The network has other ports, with the reason.
    """
    wanted, patch = part.ports, part.patch_size_zyx
    given = _port(part, session.get_inputs(), wanted.input, "input")
    if len(session.get_inputs()) > 1:
        raise _refused(part, f"has {len(session.get_inputs())} inputs, and a scan is only one of them", "")
    batch = _batch(given.shape)
    before, after = ((), (wanted.copies,)) if wanted.input_channels_last else ((wanted.copies,), ())
    input_shape = (batch, *before, *patch, *after)
    _check_shape(part, given, input_shape, "takes an input")
    if given.type not in REAL:
        raise _refused(part, f"takes {given.type.removeprefix('tensor')} instead of real numbers", DESCRIBE)
    output = _port(part, session.get_outputs(), wanted.output, "output")
    output_shape, channel_axis = _output_shape(part, output, batch, features)
    _check_shape(part, output, output_shape, "gives an output")
    kinds = REAL | WHOLE if wanted.gives == LABELS else REAL
    if output.type not in kinds:
        raise _refused(part, f"gives {output.type.removeprefix('tensor')} instead of {wanted.gives}", DESCRIBE)
    return SessionPorts(
        input_name=given.name,
        input_shape=input_shape,
        input_type=REAL[given.type],
        output_name=output.name,
        output_shape=output_shape,
        output_type=kinds[output.type],
        channel_axis=channel_axis,
    )


def _output_shape(part: Part, output: Any, batch: int, features: int | None) -> tuple[Shape, int | None]:
    patch = part.patch_size_zyx
    if features is not None:  # of our own making
        return (batch, *patch, features), 4
    if part.ports.gives == LABELS and len(output.shape) == 4:
        return (batch, *patch), None
    channels = 1 if part.ports.gives == LABELS else len(part.label_values)
    return ((batch, *patch, channels), 4) if part.ports.output_channels_last else ((batch, channels, *patch), 1)


def _batch(shape: Sequence[Any]) -> int:
    return shape[0] if shape and isinstance(shape[0], int) and shape[0] > 0 else 1


def _port(part: Part, ports: Sequence[Any], name: str | None, kind: str) -> Any:
    if name is None and ports:
        return ports[0]
    found = next((port for port in ports if port.name == name), None)
    if found is None:
        names = ", ".join(port.name for port in ports) or "none"
        raise _refused(part, f"has no {kind} '{name}', but {names}", DESCRIBE)
    return found


def _check_shape(part: Part, port: Any, wanted: Shape, does: str) -> None:
    shape = list(port.shape)
    if len(shape) != len(wanted):
        axes = "; it is for pictures, not for volumes" if len(shape) == 4 else ""
        raise _refused(part, f"{does} of {len(shape)} dimensions instead of {len(wanted)}{axes}", DESCRIBE)
    if any(isinstance(size, int) and size > 0 and size != right for size, right in zip(shape, wanted, strict=True)):
        raise _refused(part, f"{does} of shape {shape} instead of {list(wanted)}", DESCRIBE)


def _refused(part: Part, reason: str, hint: Hint | str) -> ModelError:
    return ModelError(f"The network '{part.network}' {reason}.", hint or "It cannot be run on one scan alone.")
