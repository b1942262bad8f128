"""There is one truth of an organ: a run's passport says of the segmentation what anybody measures in its file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from parity.cases import committed_cases
from support.scans import grid_around, rasterise, rotation, save_nifti
from support.weights import isolate
from TotalPassportLib.base.labels import load_label_table
from TotalPassportLib.comparison.changes import compare
from TotalPassportLib.description_run import describe
from TotalPassportLib.image.nifti import affine_in_label_file, save_labels
from TotalPassportLib.image.volume import Volume, load_segmentation
from TotalPassportLib.models.transfer.weights import weights_model
from TotalPassportLib.options import RunOptions
from TotalPassportLib.passport import read_passport, write_passport
from TotalPassportLib.pipeline import run

PROVENANCE = ("created", "source", "model", "software")
"""Of a passport's header: what made it, which is another program for each way."""
EYE = np.eye(3)
OBLIQUE = rotation((20.0, -30.0, 40.0))
GRIDS = {
    "anisotropic": (EYE, (0.9, 0.9, 5.0)),
    "flipped, axes in another order": (EYE[:, [1, 2, 0]] * [1, -1, 1], (1.5, 2.5, 2.0)),
    "oblique LPS, anisotropic": (OBLIQUE * [-1, -1, 1], (1.2, 1.2, 3.5)),
    "at the model's spacing": (EYE, (3.0, 3.0, 3.0)),
    "coarser than the model": (EYE * [-1, -1, 1], (4.0, 4.0, 6.0)),
}


def measured(path: Path) -> dict[str, Any]:
    """Return a passport's document without what says how it was made."""
    document = json.loads(path.read_text(encoding="utf-8"))
    return {key: value for key, value in document.items() if key not in PROVENANCE}


def both_ways(ct: Path, folder: Path, options: RunOptions) -> tuple[Path, Path]:
    """Return the passport of a run, and the passport of the segmentation that it wrote."""
    paths = run(ct, folder, options).paths
    described = folder / "described.json"
    describe(paths.segmentation, described, ct=ct)
    return paths.passport, described


@pytest.fixture(params=GRIDS)
def scan(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    directions, spacing_mm = GRIDS[request.param]
    shape, affine = grid_around(directions, spacing_mm, (13.0, -240.0, 1830.0))
    voxels = rasterise(shape, affine, (13.0, -240.0, 1830.0))
    return save_nifti(tmp_path / "ct.nii.gz", voxels, affine)


def test_the_passport_of_a_run_is_that_of_its_segmentation_file_field_by_field(
    scan: Path, threshold_model: Path, tmp_path: Path
) -> None:
    ran, described = both_ways(scan, tmp_path / "out", RunOptions(model=str(threshold_model)))
    assert len(measured(ran)["organs"]) == 3
    assert measured(ran) == measured(described)


def cut_scan(folder: Path) -> Path:
    """A part of the phantom that cuts its organs, with fractions of a unit and a frame of zeros."""
    shape, affine = grid_around(EYE * [-1, 1, 1], (1.6, 1.6, 2.1), (0.0, 0.0, 0.0))
    voxels = rasterise(shape, affine).astype(np.float32)
    voxels += np.random.default_rng(0).uniform(-40, 40, shape).astype(np.float32)
    voxels = voxels[20:, :40, :]
    voxels[:3], voxels[:, :, -4:] = 0, 0
    return save_nifti(folder / "cut.nii.gz", voxels, affine)


@pytest.mark.parametrize("roi", [(), ("liver", "kidney_right")], ids=["all", "a region of interest"])
def test_so_it_is_where_the_scan_cuts_organs_and_has_fractions(
    roi: tuple[str, ...], threshold_model: Path, tmp_path: Path
) -> None:
    options = RunOptions(model=str(threshold_model), roi=roi, remove_small_blobs=True)
    ran, described = both_ways(cut_scan(tmp_path), tmp_path / "out", options)
    document = measured(ran)
    assert any(organ["touches_border"] for organ in document["organs"].values())
    assert document == measured(described)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A network in the layout of the released fast one, whose weights are random: thousands of specks."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        isolate(monkeypatch, tmp_path_factory.mktemp("home"))
        yield str(weights_model("fast", committed_cases()["oblique_lpi.fast"].weights))


@pytest.mark.parametrize("name", ["oblique_lpi.fast", "anisotropic_psl.fast", "scaled.fast", "qform_only.fast"])
@pytest.mark.slow
def test_so_it_is_of_a_network_that_scatters_many_labels(name: str, network: str, tmp_path: Path) -> None:
    ran, described = both_ways(committed_cases()[name].scan, tmp_path / "out", RunOptions(model=network))
    document = measured(ran)
    assert len(document["organs"]) > 30
    assert document["findings"]
    assert document == measured(described)


@pytest.mark.slow
def test_so_it_is_of_a_real_scan_and_the_demo_model(shared: Path, tmp_path: Path) -> None:
    ran, described = both_ways(shared / "data" / "example_ct_sm.nii.gz", tmp_path / "out", RunOptions(model="demo"))
    document = measured(ran)
    assert document["organs"]
    # That the model does not know this scan is no measure.
    document["findings"] = [finding for finding in document["findings"] if finding["code"] != "unknown_scan"]
    for organ in document["organs"].values():
        organ["checks"].remove("unknown_scan")
    assert document == measured(described)


def test_a_runs_volumes_are_the_voxels_of_its_file_times_their_size(
    scan: Path, threshold_model: Path, tmp_path: Path
) -> None:
    result = run(scan, tmp_path / "out", RunOptions(model=str(threshold_model)))
    image = nibabel.load(result.paths.segmentation)
    voxels, affine = np.asarray(image.dataobj), image.affine
    values = np.asarray(nibabel.load(scan).dataobj)
    for label, organ in result.passport.organs.items():
        inside = voxels == label
        assert organ.voxel_count == inside.sum()
        assert organ.volume_mm3 == pytest.approx(inside.sum() * abs(np.linalg.det(affine[:3, :3])), rel=1e-9)
        assert organ.hu_mean == pytest.approx(values[inside].mean(), abs=1e-6)
        at = np.rint((organ.boundary_points_ras_mm - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T).astype(int)
        assert set(voxels[tuple(at.T)]) == {label}, "boundary points are voxels of the file"


def test_a_run_compared_with_the_passport_of_its_own_file_shows_no_organ_that_differs(
    scan: Path, threshold_model: Path, tmp_path: Path
) -> None:
    ran, described = map(read_passport, both_ways(scan, tmp_path / "out", RunOptions(model=str(threshold_model))))
    comparison = compare(ran, described)
    assert len(comparison.organs) == 3
    for change in comparison.organs:
        assert change.beyond_floor == ()
        assert change.volume_change_percent == 0.0


def test_a_runs_floor_is_that_of_the_networks_grid_however_fine_the_scan_is(
    threshold_model: Path, tmp_path: Path
) -> None:
    floors = []
    for size_mm in (1.0, 3.0):
        shape, affine = grid_around(EYE[:, [1, 2, 0]] * [1, -1, 1], (size_mm,) * 3, (0.0, 0.0, 0.0))
        ct = save_nifti(tmp_path / f"{size_mm}.nii.gz", rasterise(shape, affine), affine)
        passport = run(ct, tmp_path / "out", RunOptions(model=str(threshold_model))).passport
        (change,) = (organ for organ in compare(passport, passport).organs if organ.name == "liver")
        floors.append(change.floor.volume_percent)
    assert floors[0] == pytest.approx(floors[1], rel=0.1)


def test_measured_on_the_networks_grid_the_header_says_so(scan: Path, threshold_model: Path, tmp_path: Path) -> None:
    options = RunOptions(model=str(threshold_model), measure_on="model")
    on_network = run(scan, tmp_path / "model", options)
    on_scan = run(scan, tmp_path / "input", replace(options, measure_on="input"))
    assert on_network.paths.segmentation.read_bytes() == on_scan.paths.segmentation.read_bytes()
    documents = [measured(result.paths.passport) for result in (on_network, on_scan)]
    assert [document["geometry"]["measured_on"] for document in documents] == ["model", "input"]
    assert documents[1]["geometry"]["shape"] == list(nibabel.load(scan).shape)
    np.testing.assert_allclose(documents[0]["geometry"]["spacing_mm"], 3.0, rtol=0.05)
    for label, organ in on_scan.passport.organs.items():
        other = on_network.passport.organs[label]
        assert np.linalg.norm(organ.centroid_ras_mm - other.centroid_ras_mm) < 2.0
    assert read_passport(on_network.paths.passport).measured_on == "model"


def test_a_passport_of_an_older_version_does_not_say_where_it_was_measured(
    threshold_model: Path, phantom_ct: Path, tmp_path: Path
) -> None:
    path = run(phantom_ct, tmp_path, RunOptions(model=str(threshold_model))).paths.passport
    document = json.loads(path.read_text(encoding="utf-8"))
    del document["geometry"]["measured_on"]
    (tmp_path / "old.json").write_text(json.dumps(document), encoding="utf-8")
    old = read_passport(tmp_path / "old.json")
    assert old.measured_on is None
    write_passport(old, tmp_path / "again.json")
    assert "measured_on" not in (tmp_path / "again.json").read_text(encoding="utf-8")


def test_the_affine_that_is_measured_by_is_the_one_that_the_file_has_also_of_scans_that_are_no_nifti_files(
    tmp_path: Path,
) -> None:
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = OBLIQUE * (0.7, 0.8, 1 / 3), (1000 / 3, -1 / 7, 12.1)
    labels = np.ones((4, 5, 6), np.uint8)
    like = Volume(voxels=labels, affine=affine, nominal_spacing_mm=(0.7, 0.8, 1 / 3), header={}, path=tmp_path / "ct")
    save_labels(tmp_path / "labels.nii.gz", labels, like=like, table=load_label_table("total"))
    stored = load_segmentation(tmp_path / "labels.nii.gz")
    assert np.array_equal(stored.affine, affine_in_label_file(like))
    assert not np.array_equal(stored.affine, affine), "headers hold single precision"
    np.testing.assert_allclose(stored.nominal_spacing_mm, (0.7, 0.8, 1 / 3), rtol=1e-6)
