"""Weights that users have become models, in the store or in a folder of their choice, or nothing does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.processes import files_below
from support.weights import CHECKPOINT, FAST, FASTEST, FULL, digest, files_of, write_dataset, zip_dataset
from TotalPassportLib.base.errors import BadInput, ModelError
from TotalPassportLib.base.hints import Hint, HintCode
from TotalPassportLib.models.catalogue import find_entry, find_model, list_models
from TotalPassportLib.models.nnunet.layout import find_datasets
from TotalPassportLib.models.store import check_integrity, read_record
from TotalPassportLib.models.transfer.intake import convert_to, import_models

pytestmark = pytest.mark.usefixtures("home", "converter")


@pytest.mark.usefixtures("catalogue")
class TestImport:
    """From files that somebody brought."""

    @pytest.mark.parametrize("shape", ["zip", "dataset", "trainer", "results", "folder of zips"])
    def test_whatever_form_the_weights_have(self, tmp_path: Path, shape: str) -> None:
        trainer = write_dataset(tmp_path / "given", FAST)
        archive = tmp_path / "zips" / f"{FAST}.zip"
        archive.parent.mkdir()
        archive.write_bytes(zip_dataset(FAST))
        forms = {
            "zip": archive,
            "dataset": trainer.parent,
            "trainer": trainer,
            "results": trainer.parent.parent,
            "folder of zips": archive.parent,
        }
        (folder,) = import_models([forms[shape]])
        assert folder.name == "fast"
        check_integrity(find_entry("fast"))
        assert archive.exists()
        assert files_below(trainer) == sorted(files_of(FAST))

    def test_a_model_of_several_datasets_from_several_zips(self, tmp_path: Path, converter: Any) -> None:
        archives = [tmp_path / f"{dataset}.zip" for dataset in FULL]
        for archive in archives:
            archive.write_bytes(zip_dataset(archive.stem))
        import_models(archives[::-1])
        assert converter.calls == [("full", list(FULL))]

    def test_one_of_several_datasets_is_not_enough_and_the_others_are_named(self, tmp_path: Path) -> None:
        write_dataset(tmp_path / "given", FULL[0])
        with pytest.raises(ModelError) as caught:
            import_models([tmp_path / "given"])
        assert all(dataset in caught.value.message for dataset in FULL[1:])

    @pytest.mark.parametrize("missing", sorted(files_of(FAST)))
    def test_a_dataset_that_lacks_a_file_does_not_count(self, tmp_path: Path, missing: str) -> None:
        trainer = write_dataset(tmp_path / "given", FAST)
        (trainer / missing).unlink()
        with pytest.raises(ModelError, match="No model was found"):
            import_models([tmp_path / "given"])
        assert find_datasets(tmp_path / "given") == {}

    def test_other_weights_are_refused_under_the_official_name_and_welcome_under_another(
        self, tmp_path: Path, catalogue: Callable[..., None]
    ) -> None:
        catalogue(checkpoint={"size_bytes": None, "sha256": "0" * 64})
        write_dataset(tmp_path / "given", FAST)
        with pytest.raises(ModelError, match="not the released file") as caught:
            import_models([tmp_path / "given"])
        assert caught.value.hint == Hint(HintCode.IMPORT_UNDER_OTHER_NAME, model="fast")
        assert not find_entry("fast").installed
        (folder,) = import_models([tmp_path / "given"], "my-fast")
        assert folder.name == "my-fast"
        assert find_model("my-fast").name == "my-fast"
        assert "my-fast" in [entry.name for entry in list_models()]

    def test_importing_again_replaces(self, tmp_path: Path) -> None:
        write_dataset(tmp_path / "one", FAST, b"one")
        write_dataset(tmp_path / "two", FAST, b"two")
        import_models([tmp_path / "one"], "mine")
        import_models([tmp_path / "two"], "mine")
        (source,) = (read_record(find_entry("mine")) or {})["sources"]
        assert source["files"][CHECKPOINT]["sha256"] == digest(b"two")

    @pytest.mark.parametrize("name", ["../evil", "a/b", "", ".", "..", "-x", "demo", "x" * 101, "ü", "a\n", "end."])
    def test_a_name_that_cannot_be_given_is_refused(self, home: Path, tmp_path: Path, name: str) -> None:
        write_dataset(tmp_path / "given", FAST)
        with pytest.raises(BadInput):
            import_models([tmp_path / "given"], name)
        assert not (home / "models").exists()

    def test_two_models_cannot_get_one_name(self, tmp_path: Path) -> None:
        write_dataset(tmp_path / "given", FAST)
        write_dataset(tmp_path / "given", FASTEST)
        with pytest.raises(BadInput, match="fast, fastest"):
            import_models([tmp_path / "given"], "mine")
        (folder,) = import_models([tmp_path / "given"], "fastest")
        assert folder.name == "fastest"

    @pytest.mark.parametrize("given", ["missing.zip", "empty", "text.zip"])
    def test_what_holds_no_model_is_told_as_such(self, home: Path, tmp_path: Path, given: str) -> None:
        (tmp_path / "empty").mkdir()
        (tmp_path / "text.zip").write_text("no zip")
        with pytest.raises(ModelError) as caught:
            import_models([tmp_path / given])
        assert caught.value.hint
        assert not (home / "models").exists()


class TestConvert:
    """Official weights into a model folder anywhere."""

    def test_a_model_folder_is_made_and_nothing_else(self, tmp_path: Path) -> None:
        write_dataset(tmp_path / "weights", FAST)
        output = tmp_path / "out" / "model"
        assert convert_to(tmp_path / "weights", output, "mine") == "mine"
        assert find_model(str(output)).name == "mine"
        assert files_below(output.parent) == ["model/model.json", "model/network.onnx"]

    def test_what_is_there_is_not_overwritten(self, tmp_path: Path) -> None:
        write_dataset(tmp_path / "weights", FAST)
        with pytest.raises(BadInput, match="already"):
            convert_to(tmp_path / "weights", tmp_path / "weights")

    def test_a_failure_leaves_nothing(self, tmp_path: Path, converter: Any) -> None:
        write_dataset(tmp_path / "weights", FAST)
        converter.failure = ModelError("The weights are odd.", "Get others.")
        with pytest.raises(ModelError, match="odd"):
            convert_to(tmp_path / "weights", tmp_path / "out" / "model", "mine")
        assert list((tmp_path / "out").iterdir()) == []
