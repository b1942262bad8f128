"""The options of a run are the same wherever a run is started: in Python, on the command line, in the job file."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.files import DATA_FOLDER, validate
from TotalPassportLib.cli.parser import CommandParser
from TotalPassportLib.cli.terminal import add_options
from TotalPassportLib.options import OutputPaths, RunOptions, option_names
from TotalPassportLib.segmentation.engines import PRECISIONS

JOB = {"schema": "totalpassport-job/1", "action": "run", "ct": "ct.nii", "output_folder": "out"}
OTHERS: dict[str, Any] = {
    "model": "full",
    "provider": "cpu",
    "precision": "turbo",
    "threads": 3,
    "roi": ("liver", "vertebrae_L1"),
    "statistics": True,
    "statistics_include_incomplete": True,
    "remove_small_blobs": True,
    "measure_on": "model",
    "preview": True,
    "confidence": True,
    "task": ("total", "lung_vessels"),
    "fast": True,
    "fastest": True,
    "model_size": "small",
    "save_logits": True,
    "save_probabilities": "last",
    "roi_subset": ("liver",),
    "roi_subset_robust": ("spleen",),
    "robust_crop": True,
    "body_seg": True,
    "force_split": True,
    "higher_order_resampling": True,
    "higher_order_resampling_legacy": True,
    "resampling_order": 3,
    "save_lowres": True,
    "v1_order": True,
    "masks": True,
    "derived_masks": False,
    "task_labels": True,
    "statistics_aggregation": "median",
    "statistics_extra": True,
    "statistics_normalized": True,
    "small_blobs_mm3": 12.5,
    "weights": "weights",
    "overwrite": True,
    "format": ("seg.nrrd", "dcm-seg"),
    "series": "2",
}
"""A value beside the default of every option."""
KINDS = {bool: "boolean", str: "string", tuple[str, ...]: "array", int: "integer", float: "number"}


def schema_properties() -> dict[str, dict[str, Any]]:
    text = (DATA_FOLDER / "schemas" / "job.schema.json").read_text(encoding="utf-8")
    return json.loads(text)["properties"]


def test_the_job_files_schema_names_every_option_with_its_type_and_default() -> None:
    properties, types = schema_properties(), get_type_hints(RunOptions)
    assert {name for name, rule in properties.items() if "default" in rule} == set(option_names())
    for option in fields(RunOptions):
        rule, kind = properties[option.name], types[option.name]
        assert rule["default"] == RunOptions().entries()[option.name], option.name
        if kind in (int, float):
            assert (rule["minimum"], rule["maximum"]) == (option.metadata["least"], option.metadata["most"])
        if kind in KINDS:
            assert rule["type"] == KINDS[kind], option.name
        else:
            assert tuple(rule["enum"]) == get_args(kind), option.name


def test_the_precisions_that_can_be_asked_for_are_those_that_there_are() -> None:
    assert get_args(get_type_hints(RunOptions)["precision"]) == PRECISIONS


def test_every_option_travels_through_a_job_file() -> None:
    options = RunOptions(**OTHERS)
    assert set(OTHERS) == set(option_names())
    assert all(getattr(options, name) != getattr(RunOptions(), name) for name in option_names())
    job = json.loads(json.dumps({**JOB, **options.entries()}))
    validate(job, "job", "The job file")
    assert RunOptions.from_entries(job) == options


def test_a_job_file_may_leave_out_any_option_and_may_not_misspell_one() -> None:
    assert RunOptions.from_entries(JOB) == RunOptions()
    validate(JOB, "job", "The job file")
    for wrong in ({"previw": True}, {"preview": "yes"}, {"precision": "best"}, {"roi": "liver"}):
        with pytest.raises(BadInput):
            validate({**JOB, **wrong}, "job", "The job file")


def test_every_option_has_an_argument_on_the_command_line() -> None:
    parser = CommandParser()
    add_options(parser)
    assert RunOptions.from_entries(vars(parser.parse_args([]))) == RunOptions()
    arguments: list[str] = []
    for name, value in OTHERS.items():
        values = [] if value is True else list(value) if isinstance(value, tuple) else [str(value)]
        if value is False:
            name, values = f"no_{name}", []
        arguments += [f"--{name.replace('_', '-')}", *values]
    assert RunOptions.from_entries(vars(parser.parse_args(arguments))) == RunOptions(**OTHERS)
    text = "".join(parser.format_help().split())
    assert all("".join(option.metadata["help"].split()) in text for option in fields(RunOptions))


def test_only_what_was_asked_for_has_a_path() -> None:
    plain = OutputPaths.in_folder(Path("out"), "ct", RunOptions())
    assert plain.written() == {
        "segmentation": Path("out/ct_segmentation.nii.gz"),
        "passport": Path("out/ct_passport.json"),
    }
    whole = OutputPaths.in_folder(Path("out"), "ct", RunOptions(preview=True, statistics=True))
    assert list(whole.written()) == ["segmentation", "passport", "statistics", "preview"]
    assert (whole.statistics, whole.preview) == (Path("out/ct_statistics.json"), Path("out/ct_preview.png"))
