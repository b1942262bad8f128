"""What the tests of models share: a home of their own, and a web server on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from support.networks import write_model
from support.web import Site, serve, trust
from support.weights import isolate


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, on a machine without any weights."""
    return isolate(monkeypatch, tmp_path)


@pytest.fixture(scope="session")
def certificate_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server's certificate is kept, so that it is made once."""
    return tmp_path_factory.mktemp("certificate")


@pytest.fixture
def site(certificate_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server on this machine that is trusted."""
    with serve(certificate_folder) as site:
        yield trust(monkeypatch, site)


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
        monkeypatch.setattr(f"TotalPassportLib.models.{module}.convert", converter)
    return converter
