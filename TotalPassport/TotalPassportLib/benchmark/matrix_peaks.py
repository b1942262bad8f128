"""What this machine's processor can do at most, measured: the product of two large matrices."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from ..base.errors import BadInput
from ..base.files import DATA_FOLDER
from ..segmentation.engines import PRECISIONS, Engine, engines
from ..segmentation.session import open_network

PRODUCT_GRAPH = DATA_FOLDER / "arithmetic" / "product.onnx"
"""``result = a @ b``, float32 ``[m, k]`` and ``[k, n]``; made by ``python -m training.arithmetic``."""
PROCESSOR_PROVIDERS = ("cpu", "openvino")
"""Providers, by the names that users choose, that run on the processor."""
SIZES = (1024, 2048, 4096)
SECONDS_EACH = 0.5
"""From then on no further product is begun: the largest ones are for processors of many cores, which get that far."""

Product = Callable[[np.ndarray, np.ndarray], Any]


def measure_matrix_peaks() -> list[dict[str, Any]]:
    """Return ``arithmetic``, ``engine`` and ``gflops`` (10^9 multiplications and additions a second) of every engine.

    All use as many threads as the network does.
    """
    return [
        {"arithmetic": arithmetic, "engine": engine, "gflops": round(gflops(multiply), 1)}
        for arithmetic, engine, multiply in _products()
    ]


def _products() -> Iterator[tuple[str, str, Product]]:
    """Yield arithmetic, name and product of every way there is on the processor."""
    yield "float32", "numpy", np.matmul
    for engine in processor_engines():
        session = open_network(PRODUCT_GRAPH, engine)
        yield engine.arithmetic, engine.provider, partial(_product, session)


def processor_engines() -> list[Engine]:
    """Return the engines of this machine that run on its processor, each once."""
    found: list[Engine] = []
    for provider, precision in product(PROCESSOR_PROVIDERS, PRECISIONS):
        with contextlib.suppress(BadInput):  # it is not installed
            found += [engine for engine in engines(provider, precision) if engine not in found]
    return found


def _product(session: Any, a: np.ndarray, b: np.ndarray) -> Any:
    return session.run(None, {"a": a, "b": b})


def gflops(multiply: Product, seconds: float = SECONDS_EACH) -> float:
    """Return the best of several products of rising sizes: small ones do not fill the processor."""
    rng = np.random.default_rng(0)
    start, best = time.perf_counter(), 0.0
    for size in SIZES:
        a, b = (rng.standard_normal((size, size), np.float32) for _ in range(2))
        for _ in range(3):
            before = time.perf_counter()
            if best and before - start > seconds:
                return best
            multiply(a, b)
            best = max(best, 2 * size**3 / (time.perf_counter() - before) / 1e9)
    return best
