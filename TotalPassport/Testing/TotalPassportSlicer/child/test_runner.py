"""Whatever the child does, the user gets one sentence, and neither a process nor a file stays behind."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

OK = 'emit(event="result", passport="p", n_organs=1)'


class Recorder:
    """A listener that keeps everything."""

    def __init__(self) -> None:
        self.states: list[str] = []
        self.fractions: list[float] = []
        self.seconds_left: list[float | None] = []
        self.lines: list[str] = []
        self.outcomes: list[Any] = []

    def state_changed(self, state: Any) -> None:
        self.states.append(state.value)

    def progressed(self, stage: str, fraction: float, seconds_left: float | None = None) -> None:
        self.fractions.append(fraction)
        self.seconds_left.append(seconds_left)

    def logged(self, line: str) -> None:
        self.lines.append(line)

    def finished(self, outcome: Any) -> None:
        self.outcomes.append(outcome)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def run(application: Any, scripted_child: Any, recorder: Recorder, tmp_path: Path) -> Any:
    """Return a function that runs a scripted child and returns the runner; ``wait=False`` leaves it running."""
    from TotalPassportSlicer.child.runner import Job, JobRunner

    runners = []

    def start(body: str, wait: bool = True, load: Any = None, subject: str = "Chest CT") -> Any:
        runner = JobRunner(recorder, tmp_path, scripted_child(body))
        runner.cancel_grace_ms = 300
        runners.append(runner)
        runner.start(
            Job(prepare=lambda folder: {"folder": str(folder)}, load=load or (lambda event: event), subject=subject)
        )
        if wait:
            assert runner.wait(30) is not None
        return runner

    yield start
    for runner in runners:
        runner.shutdown()
    assert list(tmp_path.glob("TotalPassport-run-*")) == []


def wait_for(condition: Any, application: Any, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        application.processEvents()
        time.sleep(0.005)
    assert condition()


@pytest.mark.slow
def test_a_run_that_works_tells_its_progress_and_its_result(run: Any, recorder: Recorder) -> None:
    run('for step in range(5): emit(event="progress", stage="infer", fraction=step / 4)\n' + OK)
    assert recorder.states == ["starting", "running", "finishing", "idle"]
    assert recorder.fractions == [0, 0.25, 0.5, 0.75, 1]
    (outcome,) = recorder.outcomes
    assert outcome.status.value == "done"
    assert outcome.value["n_organs"] == 1


def test_the_result_is_loaded_while_its_folder_still_exists(run: Any, recorder: Recorder) -> None:
    body = 'open(os.path.join(job["folder"], "p"), "w").write("passport"); emit(event="result", passport=job["folder"])'
    run(body, load=lambda event: Path(event["passport"], "p").read_text())
    assert recorder.outcomes[0].value == "passport"


def test_everything_that_the_child_said_is_heard_before_the_end(run: Any, recorder: Recorder) -> None:
    run('for n in range(3000): emit(event="progress", stage="infer", fraction=n / 3000)\n' + OK)
    assert len(recorder.fractions) == 3000


def test_a_result_without_a_line_break_at_the_end_counts(run: Any, recorder: Recorder) -> None:
    run('sys.stdout.write(json.dumps({"event": "result"}))')
    assert recorder.outcomes[0].status.value == "done"


def test_the_childs_own_error_is_shown_in_its_words(run: Any, recorder: Recorder) -> None:
    run('emit(event="error", code="bad_input", exit_code=2, message="It is 2-D.", hint="Give 3-D."); sys.exit(2)')
    assert recorder.outcomes[0].sentence == "It is 2-D. Give 3-D."
    assert recorder.outcomes[0].status.value == "failed"


def test_the_childs_next_step_is_said_in_buttons(run: Any, recorder: Recorder) -> None:
    hint = 'hint="Call list_models().", hint_code="list_models", hint_arguments={}'
    run(f'emit(event="error", code="model", exit_code=4, message="It is not there.", {hint}); sys.exit(4)')
    assert recorder.outcomes[0].hint == "The table in the section Models shows what is."


def test_a_next_step_of_a_newer_child_is_shown_in_its_own_words(run: Any, recorder: Recorder) -> None:
    hint = 'hint="Call fly().", hint_code="fly", hint_arguments={"to": "the moon"}'
    run(f'emit(event="error", code="model", exit_code=4, message="It is not there.", {hint}); sys.exit(4)')
    assert recorder.outcomes[0].sentence == "It is not there. Call fly()."


def test_sentences_name_the_users_volume_not_our_temporary_file(run: Any, recorder: Recorder) -> None:
    path = 'os.path.join(job["folder"], "ct.nii")'
    run(f'emit(event="error", code="x", message="\'" + {path} + "\' has NaN."); sys.exit(2)')
    assert recorder.outcomes[0].message == "'Chest CT' has NaN."


def test_a_crash_gives_a_sentence_with_its_cause(run: Any, recorder: Recorder) -> None:
    run("raise RuntimeError('the cable was pulled')")
    (outcome,) = recorder.outcomes
    assert outcome.status.value == "failed"
    assert "the cable was pulled" in outcome.message
    assert any("Traceback" in line for line in recorder.lines)


def test_a_child_that_is_killed_by_the_system_is_no_riddle(run: Any, recorder: Recorder) -> None:
    run("os.kill(os.getpid(), 9)")
    assert recorder.outcomes[0].status.value == "failed"
    assert "ended unexpectedly" in recorder.outcomes[0].message
    assert "memory" in recorder.outcomes[0].hint


def test_what_was_noted_of_the_scan_is_not_taken_for_the_cause_of_an_end(run: Any, recorder: Recorder) -> None:
    run('emit(event="warning", code="w", message="It looks odd."); os.kill(os.getpid(), 9)')
    assert "ended unexpectedly" in recorder.outcomes[0].message
    assert "odd" not in recorder.outcomes[0].message


@pytest.mark.parametrize("code", [0, 1, 3, 120])
def test_an_exit_without_a_word_gives_a_sentence(run: Any, recorder: Recorder, code: int) -> None:
    run(f"sys.exit({code})")
    assert recorder.outcomes[0].status.value == "failed"
    assert f"exit code {code}" in recorder.outcomes[0].message


def test_a_result_followed_by_a_failure_is_not_trusted(run: Any, recorder: Recorder) -> None:
    run(OK + "\nsys.exit(7)")
    assert recorder.outcomes[0].status.value == "failed"


def test_garbage_on_the_output_goes_into_the_log_and_harms_nothing(run: Any, recorder: Recorder) -> None:
    run('sys.stdout.flush(); os.write(1, b"\\xff\\xfe\\x00 garbage\\n{not json\\n[]\\n"); ' + OK)
    assert recorder.outcomes[0].status.value == "done"
    assert any("garbage" in line for line in recorder.lines)


def test_events_with_nonsense_in_them_harm_nothing(run: Any, recorder: Recorder) -> None:
    run('emit(event="progress", fraction="half"); emit(event="started", pid="me"); emit(event="what"); ' + OK)
    assert recorder.outcomes[0].status.value == "done"


def test_what_the_run_will_take_is_in_the_log(run: Any, recorder: Recorder) -> None:
    run('emit(event="estimate", windows=9, seconds=200.0, memory_bytes=1.26e9); emit(event="estimate"); ' + OK)
    assert recorder.lines == ["The network will take about 3 min, and at most 1.3 GB of memory."]


def test_the_time_left_comes_from_the_child_if_it_knows(run: Any, recorder: Recorder) -> None:
    texts = ["", ", seconds_left=9.5", ", seconds_left='soon'", ", seconds_left=float('nan')"]
    run("; ".join(f"emit(event='progress', stage='infer', fraction=0.1{text})" for text in texts) + "; " + OK)
    assert recorder.seconds_left == [None, 9.5, None, None]


def test_warnings_and_the_standard_error_are_in_the_log(run: Any, recorder: Recorder) -> None:
    run('emit(event="warning", code="w", message="\'ct.nii\' looks odd"); print("details", file=sys.stderr); ' + OK)
    assert "Note: 'Chest CT' looks odd" in recorder.lines
    assert "details" in recorder.lines


REMOVES_ITS_FOLDER = """
import shutil
shutil.rmtree(job["folder"])
open(os.path.join(job["folder"], "out.nii.gz"))
"""


def test_a_folder_that_somebody_removed_is_said_and_not_named(run: Any, recorder: Recorder, tmp_path: Path) -> None:
    run(REMOVES_ITS_FOLDER)
    (outcome,) = recorder.outcomes
    assert outcome.status.value == "failed"
    assert outcome.sentence.startswith("The temporary folder of this run was removed while it was under way. Run it")
    assert str(tmp_path) not in outcome.sentence


def test_a_temporary_file_is_not_named(run: Any, recorder: Recorder, tmp_path: Path) -> None:
    place = 'job["folder"] + "/out/ct_passport.json"'
    run(f"""emit(event="error", code="bad_input", message="Writing '" + {place} + "' failed.", hint="Free space.")""")
    assert recorder.outcomes[0].sentence == "Writing a temporary file failed. Free space."


def test_a_result_that_cannot_be_loaded_is_a_failure_with_a_sentence(run: Any, recorder: Recorder) -> None:
    def load(event: Any) -> None:
        raise KeyError("segmentation")

    runner = run(OK, load=load)
    assert recorder.outcomes[0].status.value == "failed"
    assert "KeyError" in recorder.outcomes[0].message
    assert not runner.busy


def test_cancelling_asks_the_child_politely(run: Any, recorder: Recorder, application: Any) -> None:
    runner = run('emit(event="started", pid=os.getpid())\nwait_for_cancel()', wait=False)
    wait_for(lambda: "running" in recorder.states, application)
    runner.cancel_grace_ms = 20000
    runner.cancel()
    outcome = runner.wait(15)
    assert outcome.status.value == "cancelled"
    assert recorder.states[-3:] == ["cancelling", "finishing", "idle"]


def test_a_child_that_does_not_listen_is_ended(run: Any, recorder: Recorder, application: Any, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    runner = run(f"open({str(pid_file)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)", wait=False)
    wait_for(lambda: pid_file.exists() and pid_file.read_text(), application)
    runner.cancel()
    assert runner.wait(15).status.value == "cancelled"
    assert_dead(int(pid_file.read_text()))


def test_ending_the_launcher_does_not_leave_the_real_child(run: Any, application: Any, tmp_path: Path) -> None:
    # PythonSlicer is a launcher: the process that computes is its child.
    pid_file = tmp_path / "pid"
    code = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    body = f"child = subprocess.Popen([sys.executable, '-c', {code!r}])\n"
    runner = run(body + "emit(event='started', pid=child.pid); child.wait()", wait=False)
    wait_for(lambda: pid_file.exists() and pid_file.read_text(), application)
    runner.cancel()
    assert runner.wait(15).status.value == "cancelled"
    assert_dead(int(pid_file.read_text()))


def test_cancelling_before_the_child_has_said_anything_works(run: Any, recorder: Recorder) -> None:
    runner = run("time.sleep(600)", wait=False)
    runner.cancel()
    assert runner.wait(15).status.value == "cancelled"


def test_cancelling_twice_is_cancelling_once(run: Any, recorder: Recorder) -> None:
    runner = run("wait_for_cancel()", wait=False)
    runner.cancel()
    runner.cancel()
    runner.wait(15)
    runner.cancel()
    assert len(recorder.outcomes) == 1


@pytest.mark.slow
def test_a_slow_start_is_not_taken_for_a_failure(run: Any, recorder: Recorder) -> None:
    run("time.sleep(1.5)\n" + OK)
    assert recorder.outcomes[0].status.value == "done"


def test_a_program_that_does_not_start_gives_a_sentence(
    run: Any, recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "PythonSlicer"
    broken.write_text("#!/nowhere/at/all\n", encoding="utf-8")
    broken.chmod(0o755)
    monkeypatch.setattr("TotalPassportSlicer.child.runner.python_program", lambda: str(broken))
    runner = run(OK)
    assert recorder.outcomes[0].status.value == "failed"
    assert "could not be started" in recorder.outcomes[0].message
    assert not runner.busy


def test_a_slicer_without_its_python_says_so(run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from TotalPassportLib.base.errors import TotalPassportError

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("TotalPassportSlicer.child.runner.sys.executable", str(tmp_path / "Slicer.exe"))
    with pytest.raises(TotalPassportError, match="PythonSlicer"):
        run(OK)


def test_pythonslicer_is_used_when_there_is_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, application: Any
) -> None:
    from TotalPassportSlicer.child.runner import python_program

    program = tmp_path / "PythonSlicer"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert python_program() == str(program)


def test_only_one_run_at_a_time(run: Any) -> None:
    from TotalPassportLib.base.errors import TotalPassportError

    runner = run("time.sleep(600)", wait=False)
    with pytest.raises(TotalPassportError, match="under way"):
        runner.start(runner._job)


def test_a_job_that_cannot_be_prepared_leaves_nothing(application: Any, tmp_path: Path, recorder: Recorder) -> None:
    from TotalPassportLib.base.errors import TotalPassportError
    from TotalPassportSlicer.child.runner import Job, JobRunner

    def prepare(folder: Path) -> dict[str, Any]:
        (folder / "ct.nii").write_bytes(b"patient data")
        raise OSError(28, "No space left on device", str(folder / "ct.nii"))

    runner = JobRunner(recorder, tmp_path)
    with pytest.raises(TotalPassportError, match="disk is full"):
        runner.start(Job(prepare=prepare, load=lambda event: None))
    assert not runner.busy
    assert list(tmp_path.iterdir()) == []


def test_the_scene_closing_ends_the_run(run: Any, recorder: Recorder, application: Any, tmp_path: Path) -> None:
    import slicer

    pid_file = tmp_path / "pid"
    run(f"open({str(pid_file)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)", wait=False)
    wait_for(lambda: pid_file.exists() and pid_file.read_text(), application)
    slicer.mrmlScene.Clear()
    assert recorder.states[-1] == "idle"
    assert recorder.outcomes[0].status.value == "cancelled"
    assert_dead(int(pid_file.read_text()))


def test_slicer_quitting_ends_the_run(run: Any, recorder: Recorder, application: Any) -> None:
    run("time.sleep(600)", wait=False)
    application.aboutToQuit.emit()
    assert recorder.states[-1] == "idle"


def test_the_child_notices_that_slicer_is_gone(run: Any, recorder: Recorder, application: Any) -> None:
    # Its standard input is a pipe that stays open for as long as Slicer lives.
    runner = run("sys.stdin.read()\n" + OK, wait=False)
    wait_for(lambda: "running" in recorder.states, application)
    time.sleep(0.3)
    application.processEvents()
    assert runner.busy
    runner._process.closeWriteChannel()
    assert runner.wait(10).status.value == "done"


def test_one_runner_can_run_again_after_any_end(
    application: Any, scripted_child: Any, recorder: Recorder, tmp_path: Path
) -> None:
    from TotalPassportSlicer.child.runner import Job, JobRunner

    runner = JobRunner(recorder, tmp_path, scripted_child(f'sys.exit(3) if job["fail"] else None\n{OK}'))
    for fail in (False, True, False):
        runner.start(Job(prepare=lambda folder, fail=fail: {"fail": fail}, load=lambda event: event))
        runner.wait(20)
    assert [outcome.status.value for outcome in recorder.outcomes] == ["done", "failed", "done"]


def test_the_job_file_tells_how_to_cancel_and_what_to_clean_up(run: Any, recorder: Recorder) -> None:
    run('emit(event="result", job=job)', load=lambda event: event["job"])
    job = recorder.outcomes[0].value
    assert Path(job["cancel_file"]).parent == Path(job["scratch_folder"]) == Path(job["folder"])
    assert json.dumps(job)


def assert_dead(pid: int) -> None:
    from TotalPassportSlicer.child.process_table import is_alive

    deadline = time.monotonic() + 5
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_alive(pid)


def test_a_callback_hears_the_end_after_the_listener_and_may_start_the_next_run(
    application: Any, scripted_child: Any, recorder: Recorder, tmp_path: Path
) -> None:
    from TotalPassportLib.base.errors import TotalPassportError
    from TotalPassportSlicer.child.runner import Job, JobRunner

    runner = JobRunner(recorder, tmp_path, scripted_child(f'sys.exit(3) if job["fail"] else None\n{OK}'))
    heard: list[tuple[str, int, bool]] = []

    def start(fail: bool) -> None:
        runner.start(Job(prepare=lambda folder: {"fail": fail}, load=lambda event: event["n_organs"]), ended)

    def ended(outcome: Any) -> None:
        heard.append((outcome.status.value, len(recorder.outcomes), outcome.heard))
        if len(heard) == 1:
            with pytest.raises(TotalPassportError, match="no such"):
                runner.start(Job(prepare=lambda folder: {}["no such"], load=lambda event: event))
            start(True)

    start(False)
    wait_for(lambda: len(heard) == 2, application)
    assert heard == [("done", 1, True), ("failed", 2, True)]
    assert recorder.outcomes[0].result() == 1
    with pytest.raises(TotalPassportError, match="ended unexpectedly"):
        recorder.outcomes[1].result()


def test_a_cancelled_run_has_no_result_and_says_so(run: Any, recorder: Recorder, application: Any) -> None:
    from TotalPassportLib.base.errors import Cancelled

    runner = run("wait_for_cancel()", wait=False)
    wait_for(lambda: "running" in recorder.states, application)
    runner.cancel()
    assert runner.wait(10) is not None
    assert not recorder.outcomes[0].heard
    with pytest.raises(Cancelled, match="Cancelled"):
        recorder.outcomes[0].result()
