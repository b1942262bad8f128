"""What a child has told, in good and in bad times, and no path in it."""

from __future__ import annotations

import pytest
from TotalPassportLib.base.errors import ModelError, TotalPassportError
from TotalPassportLib.benchmark.contenders import RunFailed, foreign_environment, told_result, without_paths
from TotalPassportLib.benchmark.measured_process import ProcessUsage

RESULT = '{"event": "result", "seconds": {"load": 1.5}, "provider": "CPUExecutionProvider"}'


def ended(output: str = "", exit_code: int = 0, log: str = "") -> ProcessUsage:
    return ProcessUsage(
        seconds=1.0,
        processor_seconds=1.0,
        peak_bytes=1,
        largest_process_bytes=1,
        exit_code=exit_code,
        output=output,
        log=log,
    )


def test_the_result_comes_with_the_windows_that_were_announced() -> None:
    told = told_result(ended('{"event": "estimate", "windows": 8}\n' + RESULT + "\n"))
    assert (told["windows"], told["seconds"]) == (8, {"load": 1.5})
    assert told_result(ended(RESULT))["windows"] is None


def test_an_error_is_told_without_paths_but_keeps_them_for_its_user() -> None:
    line = '{"event": "error", "code": "model", "message": "No \'/home/me/m\'.", "hint": "PlotStyle."}'
    with pytest.raises(RunFailed) as caught:
        told_result(ended(line, 4))
    assert str(caught.value) == "No 'm'. PlotStyle."
    error = caught.value.user_error()
    assert isinstance(error, ModelError)
    assert (error.message, error.hint) == ("No '/home/me/m'.", "PlotStyle.")


@pytest.mark.parametrize(
    ("usage", "says"),
    [
        (ended(exit_code=-9), "signal 9"),
        (ended(exit_code=1, log="Traceback\n  File\nKeyError: 'x'\n\n"), "exit code 1: KeyError: 'x'"),
        (ended(exit_code=3), "exit code 3: without a word"),
        (ended(RESULT, exit_code=1), "exit code 1"),
        (ended('no json\n[1]\n{"event": "progress"}\n'), "exit code 0"),
    ],
    ids=["signal", "traceback", "silent", "result but failed", "no result"],
)
def test_whoever_tells_no_result_has_failed(usage: ProcessUsage, says: str) -> None:
    with pytest.raises(RunFailed, match=says) as caught:
        told_result(usage)
    assert type(caught.value.user_error()) is TotalPassportError


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("There is no '/home/me/my scans/ct.nii.gz'.", "There is no 'ct.nii.gz'."),
        ("C:\\Users\\me\\ct.nii is gone", "ct.nii is gone"),
        ("'C:\\Users\\my name\\m\\' is gone", "'m' is gone"),
        ('File "/opt/lib/x.py", line 3', 'File "x.py", line 3'),
        ("at /opt/lib/x.py: bad", "at x.py: bad"),
        ("3/4 of and/or 10 m/s", "3/4 of and/or 10 m/s"),
    ],
)
def test_of_a_path_only_its_last_name_is_shown(text: str, left: str) -> None:
    assert without_paths(text) == left


def test_another_python_gets_nothing_that_is_meant_for_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "ours")
    monkeypatch.setenv("PYTHONHOME", "ours")
    monkeypatch.setenv("SOMETHING", "theirs")
    environment = foreign_environment()
    assert environment["SOMETHING"] == "theirs"
    assert "ours" not in environment.values()
