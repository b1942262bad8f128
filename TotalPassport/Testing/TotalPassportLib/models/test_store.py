"""What is installed stays what it was, until it goes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.processes import files_below
from TotalPassportLib.base.errors import BadInput, ModelError
from TotalPassportLib.models.catalogue import find_entry, list_models
from TotalPassportLib.models.store import check_integrity, remove_model
from TotalPassportLib.models.transfer.intake import import_models

pytestmark = pytest.mark.usefixtures("home", "converter")


def damage_network(folder: Path) -> None:
    with (folder / "network.onnx").open("ab") as file:
        file.write(b"x")


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a changed network": damage_network,
    "a missing network": lambda folder: (folder / "network.onnx").unlink(),
    "a changed description": lambda folder: (folder / "model.json").write_text(
        (folder / "model.json").read_text().replace("-1000.0", "-1001.0")
    ),
    "an added file": lambda folder: (folder / "more").write_text("x"),
    "a spoiled record": lambda folder: (folder / "record.json").write_text("{}"),
    "a missing record": lambda folder: (folder / "record.json").unlink(),
}


class TestVerifyAndRemove:
    """What is installed stays what it was, until it goes."""

    @pytest.mark.parametrize("damage", DAMAGES)
    def test_a_damage_is_found(self, threshold_model: Path, damage: str) -> None:
        (folder,) = import_models([threshold_model])
        check_integrity(find_entry("threshold"))
        DAMAGES[damage](folder)
        with pytest.raises(ModelError):
            check_integrity(find_entry("threshold"))

    def test_the_bundled_model_can_be_verified(self) -> None:
        check_integrity(find_entry("demo"))

    def test_a_model_that_is_not_there_cannot_be_verified_or_removed(self) -> None:
        with pytest.raises(ModelError, match="not installed"):
            check_integrity(find_entry("fast"))
        with pytest.raises(ModelError, match="not installed"):
            remove_model("fast")

    def test_a_removed_model_is_gone(self, home: Path, threshold_model: Path) -> None:
        import_models([threshold_model])
        entry = find_entry("threshold")
        remove_model("threshold")
        assert not entry.installed
        assert [name for name in files_below(home) if "lock" not in name] == []

    def test_a_damaged_model_can_be_removed_and_is_still_listed(self, threshold_model: Path) -> None:
        (folder,) = import_models([threshold_model])
        (folder / "model.json").write_text("{")
        assert "threshold" in [entry.name for entry in list_models()]
        remove_model("threshold")

    @pytest.mark.parametrize("name", ["demo", "../models", ".."])
    def test_nothing_else_can_be_removed(self, name: str) -> None:
        with pytest.raises(BadInput):
            remove_model(name)
