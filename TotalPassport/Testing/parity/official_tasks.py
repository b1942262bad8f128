"""The cases of `../shared/parity_tasks`: what the official package wrote for tasks and options of every kind."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CASES_FILE = Path("tools") / "cases.json"


@dataclass(frozen=True, kw_only=True)
class TaskCase:
    """A run of the official Python function.

    ``expected`` is the label image, or the folder of masks; ``options`` are the function's arguments.
    """

    name: str
    task: str
    scan: Path
    expected: Path
    options: Mapping[str, Any]

    @property
    def is_folder(self) -> bool:
        """Whether the case has one mask a structure."""
        return self.options.get("ml") is False

    @property
    def statistics(self) -> Path | None:
        """The official statistics, if the case has some."""
        return self.expected.with_name(f"{self.name}.statistics.json") if self.options.get("statistics") else None


def task_cases(shared: Path) -> Iterator[TaskCase]:
    """Yield every case."""
    tasks = shared / "parity_tasks"
    for name, case in json.loads((shared / CASES_FILE).read_text(encoding="utf-8")).items():
        yield TaskCase(
            name=name,
            task=case["task"],
            scan=tasks / "inputs" / case["input"],
            expected=tasks / "expected" / case.get("output", f"{name}.nii.gz"),
            options=case.get("options", {}),
        )


def weights_path(shared: Path) -> str:
    """Return the weights of all cases, as the environment variable names them."""
    return os.pathsep.join(str(shared / folder / "weights") for folder in ("parity_tasks", "parity"))
