"""Choosing a few of many, by chance and yet always the same."""

from __future__ import annotations

import numpy as np


def chosen(total: int, most: int) -> np.ndarray:
    """Return which of ``total`` things are chosen, at most ``most``: all in their order, or some in an order by chance.

    By chance, since any regular pattern has directions in which it leaves a surface bare; the seed is fixed.
    """
    if total <= most:
        return np.arange(total)
    return np.asarray(np.random.default_rng(0).choice(total, most, replace=False))
