"""A program is measured with its children, and nothing of it is left, however the measurement ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support.processes import eventually
from TotalPassportLib.base.memory import physical_bytes, tree_bytes
from TotalPassportLib.benchmark.measured_process import end_tree, run_measured

MEBIBYTE = 2**20
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
CHILD = "import os, time; room = os.urandom(2**20) * {mib}; time.sleep({seconds})"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def with_a_child(own_mib: int, child_mib: int) -> str:
    """Return code that holds memory while its child holds some, too."""
    child = CHILD.format(mib=child_mib, seconds=3)  # on a busy machine samples are few
    return (
        f"import os, subprocess, sys; room = os.urandom(2**20) * {own_mib}\n"
        f"subprocess.run([sys.executable, '-c', {child!r}])"
    )


def test_the_peak_is_that_of_the_program_and_its_children_together(tmp_path: Path) -> None:
    # In a process of its own: one that had been as large as these tests could not tell how large a child became.
    code = (
        "from pathlib import Path; from TotalPassportLib.benchmark.measured_process import run_measured; "
        f"effort = run_measured({python(with_a_child(150, 250))!r}, Path({str(tmp_path)!r})); "
        "print(effort.peak_bytes, effort.largest_process_bytes)"
    )
    done = subprocess.run(python(code), env=ENVIRONMENT, capture_output=True, text=True, check=True)
    peak, largest = (int(number) / MEBIBYTE for number in done.stdout.split())
    assert 400 < peak < 500
    assert 250 < largest < 330


def test_what_a_program_prints_and_how_it_ends_is_kept(tmp_path: Path) -> None:
    code = "import sys; print('so it is', flush=True); print(sys.stdin.closed, file=sys.stderr); sys.exit(7)"
    effort = run_measured(python(code), tmp_path)
    assert (effort.exit_code, effort.output, effort.log) == (7, "so it is\n", "False\n")


def test_a_signal_is_a_negative_exit_code(tmp_path: Path) -> None:
    assert run_measured(python("import os; os.kill(os.getpid(), 9)"), tmp_path).exit_code == -9


def test_waiting_costs_wall_time_and_working_costs_the_processor(tmp_path: Path) -> None:
    waiting = run_measured(python("import time; time.sleep(1.5)"), tmp_path)
    assert waiting.seconds > 1.5
    assert waiting.processor_seconds < 1.0
    working = run_measured(python("import time\nwhile time.process_time() < 1.5: pass"), tmp_path)
    assert working.processor_seconds > 1.4


def test_standard_input_stays_open_while_it_runs(tmp_path: Path) -> None:
    code = "import select, sys; print(select.select([sys.stdin], [], [], 0.5)[0])"
    assert run_measured(python(code), tmp_path).output == "[]\n"


def test_a_program_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run_measured([str(tmp_path / "nowhere")], tmp_path)


def test_children_that_do_not_want_to_end_are_ended(tmp_path: Path) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(99)"
    )
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {stubborn!r}])"
    process = subprocess.Popen(python(code), stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout.readline() == b"up\n"
    assert tree_bytes(process.pid) > 2 * MEBIBYTE
    end_tree(process)
    assert process.stdout.read() == b"", "the end of the pipe: nobody holds it open any more"
    process.stdout.close()


def test_an_interrupted_measurement_leaves_no_process(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    code = f"import os, pathlib, time; pathlib.Path({str(told)!r}).write_text(str(os.getpid())); time.sleep(99)"

    def interrupt() -> None:
        eventually(lambda: told.exists() and told.read_text())
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have told us to ignore it
    try:
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            run_measured(python(code), tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)
    assert tree_bytes(int(told.read_text())) == 0


def test_pages_that_processes_share_count_once() -> None:
    code = (
        "import os, sys, time; room = os.urandom(2**20) * 200\n"
        "child = os.fork()\n"
        "if child: print(flush=True); sys.stdin.read()\n"
        "else: time.sleep(99)\n"
    )
    process = subprocess.Popen(python(code), stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    process.stdout.readline()
    assert eventually(lambda: 200 < tree_bytes(process.pid) / MEBIBYTE < 260)
    assert tree_bytes(process.pid, known_bytes=2**40) > 400 * MEBIBYTE, "the plain sum, where it is below anyway"
    end_tree(process)
    for pipe in (process.stdin, process.stdout):
        pipe.close()


def test_a_process_that_has_ended_has_no_memory() -> None:
    process = subprocess.Popen(python("pass"))
    process.wait()
    assert tree_bytes(process.pid) == 0


def test_the_machine_has_more_memory_than_this_process() -> None:
    assert tree_bytes(1) is None or physical_bytes() > 2**28
