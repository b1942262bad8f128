"""The command that describes a network: its words become facts, and what a person answers counts as if it were said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.networks import save_network, threshold_layers
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.cli.describe import read_normalisation
from TotalPassportLib.cli.main import main


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("window:40,400,-1,1", {"scheme": "window", "level": 40, "width": 400, "low": -1, "high": 1}),
        ("zscore", {"scheme": "zscore", "masked": False}),
        ("zscore-masked", {"scheme": "zscore", "masked": True}),
        (
            "zscore-nonzero+range:-1,1",
            {"scheme": "steps", "steps": [{"scheme": "zscore_nonzero"}, {"scheme": "range", "low": -1, "high": 1}]},
        ),
    ],
)
def test_a_normalisation_is_written_in_a_word(text: str, expected: dict[str, object]) -> None:
    assert read_normalisation(text) == expected


@pytest.mark.parametrize("text", ["", "windows:40,400", "window:40", "window:40,400,1", "range:a,b"])
def test_a_normalisation_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        read_normalisation(text)


def test_the_command_writes_a_description_and_says_what_it_assumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = save_network(tmp_path / "net.onnx", threshold_layers())
    words = ["--spacing", "3", "--normalisation", "ct:-1000,2000,0,500", "--labels", "kidney_left", "liver", "spleen"]
    assert main(["models", "describe", str(network), *words]) == 0
    said = capsys.readouterr().out
    assert "Assumed: The network's axes are right, anterior, superior (RAS)" in said
    assert "--spacing" not in said
    document = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    assert document["spacing_mm"] == [3, 3, 3]
    assert main(["models", "describe", str(network)]) == 2, "it is there already"
    assert main(["models", "describe", str(network), "--overwrite", "--spacing", "1", "2"]) == 2
