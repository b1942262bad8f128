"""Words in a picture can be read: letters differ, lines are kept to the width, what is not known is seen to be so."""

from __future__ import annotations

import itertools
import string

import numpy as np
from TotalPassportLib.base.files import DATA_FOLDER, read_json
from TotalPassportLib.image.lettering import CELL_HEIGHT, CELL_WIDTH, lettering


def test_every_letter_looks_different() -> None:
    pictures = [lettering(letter, 1) for letter in f"{string.ascii_uppercase}-,.:'"]
    assert all(picture.any() for picture in pictures)
    assert not any(np.array_equal(one, other) for one, other in itertools.combinations(pictures, 2))


def test_small_letters_are_read_as_capitals() -> None:
    assert np.array_equal(lettering("liver", 10), lettering("LIVER", 10))


def test_lines_are_as_long_as_there_is_room() -> None:
    assert lettering("on the wrong side", 10).shape == (2 * CELL_HEIGHT, 10 * CELL_WIDTH)
    assert lettering("", 9).shape[0] == CELL_HEIGHT


def test_every_title_of_an_error_can_be_written() -> None:
    rules = read_json(DATA_FOLDER / "checks.json")["rules"]
    titles = "".join(rule["title"] for rule in rules if rule["severity"] == "error")
    box = lettering("\N{SNOWMAN}", 1)
    assert box.any()
    assert not any(np.array_equal(lettering(letter, 1), box) for letter in titles)
