"""Weights that are given with a run are converted once and kept by their content."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from support.weights import FAST, FASTEST, FULL, TRAINER, files_of, write_dataset, zip_dataset
from TotalPassportLib.base.errors import BadInput, ModelError
from TotalPassportLib.models.catalogue import find_entry, find_model
from TotalPassportLib.models.description import verify_network
from TotalPassportLib.models.transfer.intake import import_models
from TotalPassportLib.models.transfer.weights import weights_model

pytestmark = pytest.mark.usefixtures("home", "converter")


class TestWeightsFolder:
    """Weights given on the command line are converted once and kept by their content."""

    def test_the_second_time_nothing_is_converted(self, home: Path, tmp_path: Path, converter: Any) -> None:
        write_dataset(tmp_path / "weights", FAST)
        first = weights_model("fast", tmp_path / "weights")
        second = weights_model("fast", tmp_path / "weights" / FAST)
        assert first == second
        assert first.is_relative_to(home / "cache")
        assert converter.calls == [("fast", [FAST])]

    def test_the_same_content_at_another_place_is_the_same_model(self, tmp_path: Path, converter: Any) -> None:
        for place in ("one", "two"):
            write_dataset(tmp_path / place, FAST)
        assert weights_model("fast", tmp_path / "one") == weights_model("fast", tmp_path / "two")
        assert len(converter.calls) == 1

    @pytest.mark.parametrize("name", sorted(files_of(FAST)))
    def test_a_change_in_any_file_makes_another_model(self, tmp_path: Path, name: str) -> None:
        trainer = write_dataset(tmp_path / "weights", FAST)
        first = weights_model("fast", tmp_path / "weights")
        (trainer / name).write_bytes((trainer / name).read_bytes() + b" ")
        assert weights_model("fast", tmp_path / "weights") != first

    def test_it_is_not_installed_by_that(self, tmp_path: Path) -> None:
        write_dataset(tmp_path / "weights", FAST)
        weights_model("fast", tmp_path / "weights")
        assert not find_entry("fast").installed

    def test_a_failed_conversion_is_tried_again_the_next_time(self, tmp_path: Path, converter: Any) -> None:
        write_dataset(tmp_path / "weights", FAST)
        converter.failure = ModelError("The weights are odd.", "Get others.")
        with pytest.raises(ModelError, match="odd"):
            weights_model("fast", tmp_path / "weights")
        converter.failure = None
        assert find_model(str(weights_model("fast", tmp_path / "weights"))).name == "fast"

    def test_a_folder_without_the_models_weights_is_told_with_what_is_missing(self, tmp_path: Path) -> None:
        write_dataset(tmp_path / "weights", FAST)
        with pytest.raises(ModelError, match="Dataset298"):
            weights_model("fastest", tmp_path / "weights")
        with pytest.raises(ModelError, match="no weights folder"):
            weights_model("fastest", tmp_path / "nowhere")

    @pytest.mark.parametrize("name", ["demo", "nothing"])
    def test_a_model_that_is_not_made_of_weights_is_told_as_such(self, tmp_path: Path, name: str) -> None:
        with pytest.raises((BadInput, ModelError)):
            weights_model(name, tmp_path)

    @pytest.mark.parametrize("content", ["{", "[]", '{"x": 5}', '{"x": [1, 2, 3, 4]}'])
    def test_a_spoiled_memory_of_hashes_does_no_harm(self, home: Path, tmp_path: Path, content: str) -> None:
        write_dataset(tmp_path / "weights", FAST)
        first = weights_model("fast", tmp_path / "weights")
        (home / "cache" / "hashes.json").write_text(content)
        assert weights_model("fast", tmp_path / "weights") == first

    @pytest.mark.parametrize("damage", ["network cut", "network gone", "description cut", "description a folder"])
    def test_what_the_cache_holds_damaged_is_made_again(self, tmp_path: Path, converter: Any, damage: str) -> None:
        """A network that was cut in the cache once failed every later run."""
        write_dataset(tmp_path / "weights", FAST)
        model = weights_model("fast", tmp_path / "weights")
        network, description = model / "network.onnx", model / "model.json"
        if damage == "network cut":
            network.write_bytes(network.read_bytes()[:-9])
        elif damage == "network gone":
            network.unlink()
        else:
            description.write_text("{")
        if damage == "description a folder":
            description.unlink()
            description.mkdir()
        events: list[dict[str, Any]] = []
        assert weights_model("fast", tmp_path / "weights", events.append) == model
        assert len(converter.calls) == 2
        assert [event["code"] for event in events if event["event"] == "warning"] == ["remade"]
        for part in find_model(str(model)).parts:
            verify_network(part)
        assert weights_model("fast", tmp_path / "weights") == model
        assert len(converter.calls) == 2


class TestWeightsAsPeopleHaveThem:
    """Unpacked by hand, one folder too high or too deep, twice."""

    @pytest.mark.parametrize(
        "place",
        [
            "",
            "..",
            "nnunet/results",
            "nnunet",
            f"nnunet/results/{FAST}",
            f"nnunet/results/{FAST}/{TRAINER}",
            f"nnunet/results/{FAST}/{TRAINER}/fold_0",
        ],
    )
    def test_a_folder_above_or_below_the_right_one_will_do(self, tmp_path: Path, place: str) -> None:
        write_dataset(tmp_path / "home" / "nnunet" / "results", FAST)
        assert weights_model("fast", tmp_path / "home" / place)

    def test_a_doubled_folder_will_do(self, tmp_path: Path) -> None:
        write_dataset(tmp_path / "nnUNet_results" / FAST, FAST)
        assert weights_model("fast", tmp_path / "nnUNet_results")

    def test_a_dataset_whose_folder_was_renamed_is_known_by_its_plans(self, tmp_path: Path) -> None:
        trainer = write_dataset(tmp_path / "weights", "fast_weights")
        (trainer / "plans.json").write_text(f'{{"dataset_name": "{FAST}"}}')
        assert weights_model("fast", tmp_path / "weights")

    def test_the_folder_of_one_of_a_models_datasets_leads_to_the_others(self, tmp_path: Path, converter: Any) -> None:
        for dataset in FULL:
            write_dataset(tmp_path / "weights", dataset)
        assert weights_model("full", tmp_path / "weights" / FULL[2])
        assert converter.calls == [("full", list(FULL))]

    def test_the_same_dataset_twice_counts_once(self, tmp_path: Path, converter: Any) -> None:
        write_dataset(tmp_path / "weights", FAST)
        write_dataset(tmp_path / "weights" / "copy", FAST)
        assert weights_model("fast", tmp_path / "weights")
        assert len(converter.calls) == 1

    def test_the_message_says_how_deep_was_looked_and_what_was_found(self, tmp_path: Path) -> None:
        write_dataset(tmp_path / "weights", FASTEST)
        with pytest.raises(ModelError, match=f"lacks {FAST}; {FASTEST} was found, down to 5 levels of folders"):
            weights_model("fast", tmp_path / "weights")
        write_dataset(tmp_path / "a" / "b" / "c" / "d" / "e", FAST)
        with pytest.raises(ModelError, match="no dataset was found"):
            weights_model("fast", tmp_path / "a")

    def test_the_same_zip_twice_is_one(self, tmp_path: Path, converter: Any) -> None:
        for name in (f"{FAST}.zip", f"{FAST} (1).zip"):
            (tmp_path / name).write_bytes(zip_dataset(FAST))
        paths = [tmp_path / f"{FAST}.zip", tmp_path / f"{FAST}.zip", tmp_path]
        assert [folder.name for folder in import_models(paths, "mine")] == ["mine"]
        assert len(converter.calls) == 1

    def test_two_zips_of_one_dataset_that_differ_do_not_get_into_each_others_way(self, tmp_path: Path) -> None:
        (tmp_path / "a.zip").write_bytes(zip_dataset(FAST))
        (tmp_path / "b.zip").write_bytes(zip_dataset(FAST, b"other weights"))
        assert [folder.name for folder in import_models([tmp_path / "a.zip", tmp_path / "b.zip"], "mine")] == ["mine"]

    def test_a_zip_with_a_folder_around_the_dataset_will_do(self, tmp_path: Path) -> None:
        write_dataset(tmp_path / "results", FAST)
        archive = Path(shutil.make_archive(str(tmp_path / "mine"), "zip", tmp_path, "results"))
        assert [folder.name for folder in import_models([archive], "mine")] == ["mine"]
