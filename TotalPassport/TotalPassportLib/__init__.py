"""Organs and anatomical passports from a CT: the pure library, free of Slicer and Qt.

>>> import TotalPassportLib as tp
>>> result = tp.run("ct.nii.gz", "results")  # doctest: +SKIP
>>> result.passport["liver"].volume_ml  # doctest: +SKIP
>>> first, second = tp.read_passport("a.json"), tp.read_passport("b.json")  # doctest: +SKIP
>>> tp.compare(first, second).organs[0].volume_change_percent  # doctest: +SKIP

What is named here is loaded when it is first used, so that importing the package needs nothing installed and takes no
time.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
"""As in `typing`, which takes longer to load than all else here."""

if TYPE_CHECKING:
    from typing import Any

    from .alignment import Alignment, align
    from .base.errors import TotalPassportError
    from .batches.batch_run import BatchResult, batch
    from .cohorts import Cohort, cohort
    from .cohorts.building import BuildOptions
    from .comparison.changes import Comparison, compare
    from .description_run import describe
    from .drop_in import totalsegmentator
    from .passport import OrganPassport, Passport, read_passport, write_passport
    from .pipeline import run
    from .run_results import RunResult, ScanResult

__version__ = "0.1.0"

__all__ = [
    "Alignment",
    "BatchResult",
    "BuildOptions",
    "Cohort",
    "Comparison",
    "OrganPassport",
    "Passport",
    "RunOptions",
    "RunResult",
    "ScanResult",
    "TotalPassportError",
    "align",
    "batch",
    "cohort",
    "compare",
    "describe",
    "read_passport",
    "run",
    "totalsegmentator",
    "write_passport",
]

_HOMES = {
    "Alignment": "alignment",
    "BatchResult": "batches.batch_run",
    "BuildOptions": "cohorts.building",
    "Cohort": "cohorts",
    "Comparison": "comparison.changes",
    "OrganPassport": "passport",
    "Passport": "passport",
    "RunOptions": "options",
    "RunResult": "run_results",
    "ScanResult": "run_results",
    "TotalPassportError": "base.errors",
    "align": "alignment",
    "batch": "batches.batch_run",
    "cohort": "cohorts",
    "compare": "comparison.changes",
    "describe": "description_run",
    "read_passport": "passport",
    "run": "pipeline",
    "totalsegmentator": "drop_in",
    "write_passport": "passport",
}
"""Name -> the module that it is loaded from."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
