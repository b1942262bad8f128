"""A passport as a pandas DataFrame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.optional_packages import optional_package
from .fields import COLUMNS

if TYPE_CHECKING:
    import pandas

    from .organ import Passport


def passport_dataframe(passport: Passport) -> pandas.DataFrame:
    """Return a DataFrame with one organ a row, indexed by name.

    Its other columns are those of the CSV table, units in their names; numbers are not rounded, and what was not
    measured is missing (NaN, None).

    Raises
    ------
    BadInput
        pandas is not installed.
    """
    pandas = optional_package("pandas", "A DataFrame")
    rows = [[column.value(organ) for column in COLUMNS] for organ in passport]
    return pandas.DataFrame(rows, columns=[column.name for column in COLUMNS]).set_index("name")
