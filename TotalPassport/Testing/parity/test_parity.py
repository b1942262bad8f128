"""The same weights and scan give the official package's labels, geometry, header and numbers."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
import pytest
from support.weights import isolate
from TotalPassportLib.image.label_names import stored_label_names
from TotalPassportLib.models.transfer.weights import weights_model
from TotalPassportLib.options import RunOptions
from TotalPassportLib.pipeline import run

from parity.cases import FIXTURES, MANIFEST, Case, committed_cases, manifest, shared_cases
from parity.comparison import allowed_differences, compare_labels, header_differences, statistics_differences
from parity.conftest import AGREEMENT

COMMITTED = committed_cases()
SHARED = (
    "anisotropic_psl.fast",
    "anisotropic_psl.fastest",
    "example_ct.fast",
    "example_ct.fastest",
    "example_ct_sm.full",
    "zero_border_float32.fast",
)
MOST_BYTES = 3_000_000
"""Fixtures are in everybody's clone."""


@dataclass(frozen=True)
class Pair:
    """A case and what we made of it."""

    title: str
    case: Case
    labels: Path
    statistics: Path | None


@pytest.fixture(
    scope="module", params=[f"committed/{name}" for name in COMMITTED] + [f"shared/{name}" for name in SHARED]
)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """One case after the other, segmented by us from the official weights."""
    source, name = request.param.split("/")
    cases = COMMITTED if source == "committed" else shared_cases(request.getfixturevalue("shared"))
    case = cases[name]
    folder = tmp_path_factory.getbasetemp() / "parity"
    with pytest.MonkeyPatch.context() as monkeypatch:
        isolate(monkeypatch, folder)  # one cache for all cases: each network is converted once
        model = weights_model(case.mode, case.weights)
        options = RunOptions(
            model=str(model),
            roi=tuple(case.roi),
            statistics=case.statistics is not None,
            remove_small_blobs=case.remove_small_blobs,
        )
        paths = run(case.scan, folder / source / name, options).paths
    return Pair(request.param, case, paths.segmentation, paths.statistics)


def test_the_labels_are_those_of_the_official_package(pair: Pair, record_property: pytest.RecordProperty) -> None:
    agreement = compare_labels(pair.labels, pair.case.labels)
    record_property(AGREEMENT, (pair.title, str(agreement)))
    assert agreement.differing <= allowed_differences(pair.case), str(agreement)


def test_the_geometry_is_that_of_the_official_file(pair: Pair) -> None:
    ours, official = nibabel.load(pair.labels), nibabel.load(pair.case.labels)
    assert ours.shape == official.shape
    assert np.array_equal(ours.affine, official.affine)


def test_every_header_field_is_that_of_the_official_file(pair: Pair) -> None:
    assert header_differences(pair.labels, pair.case.labels) == {}


def test_the_header_names_the_labels_as_the_official_file_does(pair: Pair) -> None:
    ours, official = (stored_label_names(nibabel.load(path).header) for path in (pair.labels, pair.case.labels))
    assert official
    assert ours == official


def test_the_statistics_are_the_official_ones(pair: Pair) -> None:
    if pair.statistics is None:
        assert pair.case.statistics is None
        return
    assert statistics_differences(pair.statistics, pair.case) == []


def test_no_case_of_the_shared_folder_is_forgotten(shared: Path) -> None:
    assert sorted(shared_cases(shared)) == sorted(SHARED)


def test_every_fixture_is_the_file_that_the_official_package_left() -> None:
    files = {path for path in FIXTURES.rglob("*") if path.is_file() and path.name != MANIFEST}
    hashes = {path.relative_to(FIXTURES).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert hashes == manifest()["sha256"]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES


@pytest.mark.parametrize("name", COMMITTED)
def test_a_fixture_has_enough_labels_to_tell_right_from_wrong(name: str) -> None:
    case = COMMITTED[name]
    labels = np.unique(np.asarray(nibabel.load(case.labels).dataobj))
    assert len(labels) >= (4 if case.roi else 30)
    if case.statistics is not None and "thin" not in name:
        numbers = json.loads(case.statistics.read_text(encoding="utf-8"))
        assert sum(structure["volume"] > 0 for structure in numbers.values()) >= 2
