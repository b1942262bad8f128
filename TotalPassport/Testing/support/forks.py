"""Commands in a process that has loaded their libraries before: a fork of one that waits for orders.

Half a second of each of our commands is the loading of numpy, nibabel, scipy and our own modules, the same each time.
Here one process loads them once and divides for every command; the new half is given the command's arguments, folder,
environment and output, runs the package as ``python -m`` does, and ends as Python ends, but for taking apart every
loaded module. What is about the loading itself, about a shell's redirections or about signals belongs in a process
that is started in full.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SESSION_VARIABLE = "TOTALPASSPORT_HOST_SESSION"
"""The mark of `host.environment`, which is not imported where only a command runs."""
AT_THE_START = ("PYTHON", "LD_", "OMP_", "LC_", "LANG")
"""Beginnings of the variables that a process reads once, when it starts."""


class PreparedProcess:
    """A process that waits for commands and divides for each.

    Parameters
    ----------
    package : what is run, as by ``python -m``.
    modules : what is imported before; none of it may start a thread, which would be missing in the new half. One that
        does so in some versions has a question mark behind, and is left out there. ``module:function=text`` is also
        called with that text.
    environment : the environment to load them in.
    python : the interpreter.
    """

    def __init__(
        self, package: str, modules: Sequence[str], environment: Mapping[str, str], python: str = sys.executable
    ) -> None:
        # The host takes what carries its mark for a process of ours that a test has left behind.
        self._environment = {name: value for name, value in environment.items() if name != SESSION_VARIABLE}
        self._orders, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [python, __file__, str(theirs.fileno()), package, *modules],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=self._environment,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._answers = self._orders.makefile("r", encoding="utf-8")

    def suits(self, environment: Mapping[str, str]) -> bool:
        """Tell whether a process of this environment would have started as this one has."""
        return read_at_the_start(environment) == read_at_the_start(self._environment)

    @property
    def is_over(self) -> bool:
        """Whether it has ended, as it does with a command that took too long."""
        return self._process.poll() is not None

    def _end(self) -> None:
        """End it and the half that runs a command."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def run(
        self,
        arguments: Sequence[str],
        cwd: Path | None,
        environment: Mapping[str, str],
        timeout: float,
        limits: Mapping[int, int] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run one command to its end; as `subprocess.run` does with ``capture_output`` and ``text``."""
        with tempfile.TemporaryDirectory() as folder:
            outputs = [str(Path(folder, name)) for name in ("out", "err")]
            order = {
                "arguments": list(arguments),
                "cwd": str(cwd or Path.cwd()),
                "environment": dict(environment),
                "outputs": outputs,
                "limits": dict(limits or {}),
            }
            self._orders.settimeout(timeout)
            self._orders.sendall(json.dumps(order).encode() + b"\n")
            try:
                code = int(self._answers.readline())
            except TimeoutError as error:
                self._end()
                raise subprocess.TimeoutExpired(list(arguments), timeout) from error
            out, err = (Path(path).read_text(encoding="utf-8") for path in outputs)
        return subprocess.CompletedProcess(list(arguments), code, out, err)


def set_limits(limits: Mapping[int | str, int]) -> None:
    """Limit what this process may take: the number of each of the system's resources, and how much."""
    for number, limit in limits.items():
        import resource  # not on Windows

        resource.setrlimit(int(number), (limit, limit))


def read_at_the_start(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of an environment that a process reads once, when it starts."""
    return {name: value for name, value in environment.items() if name.startswith(AT_THE_START)}


def _serve(orders: socket.socket) -> dict[str, Any] | None:
    """Answer orders with exit codes; in each new half return the order, in the old one None, at the end."""
    for line in orders.makefile("r", encoding="utf-8"):
        child = os.fork()
        if child == 0:
            return json.loads(line)
        _, status = os.waitpid(child, 0)
        orders.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    return None


def _become(order: dict[str, Any]) -> None:
    """Make this process one that was started for an order."""
    for descriptor, path in zip((1, 2), order["outputs"], strict=True):
        file = os.open(path, os.O_WRONLY | os.O_CREAT)
        os.dup2(file, descriptor)
        os.close(file)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["cwd"])
    sys.path[0] = order["cwd"]
    sys.argv[1:] = order["arguments"]
    set_limits(order["limits"])


def _threads() -> int:
    """Return how many threads this process has, those of libraries too, where the system tells."""
    return len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1


def _end_at_once(code: int) -> None:
    """Do what Python does at its end, but for taking apart every loaded module: most of a short command's time."""
    import atexit
    import threading

    threading._shutdown()  # waits for threads
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _main() -> None:
    import gc
    import importlib
    import runpy

    number, package, *modules = sys.argv[1:]
    sys.path.pop(0)  # the folder of this file, which is no place for imports
    for wish in modules:
        name, _, call = wish.removesuffix("?").partition(":")
        module = importlib.import_module(name)
        if call:
            function, _, text = call.partition("=")
            getattr(module, function)(text)
        if _threads() > 1 and wish.endswith("?"):
            os.execv(sys.executable, [word for word in sys.orig_argv if word != wish])
    if _threads() > 1:
        raise SystemExit(f"what was loaded for {package} has started a thread")
    # The end of each new half would else look through all that was loaded, and copy its pages for that.
    gc.collect()
    gc.freeze()
    sys.path.insert(0, "")
    with socket.socket(fileno=int(number)) as orders:
        order = _serve(orders)
    if order is not None:
        _become(order)
        try:
            runpy.run_module(package, run_name="__main__", alter_sys=True)
        except SystemExit as end:
            if isinstance(end.code, int):
                _end_at_once(end.code)
            raise


if __name__ == "__main__":
    _main()
