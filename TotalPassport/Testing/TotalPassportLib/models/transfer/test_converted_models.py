"""A model of the cache is used as long as what it was made of, and what made it, are the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from repository.test_structure import LIBRARY, graph
from TotalPassportLib.models.transfer import bundles, weights
from TotalPassportLib.models.transfer.converted_models import MODELS_FOLDER, converter_identity

MODELS = f"{LIBRARY}.models."


@pytest.mark.parametrize(
    ("converters", "begin", "family"),
    [(weights.CONVERTERS, "nnunet.convert", "nnunet"), (bundles.CONVERTERS, "monai.convert_bundle", "monai")],
)
def test_every_module_that_writes_a_network_counts(converters: tuple[str, ...], begin: str, family: str) -> None:
    edges, found, waiting = graph(LIBRARY), set(), [f"{MODELS}{begin}"]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [
                other for other in edges[name] if other.startswith((f"{MODELS}{family}.", f"{MODELS}onnx_graph"))
            ]
    assert {name.removeprefix(MODELS).replace(".", "/") for name in found} <= {*converters}
    assert all((MODELS_FOLDER / f"{module}.py").is_file() for module in converters)


def test_another_converter_is_another_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("TotalPassportLib.models.transfer.converted_models.MODELS_FOLDER", tmp_path)
    (tmp_path / "writer.py").write_text("old")
    before = converter_identity(["writer"])
    (tmp_path / "writer.py").write_text("new")
    assert converter_identity(["writer"]) != before
