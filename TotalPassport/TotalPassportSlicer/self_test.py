"""The whole story with the demo model, as the module's own test tells it, in Slicer and in the test host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from TotalPassportLib.options import RunOptions

from .child.jobs import Status
from .nodes.sample_data import SAMPLE_NAME, register_sample_data


def run_story(logic: Any, tell: Callable[[str], None]) -> None:
    """Check that the sample CT gives organs, a passport, and all their nodes.

    Parameters
    ----------
    logic : the module's logic.
    tell : shows what is going on.
    """
    import SampleData

    tell("Loading the sample CT")
    register_sample_data()
    volume = SampleData.downloadSample(SAMPLE_NAME)
    logic.process(volume, RunOptions(model="demo"))
    outcome = logic.waitForFinished(600)
    assert outcome.status is Status.DONE, outcome.sentence
    nodes = outcome.value
    organs = logic.passportOf(nodes.document).organs
    assert len(organs) >= 15
    assert nodes.centroids.GetNumberOfControlPoints() == nodes.table.GetNumberOfRows() == len(organs)
    logic.show(nodes, surfaces=True, centroids=True, axes=True)
    logic.showOrgan(nodes, next(iter(organs.values())))
    assert nodes.selected_axes[0].GetDisplayNode().GetVisibility()
    tell("Test passed")
