"""What the tests of models share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.networks import write_model
from support.web import Site
from support.weights import FAST, FASTEST, FULL, dataset_document, model_entry, write_catalogue, zip_dataset


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


@pytest.fixture
def catalogue(home: Path, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make the catalogue lead to the local server; keywords change the entry of the model ``fast``."""

    def write(**changes: Any) -> None:
        def entry(dataset: str, **more: Any) -> dict[str, Any]:
            return dataset_document(dataset, f"{site.address}/{dataset}.zip", **more)

        models = (
            model_entry("fast", [entry(FAST, **changes)]),
            model_entry("full", [entry(dataset) for dataset in FULL]),
        )
        path = write_catalogue(tmp_path / "catalogue.json", *models)
        monkeypatch.setenv("TOTALPASSPORT_CATALOGUE", str(path))

    for dataset in (FAST, FASTEST, *FULL):
        site.put(f"{dataset}.zip", zip_dataset(dataset))
    write()
    return write
