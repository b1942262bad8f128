"""Runs a program to its end and measures it as a whole: wall time, processor time, memory with its children."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base.memory import MAXRSS_UNIT, peak_bytes, tree_bytes

SAMPLE_SECONDS = 0.05
MAX_SAMPLING_SHARE = 0.03
"""Most of one core's time that watching the memory may take from what is measured."""
GRACE_SECONDS = 3.0
"""How long processes may take to end themselves before they are ended."""


@dataclass(frozen=True, kw_only=True)
class ProcessUsage:
    """What a program took; None stands for what the system does not tell.

    Attributes
    ----------
    seconds : float
        Wall time from its start to its end.
    processor_seconds : float | None
        Time of all cores, children included.
    peak_bytes : int | None
        Highest memory of it and its descendants together: sampled, and no less than the largest of them.
    largest_process_bytes : int | None
        Highest memory of the largest one of these processes, by the system's own count.
    exit_code : int
        Negative for a signal.
    output, log : str
        Standard output and standard error.
    """

    seconds: float
    processor_seconds: float | None
    peak_bytes: int | None
    largest_process_bytes: int | None
    exit_code: int
    output: str
    log: str


class MemorySampler:
    """Watches the memory of a process and its descendants while its context lasts."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory-sampler", daemon=True)
        self.peak_bytes: int | None = None

    def __enter__(self) -> MemorySampler:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        pause = 0.0
        while not self._over.wait(pause):
            start = time.thread_time()
            present = tree_bytes(self._root, self.peak_bytes or 0)
            if present is None:
                return
            if present > 0:  # 0 once it has ended
                self.peak_bytes = max(self.peak_bytes or 0, present)
            pause = max(SAMPLE_SECONDS, (time.thread_time() - start) / MAX_SAMPLING_SHARE)


def run_measured(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> ProcessUsage:
    """Run a command to its end, with an open pipe as its standard input.

    However this function is left, no process of the command is.

    Parameters
    ----------
    command : Sequence[str]
        Program and arguments.
    folder : Path
        Where it runs; its output is collected there, too.
    environment : Mapping[str, str] | None
        Of the command; this process's own by default.

    Raises
    ------
    OSError
        The program cannot be started.
    """
    out, log = folder / "stdout.txt", folder / "stderr.txt"
    with out.open("wb") as out_file, log.open("wb") as log_file:
        streams = {"stdin": subprocess.PIPE, "stdout": out_file, "stderr": log_file}
        start = time.perf_counter()
        # A session of its own: a signal then reaches all of its processes, and Ctrl-C only through us.
        process = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True, **streams)  # type: ignore[call-overload]
        try:
            with MemorySampler(process.pid) as sampler:
                usage = _wait(process)
                seconds = time.perf_counter() - start
        except BaseException:
            end_tree(process)
            raise
        finally:
            with contextlib.suppress(OSError):
                process.stdin.close()
    largest = _largest_process(usage)
    # Between two samples one process may have been larger than all of them at any sample.
    peak = None if sampler.peak_bytes is None else max(sampler.peak_bytes, largest or 0)
    return ProcessUsage(
        seconds=seconds,
        processor_seconds=_processor_seconds(usage),
        peak_bytes=peak,
        largest_process_bytes=largest,
        exit_code=process.returncode,
        output=out.read_text(encoding="utf-8", errors="replace"),
        log=log.read_text(encoding="utf-8", errors="replace"),
    )


def _wait(process: subprocess.Popen[bytes]) -> Any:
    """Wait for a process and return what the system counted for it and its children, if it does."""
    if not hasattr(os, "wait4"):
        process.wait()
        return None
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


def _processor_seconds(usage: Any) -> float | None:
    return None if usage is None else float(usage.ru_utime + usage.ru_stime)


def _largest_process(usage: Any) -> int | None:
    if usage is None:
        return None
    # A new process is a copy of this one until its program is loaded, and Linux counts that: no more can be told then.
    largest = int(usage.ru_maxrss) * MAXRSS_UNIT
    return largest if largest > peak_bytes() else None


def end_tree(process: subprocess.Popen[bytes]) -> None:
    """End a process that `run_measured` has started, with all its descendants."""
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False)
        process.wait()
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        if number == signal.SIGTERM:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE_SECONDS)
    process.wait()
