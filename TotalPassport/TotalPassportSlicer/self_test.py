"""The whole story with the demo model, as the module's own test tells it, in Slicer and in the test host."""

from __future__ import annotations

import unittest
from collections.abc import Callable
from typing import Any

from TotalPassportLib.options import RunOptions

from .child.jobs import Status
from .install import installation
from .nodes.sample_data import SAMPLE_NAME, register_sample_data


def run_story(logic: Any, tell: Callable[[str], None]) -> None:
    """Check that the sample CT gives organs, a passport, and all their nodes.

    Parameters
    ----------
    logic : Any
        The module's logic.
    tell : Callable[[str], None]
        Shows what is going on.

    Raises
    ------
    unittest.SkipTest
        The packages that it needs are not installed, as in a fresh Slicer, and nobody is there to be asked.
    """
    import SampleData

    missing = installation.missing_requirements()
    if missing:
        raise unittest.SkipTest(f"optional: these Python packages are not installed: {', '.join(missing)}")

    tell("Loading the sample CT")
    register_sample_data()
    volume = SampleData.downloadSample(SAMPLE_NAME)
    logic.process(volume, RunOptions(model="demo"))
    outcome = logic.waitForFinished(600)
    assert outcome.status is Status.DONE, outcome.sentence
    nodes = outcome.value
    passport = logic.passportOf(nodes.document)
    organs = passport.organs
    assert len(organs) >= 15
    assert "unknown_scan" not in [finding.code for finding in passport.findings]
    assert nodes.centroids.GetNumberOfControlPoints() == nodes.table.GetNumberOfRows() == len(organs)
    logic.show(nodes, surfaces=True, centroids=True, axes=True)
    logic.showOrgan(nodes, next(iter(organs.values())))
    assert nodes.selected_axes[0].GetDisplayNode().GetVisibility()
    tell("Test passed")


def run_or_say_why_not(test: Callable[[], None], tell: Callable[[str], None]) -> None:
    """Run a test outside of a test runner, such as with "Reload and Test", where skipping would look like a failure.

    Parameters
    ----------
    test : Callable[[], None]
        The test.
    tell : Callable[[str], None]
        Shows why it was skipped, if it was.
    """
    try:
        test()
    except unittest.SkipTest as reason:
        tell(f"Skipped; {reason}")
