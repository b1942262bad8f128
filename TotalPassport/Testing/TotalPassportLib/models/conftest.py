"""What the tests of models share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from support.networks import write_model


class Converter:
    """Stands in for the conversion: any weights become the threshold model; counts how often."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[str]]] = []
        self.failure: Exception | None = None

    def __call__(
        self, name: str, trainers: Sequence[Path], destination: Path, step: Callable[[int, int], None]
    ) -> None:
        step(0, 1)
        self.calls.append((name, [trainer.parent.name for trainer in trainers]))
        write_model(destination, name=name)
        if self.failure:
            raise self.failure


@pytest.fixture
def converter(monkeypatch: pytest.MonkeyPatch) -> Converter:
    """The stand-in, in place."""
    converter = Converter()
    for module in ("intake", "weights"):
        monkeypatch.setattr(f"TotalPassportLib.models.transfer.{module}.convert", converter)
    return converter
