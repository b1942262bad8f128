"""Whatever goes wrong in the middle of a run, no process, file or node stays; ``bench-faults`` tries it at length.

The moments are drawn anew, from a fixed seed, for each fault.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from support.run_faults import Faults, Watch

SLOW_PHANTOM = """
emit(event="started", pid=os.getpid(), version="0", stages=["load"])
for step in range(20):
    emit(event="progress", stage="load", fraction=step / 40)
    time.sleep(0.03)
"""
"""Something to be spoilt, before the phantom's child does its work."""

pytestmark = pytest.mark.slow


@pytest.fixture
def faults(home: Path, ready: Any) -> Faults:
    """Runs that take about a second."""
    ready.use_child(SLOW_PHANTOM + ready.phantom_child)
    faults = Faults(ready, home)
    assert faults.run_undisturbed().status.value == "done"
    return faults


@pytest.mark.parametrize("fault", ["kill_everything", "kill_the_launcher", "remove_the_folder", "quit_slicer"])
def test_a_fault_at_a_random_moment_leaves_nothing(faults: Faults, fault: str) -> None:
    trials = faults.repeat(fault, getattr(faults, fault), 3)
    assert not trials.left
    assert trials.count == 3
    assert set(trials.ends) <= {"done", "failed", "cancelled"}
    assert all(sentence.endswith(".") for sentence in trials.sentences)


def test_a_scene_that_closes_in_the_middle_leaves_nothing(faults: Faults) -> None:
    panel = faults.panel

    def close() -> None:
        faults.close_the_scene()
        panel.phantom = panel.add_phantom()
        panel.host.enter(panel.widget)
        panel.choose_scan(panel.phantom)

    trials = faults.repeat("scene closed", close, 3)
    assert not trials.left
    assert not trials.sentences


def test_a_module_that_is_reloaded_in_the_middle_ends_the_run_and_works_again(faults: Faults) -> None:
    from host.reloading import reload_module

    panel = faults.panel
    script = panel.logic.runner.script
    watch = Watch(panel, panel.logic.runner.temporary_root)
    panel.apply()
    panel.wait_until(lambda: panel.ui.progressBar.value > 10)
    panel.widget = reload_module(panel.host, panel.widget)
    panel.ui, panel.logic = panel.widget.ui, panel.widget.logic
    assert not watch.left_behind()
    panel.logic.runner.script = script
    panel.host.enter(panel.widget)
    panel.choose_scan(panel.phantom)
    assert panel.apply_and_wait().status.value == "done"


@pytest.mark.parametrize("size", ["60k", "100k"])
def test_a_full_disk_is_a_sentence_and_leaves_nothing(faults: Faults, tmp_path: Path, size: str) -> None:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    try:
        trials = faults.attempt("full disk", lambda: faults.full_disk(tmp_path, size), 1)
    except OSError as error:
        pytest.skip(f"a small disk cannot be mounted here: {error}")
    assert not trials.left
    (sentence,) = trials.sentences
    assert "disk is full" in sentence or "No space left" in sentence
    if "disk is full" in sentence:
        assert "Application Settings" in sentence, "a run in the window has no output folder to choose"


def test_runs_in_a_row_make_no_more_nodes_than_one(faults: Faults) -> None:
    watch = Watch(faults.panel, faults.panel.logic.runner.temporary_root)
    for _run in range(4):
        assert faults.run_undisturbed().status.value == "done"
    assert not watch.left_behind()
