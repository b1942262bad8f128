"""Real processes of ours: the command line and the child that runs jobs."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from TotalPassportLib import __version__

from .forks import PreparedProcess, set_limits

PACKAGES = Path(__file__).resolve().parents[2]
"""The folder that holds the package TotalPassportLib."""
JOB_SCRIPT = PACKAGES / "TotalPassportLib" / "job.py"
LOADED = (
    *("numpy", "nibabel", "fastjsonschema"),
    *("scipy.ndimage", "scipy.interpolate", "scipy.linalg", "scipy.spatial"),
    *("TotalPassportLib.pipeline", "TotalPassportLib.alignment", "TotalPassportLib.comparison"),
    *(f"TotalPassportLib.cli.{path.stem}" for path in sorted((PACKAGES / "TotalPassportLib/cli").glob("[!_]*.py"))),
    *(f"TotalPassportLib.base.files:_validator={schema}" for schema in ("catalogue", "labels", "model", "passport")),
    "onnxruntime?",
)
"""What our commands import, they themselves, and what they make of the schemas that most of them read."""
PATIENCE_SECONDS = 120.0
"""How long a process may take before the test is given up; no test measures time."""


def environment(**changes: str) -> dict[str, str]:
    """Return the environment for our processes."""
    return {**os.environ, "PYTHONPATH": str(PACKAGES), "OMP_NUM_THREADS": "1", **changes}


def command_line(*arguments: object) -> list[str]:
    """Return the command that runs our command line."""
    return [sys.executable, "-m", "TotalPassportLib", *map(str, arguments)]


def run_cli(
    *arguments: object,
    cwd: Path | None = None,
    limits: Mapping[int, int] | None = None,
    fresh: bool = False,
    timeout: float = PATIENCE_SECONDS,
) -> subprocess.CompletedProcess[str]:
    """Run our command line to its end.

    Parameters
    ----------
    limits : of the system's resources (`resource.RLIMIT_AS` ...) -> how much the process may take.
    fresh : start it in full where the loading of libraries matters, see `support.forks`.
    timeout : after so many seconds it is ended, and the test fails.
    """
    variables = environment(PYTHONUTF8="1")
    given = list(map(str, arguments))
    if not fresh and hasattr(os, "fork") and (prepared := _prepared()).suits(variables):
        return prepared.run(given, cwd, variables, timeout, limits)
    return subprocess.run(
        command_line(*given),
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env=variables,
        stdin=subprocess.DEVNULL,
        timeout=timeout,
        check=False,
        preexec_fn=partial(set_limits, limits) if limits else None,
    )


def sentences(stderr: str) -> list[str]:
    """Return what standard error has besides the lines that say which stages are over."""
    return [line for line in stderr.splitlines() if not line.startswith("  ")]


def _prepared() -> PreparedProcess:
    prepared = _started()
    if prepared.is_over:
        _started.cache_clear()
    return _started()


@cache
def _started() -> PreparedProcess:
    return PreparedProcess("TotalPassportLib", LOADED, environment(PYTHONUTF8="1"))


def heed_interrupts() -> None:
    """Let a new process be interrupted as in a terminal, also where the tests run in the background and cannot be."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def assert_one_sentence(process: subprocess.CompletedProcess[str], code: int, says: str) -> None:
    """The exit code, and one line on standard error: what happened and why, then what to do next."""
    assert process.returncode == code, process.stderr
    (sentence,) = sentences(process.stderr)
    assert sentence.startswith("totalpassport: ")
    assert sentence.endswith(".")
    assert "Traceback" not in process.stderr
    assert says in process.stderr
    assert process.stdout == ""


def assert_contract(events: list[dict[str, Any]], stages: list[str]) -> None:
    """The child's events are as docs/architecture.md says: a start, fractions that never fall, one end."""
    assert events[0] == {"event": "started", "pid": events[0]["pid"], "version": __version__, "stages": stages}
    fractions = [event["fraction"] for event in events if event["event"] == "progress"]
    assert fractions == sorted(fractions)
    assert all(0 <= fraction <= 1 for fraction in fractions)
    ends = [event["event"] for event in events if event["event"] in ("result", "error")]
    assert len(ends) == 1
    assert events[-1]["event"] == ends[0]


class Child:
    """One child process with a job, as the Slicer module starts it: standard input held open."""

    def __init__(self, job: Mapping[str, Any] | bytes, folder: Path) -> None:
        self.job_file = folder / "job.json"
        self.job_file.write_bytes(job if isinstance(job, bytes) else json.dumps(job).encode())
        self.process = subprocess.Popen(
            [sys.executable, "-X", "utf8", str(JOB_SCRIPT), str(self.job_file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        self.lines: list[str] = []
        """Every line of standard output so far."""
        self._log: list[bytes] = []
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._readers = [threading.Thread(target=self._read, daemon=True), threading.Thread(target=self._drain)]
        for reader in self._readers:
            reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self._queue.put(line.decode("utf-8"))
        self._queue.put(None)

    def _drain(self) -> None:
        self._log.append(self.process.stderr.read())

    def _next_line(self) -> str | None:
        line = self._queue.get(timeout=PATIENCE_SECONDS)
        if line is not None:
            self.lines.append(line)
        return line

    def wait_for(self, kind: str, stage: str | None = None) -> dict[str, Any]:
        """Return the next event of a kind (and stage); fail if the child ends without it."""
        while (line := self._next_line()) is not None:
            event = json.loads(line)
            if event["event"] == kind and stage in (None, event.get("stage")):
                return event
        raise AssertionError(f"the child ended without '{kind}' ({stage}): {self.lines[-3:]}, {self.log}")

    def finish(self) -> int:
        """Read to the end and return the exit code; standard input stays open until then."""
        while self._next_line() is not None:
            pass
        code = self.process.wait(timeout=PATIENCE_SECONDS)
        self.close()
        return code

    def close(self) -> None:
        """End the process if need be and release its pipes."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=PATIENCE_SECONDS)
        for reader in self._readers:
            reader.join(timeout=PATIENCE_SECONDS)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            pipe.close()

    @property
    def log(self) -> str:
        """Standard error; complete after `finish`."""
        return b"".join(self._log).decode("utf-8", "replace")

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event so far."""
        return [json.loads(line) for line in self.lines]


def eventually(condition: Any) -> bool:
    """Return whether a condition comes true before patience ends."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def child_of(process: subprocess.Popen[Any]) -> int:
    """Wait for the only child of a process, and return its number; where Linux tells."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    assert eventually(lambda: bool(children.read_text(encoding="ascii").split()))
    (child,) = children.read_text(encoding="ascii").split()
    return int(child)


def processor_seconds_of(pid: int) -> float:
    """Return how much of the processor a process has used, all its threads together; where Linux tells."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def files_below(folder: Path) -> list[str]:
    """Return the relative path of every file in a folder, hidden ones too."""
    return sorted(str(path.relative_to(folder)) for path in _walk(folder))


def _walk(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in folder.rglob("*") if not path.is_dir())
