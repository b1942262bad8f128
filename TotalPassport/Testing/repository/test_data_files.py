"""Every bundled data file is what its schema says, and every schema is one."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from TotalPassportLib.base.files import DATA_FOLDER

SCHEMAS = sorted(path.name.removesuffix(".schema.json") for path in (DATA_FOLDER / "schemas").glob("*.schema.json"))
DOCUMENTS = {
    "catalogue.json": "catalogue",
    "checks.json": "checks",
    "engines.json": "engines",
    "measurements.json": "measurements",
    "official_groups.json": "structure_groups",
    "packages.json": "packages",
    "quality_checks.json": "quality_checks",
    "structure_aliases.json": "structure_aliases",
    "structure_groups.json": "structure_groups",
    "../../Resources/pip_failures.json": "pip_failures",
    **{str(path.relative_to(DATA_FOLDER)): "labels" for path in (DATA_FOLDER / "labels").glob("*.json")},
    **{str(path.relative_to(DATA_FOLDER)): "model" for path in DATA_FOLDER.glob("*/model.json")},
}


def load(path: Path) -> object:
    return json.loads(path.read_text(encoding="utf-8"))


def schema(name: str) -> dict:
    return load(DATA_FOLDER / "schemas" / f"{name}.schema.json")


def test_the_formats_of_the_architecture_are_there() -> None:
    assert {"catalogue", "job", "labels", "model", "passport"} <= set(SCHEMAS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_valid_itself(name: str) -> None:
    jsonschema.Draft7Validator.check_schema(schema(name))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_bundled_document_is_valid_by_its_schema(name: str) -> None:
    jsonschema.Draft7Validator(schema(DOCUMENTS[name])).validate(load(DATA_FOLDER / name))


@pytest.mark.parametrize(
    "job",
    [
        {"action": "run", "ct": "a.nii", "output_folder": "out"},
        {"action": "passport", "segmentation": "a.nii", "output": "p.json", "cancel_file": "c", "scratch_folder": "s"},
    ],
)
def test_jobs_of_the_architecture_are_valid_and_half_ones_are_not(job: dict) -> None:
    validator = jsonschema.Draft7Validator(schema("job"))
    validator.validate({"schema": "totalpassport-job/1", **job})
    for field in list(job)[:3]:
        assert not validator.is_valid({"schema": "totalpassport-job/1"} | {k: v for k, v in job.items() if k != field})
