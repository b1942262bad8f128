"""The report is one well-formed file that needs nothing else, whatever names and numbers are in it."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.files import validate
from TotalPassportLib.benchmark.benchmark_text import benchmark_text, percent_alike
from TotalPassportLib.benchmark.page import benchmark_page, notes
from TotalPassportLib.pages.charts import Bar, Curve, bar_chart, curve_charts, nice_ticks

NASTY = "<script>alert('&')</script>"


def result(contender: str, seconds: float, **changes: Any) -> dict[str, Any]:
    spread = {"median": seconds, "lowest": seconds * 0.9, "highest": seconds * 1.2}
    return {
        "contender": contender,
        "failure": None,
        "runs": [dict.fromkeys(("processor_seconds", "peak_bytes", "largest_process_bytes", "network_seconds"))
                 | {"seconds": seconds}],
        "seconds": spread,
        "processor_seconds": 2 * seconds,
        "peak_bytes": {name: value * 2**30 for name, value in spread.items()},
        "largest_process_bytes": None,
        "times_as_fast": 80.0 / seconds,
        "stages": {"start-up": 1.0, "network": seconds - 1.0},
        "provider": "CPUExecutionProvider",
        "arithmetic": "float32",
        "agreement": {"voxels": 9, "differing": 1, "labelled": 3, "equal_percent": 99.9999999,
                      "labelled_equal_percent": 66.6},
        "network": {"gflops": 300.0, "peak_gflops": 400.0, "percent": 75.0, "missing": None},
    } | changes  # fmt: skip


@pytest.fixture
def document() -> dict[str, Any]:
    """A benchmark with everything that there can be, and names that mean harm."""
    contenders = [("a", "totalpassport"), ("b", "totalpassport"), ("official", "official"), ("plain", "plain")]
    nothing = dict.fromkeys(("stages", "provider", "arithmetic", "agreement", "network"))
    scan = {
        "name": NASTY,
        "synthetic": False,
        "shape": [4, 5, 6],
        "spacing_mm": [1.0, 1.5, 2.0],
        "voxels": 120,
        "reference": "official",
        "baseline": "official",
        "results": [
            result("a", 20.0),
            {"contender": "b", "failure": NASTY},
            result("official", 80.0, **nothing),
            result("plain", 40.0, peak_bytes=None, network=None),
        ],
    }
    size = {
        "packages": [{"name": NASTY, "version": None, "bytes": None}, {"name": "torch", "version": "2", "bytes": 9}]
    }
    return {
        "schema": "totalpassport-benchmark/1",
        "created": "2026-11-21T10:00:00Z",
        "program": {"name": "TotalPassport", "version": "1"},
        "settings": dict.fromkeys(("model", "model_title"), NASTY)
        | {"repeats": 3, "threads": 2, "official": True, "whole_volume": True},
        "machine": dict.fromkeys(("cpu", "instruction_sets", "cores", "memory_bytes", "load_average"))
        | {"usable_cores": 2, "system": NASTY, "python": "3.12"}
        | {"onnxruntime": {"distributions": [], "version": "1", "providers": ["CPUExecutionProvider"]}},
        "contenders": [{"key": key, "title": f"{key} {NASTY}", "kind": kind} for key, kind in contenders],
        "scans": [scan, *(scan | {"name": f"s{n}", "synthetic": True, "voxels": 10**n} for n in (6, 7, 8))],
        "matrix_peaks": [{"arithmetic": "float32", "engine": "numpy", "gflops": 400.0}],
        "install": dict.fromkeys(("ours", "official"), size | {"bytes": 9, "environment_bytes": 10}),
    }


def parsed(page: str) -> ElementTree.Element:
    return ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>"))


def test_the_document_of_these_tests_is_valid(document: dict[str, Any]) -> None:
    validate(document, "benchmark", "It")
    for wrong in (document | {"host": "name"}, {name: value for name, value in document.items() if name != "install"}):
        with pytest.raises(BadInput):
            validate(wrong, "benchmark", "It")


def test_the_page_is_well_formed_and_needs_nothing_else(document: dict[str, Any]) -> None:
    page = benchmark_page(document)
    root = parsed(page)
    tags = {element.tag for element in root.iter()}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form", "use", "image"}
    attributes = {name for element in root.iter() for name in element.attrib}
    assert not attributes & {"src", "href", "style", "srcset", "action"}
    assert [name for name in attributes if name.startswith("on")] == []
    assert "://" not in page
    style = root.findtext("head/style")
    assert "url(" not in style
    assert "@import" not in style
    assert "prefers-color-scheme: dark" in style


def test_every_colour_that_is_used_is_one_in_light_and_dark(document: dict[str, Any]) -> None:
    root = parsed(benchmark_page(document))
    style = root.findtext("head/style")
    used = {name for element in root.iter("rect") for name in element.attrib["class"].split()}
    assert {"official", "plain", "ours0", "stage0", "stage3"} <= used
    assert [name for name in used if f"svg .{name} " not in style or f"--{name}:" not in style] == []
    variables = set(re.findall(r"var\((--\w+)\)", style))
    assert [name for name in variables if f"{name}:" not in style] == []


def test_everything_drawn_lies_within_its_chart(document: dict[str, Any]) -> None:
    charts = [svg for svg in parsed(benchmark_page(document)).iter("svg") if svg.get("class") == "chart"]
    assert len(charts) == 3 + 1 + 1, "time, memory and stages of a scan, growth, size on disk"
    for chart in charts:
        _, _, width, height = map(float, chart.attrib["viewBox"].split())
        for box in chart.iter("rect"):
            x, y, wide, high = (float(box.attrib[name]) for name in ("x", "y", "width", "height"))
            assert 0 <= x <= x + wide <= width
            assert 0 <= y <= y + high <= height
        for mark in [*chart.iter("circle"), *chart.iter("text")]:
            x, y = (float(mark.get(name, mark.get(f"c{name}"))) for name in "xy")
            assert 0 <= x <= width
            assert 0 <= y <= height


def test_bars_are_as_long_as_their_numbers() -> None:
    bars = [
        Bar(label="a", parts=[(30.0, "x", "")], text="30"),
        Bar(label="b", parts=[(10.0, "x", ""), (5.0, "y", "")], text="15", lowest=12.0, highest=20.0),
    ]
    chart = ElementTree.fromstring(bar_chart("title", bars, "s"))
    first, second, third = (float(box.attrib["width"]) for box in chart.iter("rect"))
    assert first == pytest.approx(3 * second, rel=1e-3)
    assert second == pytest.approx(2 * third, rel=1e-3)
    edges = [float(box.attrib["x"]) for box in chart.iter("rect")]
    assert edges[2] == pytest.approx(edges[1] + second, abs=0.1)
    assert sum("whisker" in path.attrib["class"] for path in chart.iter("path")) == 1


def test_curves_rise_with_their_numbers() -> None:
    curve = Curve(label="a", colour="x", points=[(1.0, 1.0), (2.0, 2.0), (4.0, 4.0)])
    chart = ElementTree.fromstring(curve_charts("title", [("time", "voxels", [curve]), ("empty", "voxels", [])]))
    places = [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in chart.iter("circle")]
    (x1, y1), (x2, y2), (x4, y4) = places
    assert x4 - x2 == pytest.approx(2 * (x2 - x1), abs=0.2)
    assert y2 - y4 == pytest.approx(2 * (y1 - y2), abs=0.2)


@pytest.mark.parametrize("highest", [0.0, 0.0003, 0.99, 1.0, 7.2, 10.0, 82.0, 100.0, 1e4, 123456.0])
def test_axes_have_a_few_round_numbers_and_reach_the_highest(highest: float) -> None:
    ticks = nice_ticks(highest)
    assert ticks[0] == 0
    assert 2 <= len(ticks) <= 7
    assert ticks[-2] < max(highest, 1e-9) <= ticks[-1] * (1 + 1e-9) or highest == 0


def test_failures_and_what_is_missing_are_said(document: dict[str, Any]) -> None:
    text = "".join(parsed(benchmark_page(document)).itertext())
    assert f"b {NASTY} did not finish: {NASTY}" in text
    assert "threads (2): 400 (float32, numpy) GFLOP/s." in text
    assert f"Times are compared with official {NASTY}, labels with official {NASTY}." in text
    assert "Memory with children: this system does not tell it" in text
    assert "bfloat16" in text
    assert "A quiet machine" not in text
    document["machine"]["load_average"] = 1.5
    document["settings"] |= {"official": False, "whole_volume": False, "repeats": 1}
    said = " ".join(notes(document))
    assert "its python was not given" in said
    assert "at least 3 repeats" in said
    assert "load average 1.50 on 2 cores" in said


def test_where_nothing_has_finished_there_is_still_a_report(document: dict[str, Any]) -> None:
    for scan in document["scans"]:
        scan["reference"] = scan["baseline"] = None
        scan["results"] = [{"contender": "a", "failure": "It was ended by signal 9."}]
    document["install"]["official"] = None
    validate(document, "benchmark", "It")
    parsed(benchmark_page(document))
    assert "failed" in benchmark_text(document)


def test_the_terminal_shows_medians_and_ratios(document: dict[str, Any]) -> None:
    lines = benchmark_text(document).splitlines()
    ours = next(line for line in lines if line.startswith(f"  a {NASTY}"))
    assert ours.split()[-7:] == ["20.00", "4.00x", "24576", "75", "%", "99.99999", "%"]
    assert any(line.endswith("reference") for line in lines)
    assert any("failed" in line for line in lines)


def test_almost_all_is_not_all() -> None:
    assert percent_alike(100.0) == "100.00000 %"
    assert percent_alike(99.9999999) == "99.99999 %"
    assert percent_alike(38.182212) == "38.18221 %"


def test_names_that_xml_cannot_hold_are_shown_as_escapes(document: dict[str, Any]) -> None:
    document["scans"][0]["name"] = document["settings"]["model_title"] = "a\0b\x1b[2J\ud800\u202e"
    page = benchmark_page(document)
    parsed(page)
    page.encode("utf-8")
    assert "a\\x00b\\x1b[2J\\ud800\\u202e" in page
    assert "\x1b" not in benchmark_text(document)
