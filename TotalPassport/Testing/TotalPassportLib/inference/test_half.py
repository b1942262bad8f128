"""Half precision at speed is still half precision: numpy's own conversions are the judge."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from TotalPassportLib.inference.half import GRAPHS_FOLDER, HalfArithmetic, first_highest

from training.arithmetic import graphs

ARITHMETIC = HalfArithmetic()
HALVES = arrays.arrays(np.float16, 40, elements=st.floats(-60000, 60000, width=16))
SINGLES = arrays.arrays(np.float32, 40, elements=st.floats(-1e5, 1e5, width=32))
POSITIVE = arrays.arrays(np.float32, 40, elements=st.floats(0, 10, width=32))


def same_bits(first: np.ndarray, second: np.ndarray) -> bool:
    return first.dtype == second.dtype and bool(np.array_equal(first, second, equal_nan=True))


def test_the_graphs_are_those_that_the_command_writes() -> None:
    assert {path.name: path.read_bytes() for path in GRAPHS_FOLDER.iterdir()} == graphs()


@settings(deadline=None)
@given(sums=HALVES, values=SINGLES, weights=POSITIVE)
def test_sums_are_rounded_once_as_numpy_rounds_them(sums: np.ndarray, values: np.ndarray, weights: np.ndarray) -> None:
    with np.errstate(over="ignore"):
        expected = (sums.astype(np.float32) + values * weights).astype(np.float16)
    assert same_bits(ARITHMETIC.accumulate(sums, values, weights), expected)


def test_every_half_there_is_is_widened_and_rounded_back_to_itself() -> None:
    every = np.arange(65536, dtype=np.uint16).view(np.float16)
    nothing = np.zeros(65536, np.float32)
    numbers = ~np.isnan(every)
    assert same_bits(ARITHMETIC.accumulate(every, nothing, nothing)[numbers], every[numbers])


@settings(deadline=None)
@given(sums=HALVES, counts=arrays.arrays(np.float16, 20, elements=st.floats(2**-24, 1000, width=16)))
def test_means_are_rounded_as_numpy_rounds_them(sums: np.ndarray, counts: np.ndarray) -> None:
    sums = sums.reshape(2, 20)
    with np.errstate(over="ignore"):
        expected = (sums.astype(np.float32) / counts.astype(np.float32)).astype(np.float16).astype(np.float32)
    assert same_bits(ARITHMETIC.average(sums, counts), expected)


def test_shapes_and_strides_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    sums = rng.standard_normal((7, 6, 5)).astype(np.float16)[::2, :, 1:4]
    values = rng.standard_normal((4, 3, 6)).astype(np.float32).transpose(0, 2, 1)
    weights = rng.random((4, 6, 3), np.float32)
    expected = (sums.astype(np.float32) + values * weights).astype(np.float16)
    assert same_bits(ARITHMETIC.accumulate(sums, values, weights), expected)


@pytest.mark.parametrize("channels", [1, 2, 118, 256, 300])
def test_the_first_of_the_highest_channels_wins(channels: int) -> None:
    values = np.random.default_rng(channels).integers(-3, 4, (channels, 30, 20)).astype(np.float32)
    values[values == 0] = -0.0
    assert np.array_equal(first_highest(values), values.argmax(axis=0))
