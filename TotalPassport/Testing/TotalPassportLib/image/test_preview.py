"""The picture shows each organ in its colour, where a radiologist expects it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from TotalPassportLib.base.labels import Label, LabelTable, load_label_table
from TotalPassportLib.image.preview import encode_png, write_preview

TOTAL = load_label_table("total")


def draw(labels: np.ndarray, path: Path, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> np.ndarray:
    write_preview(path, np.full(labels.shape, -1000, np.int16), labels, np.diag([*spacing, 1.0]), TOTAL)
    return np.asarray(Image.open(path)).astype(int)


def test_a_png_holds_the_very_pixels() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (13, 17, 3)).astype(np.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(encode_png(picture)))), picture)


def test_right_is_on_the_left_and_head_and_front_are_up(tmp_path: Path) -> None:
    labels = np.zeros((40, 50, 60), np.uint8)
    labels[28:38, 10:40, 45:55] = 5  # right, middle, head
    labels[2:12, 10:40, 5:50] = 1  # left, down to the feet
    labels[2:38, 35:40, 20:40] = 3  # a plate in front
    picture = draw(labels, tmp_path / "p.png")
    assert picture.shape == (60, 40 + 8 + 50 + 8 + 40, 3)
    coronal, sagittal, axial = picture[:, :40], picture[:, 48:98], picture[5:55, 106:]

    def place(panel: np.ndarray, label: int) -> np.ndarray:
        return np.argwhere((np.abs(panel - np.array(TOTAL[label].color_rgb) / 2) <= 1).all(axis=2)).mean(axis=0)

    assert place(coronal, 5)[1] < 20 < place(coronal, 1)[1], "the patient's right is on the viewer's left"
    assert place(coronal, 5)[0] < place(coronal, 1)[0], "the head is up"
    assert place(axial, 3)[0] < 25, "the front is up in the axial view"
    assert place(sagittal, 3)[1] < 25, "the front is left in the sagittal view"


def test_voxels_that_are_no_cubes_are_shown_true_to_scale(tmp_path: Path) -> None:
    labels = np.zeros((20, 20, 10), np.uint8)
    labels[5:15, 5:15, 3:6] = 5
    assert draw(labels, tmp_path / "p.png", (0.5, 1.0, 4.0)).shape == (40, 10 + 8 + 20 + 8 + 10, 3)


def test_what_is_wrong_stands_above_the_slices_in_as_many_lines_as_it_takes(tmp_path: Path) -> None:
    labels = np.zeros((40, 40, 40), np.uint8)
    write_preview(tmp_path / "plain.png", np.zeros(labels.shape), labels, np.eye(4), TOTAL)
    plain = np.asarray(Image.open(tmp_path / "plain.png"))
    heights = []
    for errors in (["a"], ["mirrored scan", "on the wrong side"]):
        write_preview(tmp_path / "p.png", np.zeros(labels.shape), labels, np.eye(4), TOTAL, errors=errors)
        picture = np.asarray(Image.open(tmp_path / "p.png"))
        assert picture.shape[1] == plain.shape[1]
        assert np.array_equal(picture[-len(plain) :], plain)
        heights.append(len(picture) - len(plain))
    assert 0 < heights[0] < heights[1]


def test_a_scan_without_organs_is_shown_through_its_middle(tmp_path: Path) -> None:
    assert (draw(np.zeros((20, 21, 22), np.uint8), tmp_path / "p.png") == 0).all()


def test_a_table_with_values_beyond_the_labels_is_no_obstacle(tmp_path: Path) -> None:
    table = LabelTable(
        "wide",
        [
            Label(value=1, name="a", display_name="A", color_rgb=(200, 0, 0)),
            Label(value=60000, name="b", display_name="B", color_rgb=(0, 0, 200)),
        ],
    )
    labels = np.ones((12, 12, 12), np.uint8)
    write_preview(tmp_path / "p.png", np.full(labels.shape, -1000), labels, np.eye(4), table)
    assert np.asarray(Image.open(tmp_path / "p.png"))[6, 6].tolist() == [100, 0, 0]


def test_a_picture_that_fails_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(IndexError):
        write_preview(tmp_path / "p.png", np.zeros((4, 4)), np.ones((12, 12, 12), np.uint8), np.eye(4), TOTAL)
    assert list(tmp_path.iterdir()) == []
