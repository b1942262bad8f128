"""Batches as processes that are killed, and what two batches have in common when time stamps are left out."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .processes import command_line, environment

CREATED = re.compile(rb'"created": "[^"]*"')
LATENCIES = re.compile(rb'"(latency_total_sec|preprocessing|inference|postprocessing|passport_extraction|'
                       rb'load|prepare|infer|restore|describe|write)": [0-9.e+-]+')  # fmt: skip


def bytes_of_batch(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file of a batch, hidden ones too, without time stamps and latencies."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = CREATED.sub(b'"created": ""', path.read_bytes())
            found[path.relative_to(folder).as_posix()] = LATENCIES.sub(rb'"\1": 0', content)
    return found


def differences(one: Path, other: Path) -> list[str]:
    """Return the names of files that are in one of two batches only, or differ."""
    first, second = bytes_of_batch(one), bytes_of_batch(other)
    return sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))


def run_killed(
    arguments: Sequence[object], kills: int, seconds: tuple[float, float], seed: int, give_up: float = 3000.0
) -> list[dict[str, Any]]:
    """Run a batch, killed after random times by SIGKILL, SIGTERM or SIGINT, until it ends by itself.

    Parameters
    ----------
    arguments : sequence
        Of the command line.
    kills : int
        How often it is killed; after that it runs to its end.
    seconds : tuple of float
        Between which times after its start it is killed.
    seed : int
        Of the times and signals.

    Returns
    -------
    list of dict
        For each start, ``signal`` (None for none) and ``code``.
    """
    dice = random.Random(seed)
    told: list[dict[str, Any]] = []
    while True:
        process = subprocess.Popen(
            command_line(*arguments), env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        number = dice.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
        if len(told) >= kills:
            told.append({"signal": None, "code": process.wait(give_up)})
            return told
        try:
            told.append({"signal": None, "code": process.wait(dice.uniform(*seconds))})
            return told  # it was faster
        except subprocess.TimeoutExpired:
            os.kill(process.pid, number)
        told.append({"signal": signal.Signals(number).name, "code": process.wait(60)})


def finished(folder: Path) -> int:
    """Return how many scans of a batch have results so far."""
    records = (folder / "records").glob("*.json")
    return sum("error" not in json.loads(path.read_text(encoding="utf-8"))["result"] for path in records)


def wait_until(condition: Any, seconds: float = 60.0) -> bool:
    """Return whether a condition comes true within some time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False
