"""Words in a picture, in capital letters of 5 by 7 dots: a font library would be a dependency for one line of text."""

from __future__ import annotations

import textwrap

import numpy as np

DOT_PIXELS = 2
"""A dot is a square of so many pixels."""
CELL_WIDTH, CELL_HEIGHT = 6 * DOT_PIXELS, 10 * DOT_PIXELS
"""A letter and the gap to the next one, in pixels."""
_GLYPHS = {
    "A": "01110 10001 10001 11111 10001 10001 10001",
    "B": "11110 10001 10001 11110 10001 10001 11110",
    "C": "01110 10001 10000 10000 10000 10001 01110",
    "D": "11110 10001 10001 10001 10001 10001 11110",
    "E": "11111 10000 10000 11110 10000 10000 11111",
    "F": "11111 10000 10000 11110 10000 10000 10000",
    "G": "01110 10001 10000 10111 10001 10001 01111",
    "H": "10001 10001 10001 11111 10001 10001 10001",
    "I": "01110 00100 00100 00100 00100 00100 01110",
    "J": "00111 00010 00010 00010 00010 10010 01100",
    "K": "10001 10010 10100 11000 10100 10010 10001",
    "L": "10000 10000 10000 10000 10000 10000 11111",
    "M": "10001 11011 10101 10101 10001 10001 10001",
    "N": "10001 11001 10101 10011 10001 10001 10001",
    "O": "01110 10001 10001 10001 10001 10001 01110",
    "P": "11110 10001 10001 11110 10000 10000 10000",
    "Q": "01110 10001 10001 10001 10101 10010 01101",
    "R": "11110 10001 10001 11110 10100 10010 10001",
    "S": "01111 10000 10000 01110 00001 00001 11110",
    "T": "11111 00100 00100 00100 00100 00100 00100",
    "U": "10001 10001 10001 10001 10001 10001 01110",
    "V": "10001 10001 10001 10001 10001 01010 00100",
    "W": "10001 10001 10001 10101 10101 11011 10001",
    "X": "10001 10001 01010 00100 01010 10001 10001",
    "Y": "10001 10001 01010 00100 00100 00100 00100",
    "Z": "11111 00001 00010 00100 01000 10000 11111",
    "-": "00000 00000 00000 11111 00000 00000 00000",
    ",": "00000 00000 00000 00000 00110 00100 01000",
    ".": "00000 00000 00000 00000 00000 01100 01100",
    ":": "00000 01100 01100 00000 01100 01100 00000",
    "'": "00100 00100 01000 00000 00000 00000 00000",
    " ": "00000 00000 00000 00000 00000 00000 00000",
}
_UNKNOWN = "11111 11111 11111 11111 11111 11111 11111"


def lettering(text: str, columns: int) -> np.ndarray:
    """Return a text as pixels, bool ``[row, column]``, in lines of at most ``columns`` letters.

    Letters that are not known are shown as filled boxes.
    """
    lines = textwrap.wrap(text.upper(), max(columns, 1)) or [""]
    pixels = np.zeros((len(lines) * CELL_HEIGHT, max(map(len, lines)) * CELL_WIDTH), bool)
    for row, line in enumerate(lines):
        for column, letter in enumerate(line):
            glyph = _glyph(letter)
            top, left = row * CELL_HEIGHT, column * CELL_WIDTH
            pixels[top : top + glyph.shape[0], left : left + glyph.shape[1]] = glyph
    return pixels


def _glyph(letter: str) -> np.ndarray:
    dots = np.array([[dot == "1" for dot in row] for row in _GLYPHS.get(letter, _UNKNOWN).split()])
    return dots.repeat(DOT_PIXELS, axis=0).repeat(DOT_PIXELS, axis=1)
