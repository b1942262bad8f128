#!/usr/bin/env python3
"""What is left behind when things go wrong, in the test host with the real child: a table, a line for each fault.

    python TotalPassport/Testing/benchmarks/faults.py [--kills 20] [--trials 5] [--runs 20] [--seed 0] [--only FAULT]

Runs of the demo model on a small scan are spoilt at random moments: all their processes are killed, or the launcher
alone; their private folder is removed; the scene is closed; the module is reloaded; Slicer quits, or is killed; the
disk is full. After each the processes, temporary files, files of the store and nodes are compared with those before.
Then as many runs follow one another, and their nodes, files and memory are counted. The exit code is 1 if anything was
left.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

TESTING = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTING), str(TESTING.parent)]

DISK_SIZES = ("60k", "200k", "320k")
"""Too small for the scan, for what the child makes of it, and for the rest; the scan takes 86 kB."""
PARENT = """
import sys, time
sys.path[:0] = [{testing!r}, {module!r}]
sys.argv = ["faults"]
import benchmarks.faults as faults

panel = faults.open_ready_panel()
panel.apply()
print(panel.logic.runner.temporary_root, flush=True)
while True:
    panel.host.process_events()
    time.sleep(0.005)
"""


def open_ready_panel() -> Any:
    """Start the host and return the panel, one click away from a run of the real child."""
    from host import SlicerHost
    from screenshots import open_panel

    panel = open_panel(SlicerHost.start())
    choose_scan(panel)
    return panel


def choose_scan(panel: Any) -> None:
    """Bring the scan into the scene and choose it."""
    panel.phantom = panel.add_phantom()
    panel.host.enter(panel.widget)
    panel.choose_scan(panel.phantom)


def close_scene(faults: Any) -> None:
    """Close the scene, and bring the scan back into the new one."""
    faults.close_the_scene()
    choose_scan(faults.panel)


def reload_module(faults: Any) -> None:
    """Press "Reload"."""
    from host.reloading import reload_module

    panel = faults.panel
    panel.widget = reload_module(panel.host, panel.widget)
    panel.ui, panel.logic = panel.widget.ui, panel.widget.logic
    panel.host.enter(panel.widget)
    panel.choose_scan(panel.phantom)


def spoil_all(faults: Any, kills: int, trials: int, only: str = "") -> Iterator[Any]:
    """Let every fault befall runs, or one, and yield what came of each."""
    kinds = {
        "all processes killed": faults.kill_everything,
        "launcher killed": faults.kill_the_launcher,
        "folder removed": faults.remove_the_folder,
        "Cancel": lambda: faults.panel.logic.cancel(),
        "Slicer quits": faults.quit_slicer,
        "scene closed": partial(close_scene, faults),
        "module reloaded": partial(reload_module, faults),
    }
    for name, spoil in kinds.items():
        if only in ("", name):
            yield faults.repeat(name, spoil, kills if name == "all processes killed" else trials)
    if not only:
        yield from fill_disks(faults)


def fill_disks(faults: Any) -> Iterator[Any]:
    """Let runs work on disks that are too small."""
    with tempfile.TemporaryDirectory() as folder:
        for size in DISK_SIZES if os.name == "posix" and os.geteuid() == 0 else ():
            yield faults.attempt(f"disk of {size}", partial(faults.full_disk, Path(folder), size), 1)


def kill_parents(trials: int, usual_s: float, seed: int) -> Any:
    """Kill whole applications in the middle of a run: do their children end, and what does the next one find?"""
    import random

    from support.run_faults import Trials

    moments = random.Random(seed)
    found = Trials("Slicer killed")
    for _trial in range(trials):
        environment = {**os.environ, "TOTALPASSPORT_HOST_SESSION": f"faults-{os.getpid()}-{_trial}"}
        code = PARENT.format(testing=str(TESTING), module=str(TESTING.parent))
        parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
        root = Path(parent.stdout.readline().strip())
        time.sleep(moments.uniform(0, usual_s))
        below = _descendants(parent.pid)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        start = time.monotonic()
        while any(map(_is_alive, below)) and time.monotonic() - start < 30:
            time.sleep(0.02)
        found.longest_end_s = max(found.longest_end_s, time.monotonic() - start)
        found.ends["killed"] += 1
        found.left["process"] += sum(map(_is_alive, below))
        found.left["file"] += _swept(root)
    found.left = +found.left
    return found


def _swept(root: Path) -> int:
    """Let the next start sweep up, and return how many folders stay."""
    from TotalPassportSlicer.child.workspace import PREFIX, remove_stale

    remove_stale(root)
    return len(list(root.glob(f"{PREFIX}*")))


def _descendants(pid: int) -> list[int]:
    from TotalPassportSlicer.child.process_table import descendants

    return descendants(pid)


def _is_alive(pid: int) -> bool:
    from TotalPassportSlicer.child.process_table import is_alive

    return is_alive(pid)


def run_in_a_row(faults: Any, store: Path, runs: int) -> tuple[Any, list[float]]:
    """Run many times; return what came of it, and the memory after each run."""
    from support.run_faults import Trials, Watch, memory_mb

    found, memory = Trials("nothing, in a row"), []
    faults.run_undisturbed()  # its nodes are used again
    watch = Watch(faults.panel, store)
    for _run in range(runs):
        outcome = faults.run_undisturbed()
        found.ends[outcome.status.value] += 1
        found.longest_end_s = max(found.longest_end_s, faults.usual_s)
        memory.append(memory_mb())
    found.left = watch.left_behind()
    return found, memory


def print_row(row: Any) -> None:
    """Print what came of a fault."""
    ends = ", ".join(f"{count} {end}" for end, count in sorted(row.ends.items()))
    left = ", ".join(f"{count} {what}" for what, count in sorted(row.left.items())) or "nothing"
    print(f"{row.name:24}{row.count:>7}  {ends:34}{row.longest_end_s:>7.1f} s  {left}", flush=True)


@contextmanager
def own_store() -> Iterator[Path]:
    """Yield an empty folder in which models and caches are kept meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TOTALPASSPORT_HOME"] = folder
        yield Path(folder)


def main() -> int:
    """Spoil runs, and print what is left of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--kills", type=int, default=20, help="how often all processes of a run are killed")
    parser.add_argument("--trials", type=int, default=5, help="how often each other fault is tried")
    parser.add_argument("--runs", type=int, default=20, help="how many runs follow one another at the end")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--only", default="", metavar="FAULT", help="one of the faults by its name, and nothing else")
    arguments = parser.parse_args()
    with own_store() as store:
        from support.run_faults import Faults

        faults = Faults(open_ready_panel(), store, arguments.seed)
        faults.run_undisturbed()
        faults.run_undisturbed()  # the first one has loaded everything from the disk
        print(f"A run takes {faults.usual_s:.1f} s.", flush=True)
        print(f"{'fault':24}{'trials':>7}  {'ended':34}{'longest':>9}  left behind")
        rows, memory = [], []
        for row in spoil_all(faults, arguments.kills, arguments.trials, arguments.only):
            rows.append(row)
            print_row(row)
        if arguments.only and not rows:
            parser.error(f"there is no fault '{arguments.only}'")
        if not arguments.only:
            rows.append(kill_parents(arguments.trials, faults.usual_s, arguments.seed))
            print_row(rows[-1])
            row, memory = run_in_a_row(faults, store, arguments.runs)
            rows.append(row)
            print_row(row)
        for sentence in sorted({sentence for row in rows for sentence in row.sentences}):
            print(f"  told: {sentence}")
        print("memory after each run in MB:", " ".join(f"{each:.0f}" for each in memory))
        faults.panel.host.reset()
    return int(any(sum(Counter(row.left).values()) for row in rows))


if __name__ == "__main__":
    sys.exit(main())
