"""Models that were converted elsewhere are copied, and nothing that lies beside them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import onnx
import pytest
from support.networks import model_document, part_document, save_network, threshold_layers, write_model
from support.processes import files_below
from support.weights import digest
from TotalPassportLib.base.errors import BadInput, ModelError
from TotalPassportLib.models.catalogue import find_entry, find_model, list_models
from TotalPassportLib.models.reading import read_model
from TotalPassportLib.models.store import check_integrity
from TotalPassportLib.models.transfer.intake import import_models

pytestmark = pytest.mark.usefixtures("home", "converter")


class TestOwnLayout:
    """Models that were converted elsewhere."""

    def test_a_model_folder_is_copied_under_its_own_name(self, threshold_model: Path) -> None:
        (folder,) = import_models([threshold_model])
        assert folder.name == "threshold"
        check_integrity(find_entry("threshold"))
        assert find_entry("threshold").title == "Nearest of four grey levels"

    def test_what_lies_beside_the_model_is_not_copied(self, tmp_path: Path) -> None:
        given = write_model(tmp_path / "given")
        (given / "private.txt").write_text("mine")
        (folder,) = import_models([given], "copy")
        assert files_below(folder) == ["model.json", "network.onnx", "record.json"]
        assert find_model("copy").name == "copy"

    def test_a_network_that_carries_its_description_is_enough(self, tmp_path: Path) -> None:
        metadata = json.dumps(model_document([part_document(None)]))
        network = save_network(tmp_path / "alone.onnx", threshold_layers(), metadata)
        (folder,) = import_models([network])
        assert find_model(folder.name).parts[0].sha256 == digest(network.read_bytes())

    def test_a_network_that_is_not_its_descriptions_is_refused(self, home: Path, tmp_path: Path) -> None:
        given = write_model(tmp_path / "given")
        with (given / "network.onnx").open("ab") as file:
            file.write(b"more")
        with pytest.raises(ModelError, match="SHA-256"):
            import_models([given])
        assert not (home / "models").exists()

    def test_a_model_cannot_take_the_place_of_the_bundled_one(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match="comes with TotalPassport"):
            import_models([write_model(tmp_path / "given", name="demo")])

    def test_the_head_comes_along_and_is_what_it_was(self, small_plain_model: Path) -> None:
        import_models([small_plain_model], "unet")
        (part,), (given,) = find_model("unet").parts, read_model(small_plain_model).parts
        assert part.head is not None
        assert given.head is not None
        assert part.head.read_bytes() == given.head.read_bytes()
        check_integrity(find_entry("unet"))
        assert part.head_sha256 == digest(part.head.read_bytes())

    def test_a_head_that_is_missing_or_another_one_is_refused(self, small_plain_model: Path, tmp_path: Path) -> None:
        folder = Path(shutil.copytree(small_plain_model, tmp_path / "given"))
        head = next(folder.glob("*.npy"))
        for spoil in (lambda: head.write_bytes(head.read_bytes() + b"x"), head.unlink):
            spoil()
            with pytest.raises(ModelError, match=r"SHA-256|is missing"):
                import_models([folder], "unet")
            assert "unet" not in [entry.name for entry in list_models()]

    def test_a_network_that_cannot_be_opened_where_it_is_copied_to_is_not_installed(self, tmp_path: Path) -> None:
        """Its weights are in a second file, which the description does not name."""
        given = write_model(tmp_path / "given", part={"sha256": None})
        network = onnx.load(given / "network.onnx")
        onnx.save(network, given / "network.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
        with pytest.raises(ModelError, match="not an ONNX network that can be run"):
            import_models([given], "two-files")
        assert "two-files" not in [entry.name for entry in list_models()]
