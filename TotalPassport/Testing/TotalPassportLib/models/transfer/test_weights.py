"""Weights that are given with a run are converted once and kept by their content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.weights import FAST, files_of, write_dataset
from TotalPassportLib.base.errors import BadInput, ModelError
from TotalPassportLib.models.catalogue import find_entry, find_model
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
