"""A cohort that the tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.cohorts import PATTERN, write_passports
from TotalPassportLib.cohorts import Cohort
from TotalPassportLib.cohorts.building import BuildOptions, build_cohort


@pytest.fixture(scope="session")
def passports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A batch's folder, with another JSON file beside the passports."""
    folder = tmp_path_factory.mktemp("batch")
    write_passports(folder / "passports")
    (folder / "results.json").write_text("{}", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def cohort_folder(passports: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("cohort") / "c"
    build_cohort(passports, output, BuildOptions(pattern=PATTERN))
    return output


@pytest.fixture(scope="session")
def cohort(cohort_folder: Path) -> Cohort:
    return Cohort(cohort_folder)
