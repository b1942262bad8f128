"""Names from anybody's files do nothing where they are shown."""

from __future__ import annotations

import pytest
from TotalPassportLib.base.text import LONGEST_NAME, csv_cell, html_text, shown_name, visible

HOSTILE = {
    "erases the screen": "\x1b[2Jliver",
    "rings and goes back": "liver\a\b\b",
    "begins the line anew": "liver\rspleen",
    "a second line": "liver\nspleen",
    "an 8-bit escape": "liver\x9b2J",
    "runs backwards": "liver\u202egpj.exe",
    "isolates": "\u2066liver\u2069",
    "hides": "li\u200bver\ufeff",
    "half a letter": "liver\ud800",
    "a byte that is no letter": "liver\udcff",
    "separators of lines": "liver\u2028spleen\u2029",
    "NUL": "liver\0",
    "letters of tags": "liver\U000e0041",
}


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_nothing_that_acts_reaches_a_terminal(name: str) -> None:
    shown = shown_name(name)
    assert shown.isprintable()
    assert "\\" in shown, "and one sees that it was there"
    assert visible(shown) == shown
    shown.encode("utf-8")


@pytest.mark.parametrize("name", ["liver", "größe", "肝臓", "الكبد", "می\u200cخواهم", "Δ°²", "a\\b"])
def test_names_of_all_languages_stay_what_they_are(name: str) -> None:
    assert shown_name(name) == name


def test_a_name_takes_no_more_than_its_place() -> None:
    assert len(shown_name("x" * 10**6)) == LONGEST_NAME


FORMULAS = [
    *(f"{sign}cmd()" for sign in "=+-@\uff1d\uff0b\uff0d\uff20"),
    *(f"{blank}=cmd()" for blank in ("\t", "\r", "\n", " ", "\u3000", "\xa0")),
    "liver;=cmd()",
    "liver; @cmd()",
    'liver;"=cmd()"',
    "liver\n=cmd()",
    "liver\t=cmd()",
]


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_spreadsheet_finds_no_formula_whatever_it_separates_by(name: str, separator: str) -> None:
    for line in csv_cell(name).splitlines():
        for cell in line.split(separator):
            assert cell.strip(' "\u3000\xa0')[:1] not in tuple("=+-@\uff1d\uff0b\uff0d\uff20\t\r\n")


@pytest.mark.parametrize("name", ["liver", "rib 1-2", "a=b", "a;b", "a\nb"])
def test_a_cell_that_is_no_formula_stays_what_it_is(name: str) -> None:
    assert csv_cell(name) == name


def test_a_page_shows_markup_as_text() -> None:
    assert html_text("<script>'\"&") == "&lt;script&gt;&#x27;&quot;&amp;"
    assert html_text("liver\ud800\0") == "liver\\ud800\\x00"
