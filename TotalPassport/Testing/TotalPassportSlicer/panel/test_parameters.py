"""What is chosen in the panel is what the run is asked for, without anybody in between who lists it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from TotalPassportLib.options import RunOptions


def test_the_panels_choices_are_the_runs_options(panel: Any) -> None:
    from TotalPassportSlicer.panel.parameters import run_options

    parameters = panel.logic.getParameterNode()
    assert run_options(parameters) == RunOptions()
    parameters.model, parameters.precision, parameters.provider = "full", "turbo", "cpu"
    assert run_options(parameters) == RunOptions(model="full", precision="turbo", provider="cpu")


def test_a_parameter_that_bears_an_options_name_needs_nothing_more_to_be_one(application: Any) -> None:
    from TotalPassportSlicer.panel.parameters import run_options

    parameters = SimpleNamespace(model="fast", removeSmallBlobs=True, show3D=False)
    assert run_options(parameters) == RunOptions(remove_small_blobs=True)
