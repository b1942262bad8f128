"""One passport of several: each structure whole, though tasks overlap."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from ..base.labels import LabelTable
from .checks import apply_checks, with_checks
from .organ import Passport


def joined_passport(
    passports: Sequence[Passport], numbers: Sequence[np.ndarray], table: LabelTable, searched: Collection[int]
) -> Passport:
    """Return one passport of those of several tasks on one scan, and check their organs together.

    Parameters
    ----------
    passports : sequence of Passport
        Each measured on its task's own labels.
    numbers : sequence of numpy.ndarray
        For each of them, the number of every label value.
    table : LabelTable
        Names of the numbers.
    searched : collection of int
        Numbers that were looked for.
    """
    organs = {}
    for passport, of_task in zip(passports, numbers, strict=True):
        for value, organ in passport.organs.items():
            label = int(of_task[value])
            organs[label] = replace(organ, label=label, name=table[label].name)
    organs = dict(sorted(organs.items()))
    findings = apply_checks(organs, table, searched)
    return replace(passports[0], organs=with_checks(organs, findings), findings=findings)
