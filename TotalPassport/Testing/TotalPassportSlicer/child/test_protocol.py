"""The child's output is understood whatever comes through the pipe."""

from __future__ import annotations

import json

import pytest
from TotalPassportSlicer.child.protocol import LineReader, parse_event


def lines_of(data: bytes, chunk: int) -> list[str]:
    reader = LineReader()
    pieces = [data[start : start + chunk] for start in range(0, len(data), chunk)]
    return [line for piece in pieces for line in reader.feed(piece)] + list(reader.close())


@pytest.mark.parametrize("chunk", [1, 2, 7, 1000])
def test_lines_arrive_whole_however_the_pipe_cuts_them(chunk: int) -> None:
    data = '{"event": "progress"}\nLéber ✓\r\nlast without a break'.encode()
    assert lines_of(data, chunk) == ['{"event": "progress"}', "Léber ✓", "last without a break"]


def test_bytes_that_are_no_text_do_not_stop_the_run() -> None:
    assert lines_of(b"\xff\xfe broken\nfine\n", 3) == ["\ufffd\ufffd broken", "fine"]


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    reader = LineReader()
    received = [line for _ in range(64) for line in reader.feed(b"x" * 2**16)]
    assert received
    assert max(map(len, received)) <= 2**20 + 2**16


@pytest.mark.parametrize(
    "line",
    ["", "Traceback", "{", "[1]", '{"done": 1}', '{"event": 3}', "{" * 5000, '{"event": "x"', "null"],
    ids=lambda line: line[:12],
)
def test_anything_but_an_event_goes_into_the_log(line: str) -> None:
    assert parse_event(line) is None


def test_an_event_is_taken_as_it_is() -> None:
    event = {"event": "progress", "stage": "infer", "done": 7, "total": 24, "fraction": 0.41}
    assert parse_event(json.dumps(event)) == event
