"""float16 arithmetic that rounds after every step, as PyTorch does it on a CPU, at onnxruntime's speed.

numpy converts float16 values one by one; onnxruntime, which is here anyway, uses the processor's vector instructions
and all cores. The two small graphs are data files, made by ``python -m training.arithmetic``.
"""

from __future__ import annotations

import numpy as np

from ..files import DATA_FOLDER
from .session import open_graph

GRAPHS_FOLDER = DATA_FOLDER / "arithmetic"


class HalfArithmetic:
    """The two operations of blending."""

    def __init__(self) -> None:
        self._accumulate = open_graph(GRAPHS_FOLDER / "accumulate.onnx")
        self._average = open_graph(GRAPHS_FOLDER / "average.onnx")

    def accumulate(self, sums: np.ndarray, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return ``sums + values * weights``, computed in float32 and rounded to float16 once.

        Parameters
        ----------
        sums : float16, any shape.
        values, weights : float32, the same shape.
        """
        operands = {"sums": sums, "values": values, "weights": weights}
        (result,) = self._accumulate.run(None, {name: _flat(operand) for name, operand in operands.items()})
        return np.asarray(result).reshape(sums.shape)

    def average(self, sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Return ``sums / counts`` rounded to float16 and widened to float32, whose order and ties are the same.

        Parameters
        ----------
        sums : float16 ``[channels, ...]``.
        counts : float16 ``[...]``.
        """
        operands = {"sums": sums.reshape(len(sums), -1), "counts": _flat(counts)}
        (result,) = self._average.run(None, operands)
        return np.asarray(result).reshape(sums.shape)


def first_highest(values: np.ndarray) -> np.ndarray:
    """Return the index of the first highest channel, uint8 or uint16, of float32 ``[channels, ...]``.

    Channel by channel: `numpy.argmax` along the first axis jumps through memory and takes several times as long.
    """
    highest = values[0].copy()
    index = np.zeros(highest.shape, np.uint8 if len(values) <= 256 else np.uint16)
    for channel in range(1, len(values)):
        np.putmask(index, values[channel] > highest, channel)
        np.maximum(highest, values[channel], out=highest)
    return index


def _flat(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).reshape(-1)
