"""Figures in a page: well-formed, in the page's own colours, the same every time, and without a trace of elsewhere."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from support.missing_packages import without_package
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.pages.figures import colour, figure_markup, page_figure, plot_text
from TotalPassportLib.pages.frame import html_page
from TotalPassportLib.pages.style import LIGHT_COLOURS, STYLE

NASTY = "<script>alert('&')</script> $x$ \x1b[2J"


def boxes(title: str = "Boxes") -> str:
    with page_figure(height_inches=2) as (figure, axes):
        axes.boxplot([[1, 2, 3], [2, 3, 30]], patch_artist=True)
        axes.plot([1, 2], [3, 4], "o", color=colour("ours1"))
        axes.set_xticks([1, 2], [plot_text(NASTY), "b"])
        return figure_markup(figure, title)


def test_a_figure_is_well_formed_and_keeps_its_text_as_text() -> None:
    root = ElementTree.fromstring(boxes(NASTY))
    assert root.attrib["aria-label"] == NASTY.replace("\x1b", "\\x1b")
    assert NASTY.replace("\x1b", "\\x1b") in [text.text for text in root.iter("text")]
    assert not {element.tag for element in root.iter()} & {"script", "style", "metadata", "image"}


def test_its_colours_are_variables_that_the_page_has_in_light_and_dark() -> None:
    markup = boxes()
    assert re.findall(r"(?:fill|stroke): #", markup) == []
    used = set(re.findall(r"var\(--(\w+)\)", markup))
    assert {"text", "muted", "rule", "ours0", "ours1"} <= used
    assert used <= set(LIGHT_COLOURS.values())
    assert all(f"--{name}:" in STYLE for name in used)


def test_two_figures_of_a_page_share_no_identifier_and_the_same_one_is_the_same_text() -> None:
    first, second = boxes("one"), boxes("two")
    assert first == boxes("one")
    names = [set(re.findall(r'\bid="([^"]+)"', markup)) for markup in (first, second)]
    assert names[0]
    assert not names[0] & names[1]
    targets = set(re.findall(r'(?:href="#|url\(#)([^")]+)', first))
    assert targets
    assert targets <= names[0]


def test_without_matplotlib_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    without_package(monkeypatch, "matplotlib")
    with pytest.raises(BadInput, match="A plot needs the Python package matplotlib"), page_figure(height_inches=1):
        pass


def test_a_page_loads_nothing_and_runs_no_script_but_its_own() -> None:
    page = html_page("a < b", ["<p>text</p>", ""], script="document.title = 'c'")
    root = ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>"))
    (policy,) = (meta.attrib["content"] for meta in root.iter("meta") if "http-equiv" in meta.attrib)
    assert policy.startswith("default-src 'none'; ")
    assert "script-src 'sha256-" in policy
    assert "unsafe-eval" not in policy
    assert root.findtext("head/title") == "a < b"
    assert "script-src" not in html_page("a", [])
    with pytest.raises(ValueError, match="& or <"):
        html_page("a", [], script="a && b")
