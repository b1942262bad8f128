"""What can go wrong while a run is under way, done to the real panel and its child, and what is left behind of it."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from host.environment import remaining_processes, session_processes

PATIENCE_S = 180.0


@dataclass
class Trials:
    """What a fault that was repeated has led to.

    Attributes
    ----------
    name : str
        The fault.
    ends : Counter[str]
        How often a run ended in which way.
    left : Counter[str]
        What was left behind, and how often: processes, files, nodes.
    sentences : set[str]
        What the user was told.
    """

    name: str
    ends: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    sentences: set[str] = field(default_factory=set)
    longest_end_s: float = 0.0
    """From the fault to the end of the run."""

    @property
    def count(self) -> int:
        """How often it was tried."""
        return sum(self.ends.values())


class Watch:
    """Compares processes, temporary files, nodes and the state of the panel with what they were.

    Parameters
    ----------
    panel : Any
        The panel's driver.
    store : Path
        Where models and caches are kept.
    """

    def __init__(self, panel: Any, store: Path) -> None:
        self._panel = panel
        self._store = store
        self._files = self._present_files()
        self._nodes = self._present_nodes()

    def left_behind(self) -> Counter[str]:
        """Return what is there and was not: one for each process, file and node, and for a window that is not ready."""
        found: Counter[str] = Counter()
        found["process"] = len(remaining_processes(5.0))
        found["file"] = len(self._present_files() - self._files)
        found["node"] = len(self._present_nodes() - self._nodes)
        found["window"] = int(self._panel.logic.busy or self._panel.ui.applyButton.text != "Apply")
        return +found

    def _present_files(self) -> set[str]:
        own = self._panel.logic.runner.temporary_root.glob(
            "TotalPassport*"
        )  # a child's own are within its folder there
        held = [path for path in self._store.rglob("*") if "locks" not in path.parts]
        return {str(path) for path in (*own, *held)}

    def _present_nodes(self) -> set[str]:
        import slicer

        nodes = (slicer.mrmlScene.GetNthNode(index) for index in range(slicer.mrmlScene.GetNumberOfNodes()))
        return {f"{node.GetClassName()} {node.GetID()}" for node in nodes}


class Faults:
    """Starts runs and spoils them.

    Parameters
    ----------
    panel : Any
        The panel's driver, with a scan chosen.
    store : Path
        Where models and caches are kept.
    seed : int
        Of the moments at which something happens.
    """

    def __init__(self, panel: Any, store: Path, seed: int = 0) -> None:
        self.panel = panel
        self._store = store
        self._random = random.Random(seed)
        self.usual_s = 0.0
        """How long a run takes that nobody spoils."""

    def run_undisturbed(self) -> Any:
        """Run once, measure that, and return how it ended."""
        start = time.monotonic()
        self.panel.apply()
        outcome = self.panel.wait(PATIENCE_S)
        self.usual_s = time.monotonic() - start
        return outcome

    def repeat(self, name: str, spoil: Callable[[], None], count: int) -> Trials:
        """Let a fault befall runs, each at a random moment of it, and return what came of that."""
        trials = Trials(name)
        for _trial in range(count):
            watch = Watch(self.panel, self._store)
            self.panel.apply()
            self._pass_time(self._random.uniform(0, self.usual_s))
            start = time.monotonic()
            if self.panel.logic.busy:
                spoil()
            self._conclude(trials, watch, start)
        return trials

    def attempt(self, name: str, around: Callable[[], Any], count: int) -> Trials:
        """Run while something is as it should not be, from beginning to end, and return what came of that."""
        trials = Trials(name)
        for _trial in range(count):
            watch = Watch(self.panel, self._store)
            start = time.monotonic()
            with around():
                self.panel.apply()
                self.panel.logic.waitForFinished(PATIENCE_S)
            self._conclude(trials, watch, start)
        return trials

    def _conclude(self, trials: Trials, watch: Watch, start: float) -> None:
        outcome = self.panel.logic.waitForFinished(PATIENCE_S)
        trials.longest_end_s = max(trials.longest_end_s, time.monotonic() - start)
        told = self.panel.error_dialogs()
        trials.sentences |= set(told)
        trials.ends["refused" if outcome is None and told else "none" if outcome is None else outcome.status.value] += 1
        left = watch.left_behind()
        if outcome is not None and outcome.status.value == "done":
            del left["node"]  # those are its results
        trials.left += left

    def _pass_time(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.panel.logic.busy:
            self.panel.host.process_events()
            time.sleep(0.005)

    # -- faults ---------------------------------------------------------------------------------------------------

    def kill_everything(self) -> None:
        """Kill all processes of the run, as the system does when memory is short."""
        for pid in session_processes():
            _kill(pid)

    def kill_the_launcher(self) -> None:
        """Kill the process that Slicer has started, and not the one that it has started."""
        process = self.panel.logic.runner._process
        if process is not None:
            _kill(int(process.processId()))

    def remove_the_folder(self) -> None:
        """Remove the run's private folder, as a cleaner of temporary files does."""
        for folder in self.panel.temporary_folders():
            shutil.rmtree(folder, ignore_errors=True)

    def close_the_scene(self) -> None:
        """Close the scene; the caller brings the scan back."""
        import slicer

        slicer.mrmlScene.Clear(False)

    def quit_slicer(self) -> None:
        """Tell everybody that Slicer quits."""
        self.panel.host.app.aboutToQuit.emit()

    @contextmanager
    def full_disk(self, folder: Path, size: str) -> Iterator[None]:
        """Let temporary files go to a disk that holds no more than a size, such as ``100k``; needs to be root."""
        import subprocess

        before = str(self.panel.host.app.temporaryPath)
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise OSError(done.stderr.strip())
        try:
            self.panel.host.app.setTemporaryPath(str(folder))
            yield
            assert list(folder.iterdir()) == [], "the full disk is as empty as before"
        finally:
            self.panel.host.app.setTemporaryPath(before)
            subprocess.run(["umount", "-l", str(folder)], check=True)


def memory_mb() -> float:
    """Return how much memory this process holds, in 10^6 bytes; NaN where nobody says."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return float("nan")
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:  # it ended by itself meanwhile
        return
