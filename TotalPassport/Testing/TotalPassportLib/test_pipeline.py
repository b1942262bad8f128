"""The main job from file to files: every organ where it lies in the patient, on the input's grid, all files or none."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image
from support.networks import write_model
from support.processes import files_below
from support.scans import (
    LIVER,
    centroid_in_file,
    grid_around,
    rasterise,
    rotation,
    save_nifti,
    true_centroids,
    true_volumes_mm3,
)
from TotalPassportLib.base.errors import BadInput, Cancelled, ModelError
from TotalPassportLib.base.events import Cancellation, Event
from TotalPassportLib.base.files import DATA_FOLDER
from TotalPassportLib.description_run import DESCRIBE_SHARES, describe
from TotalPassportLib.image.content import content_sha256
from TotalPassportLib.image.label_names import stored_label_names
from TotalPassportLib.image.preview import ERROR_RGB
from TotalPassportLib.image.volume import load_ct
from TotalPassportLib.options import RunOptions
from TotalPassportLib.passport import read_passport
from TotalPassportLib.pipeline import RUN_SHARES, run
from TotalPassportLib.segmentation.engines import engines

CENTROID_VOXELS = 0.35
"""How well a centroid is placed, in voxels of the coarser of the scan's and the model's grid; the spleen has 70."""
RESTORED_CENTROID_VOXELS = 0.5
"""Nearest neighbours on a finer grid shift borders by up to half a voxel of the model."""
MODEL_MM = 3.0
EYE = np.eye(3)
OBLIQUE = rotation((20.0, -30.0, 40.0))
GRIDS = {
    "RAS": (EYE, (2.0, 2.0, 2.5)),
    "LPS": (EYE * [-1, -1, 1], (2.0, 2.0, 2.5)),
    "flipped left to right": (EYE * [-1, 1, 1], (2.0, 2.0, 2.0)),
    "flipped front to back": (EYE * [1, -1, 1], (2.0, 2.0, 2.0)),
    "flipped head to foot": (EYE * [1, 1, -1], (2.0, 2.0, 2.0)),
    "all flipped": (EYE * [-1, -1, -1], (1.7, 2.0, 2.3)),
    "axes S, R, A": (EYE[:, [2, 0, 1]], (2.5, 2.0, 1.5)),
    "axes A, I, L": (EYE[:, [1, 2, 0]] * [1, -1, -1], (1.5, 2.5, 2.0)),
    "axes P, S, R": (EYE[:, [1, 2, 0]] * [-1, 1, 1], (2.0, 2.0, 3.0)),
    "anisotropic": (EYE * [-1, -1, 1], (0.9, 0.9, 5.0)),
    "at the model's spacing": (EYE, (3.0, 3.0, 3.0)),
    "coarser than the model": (EYE, (4.0, 4.0, 4.0)),
    "oblique": (OBLIQUE, (2.0, 2.0, 2.0)),
    "oblique LPS, anisotropic": (OBLIQUE * [-1, -1, 1], (1.2, 1.2, 3.5)),
    "oblique, permuted, left-handed": (OBLIQUE[:, [2, 0, 1]] * [1, -1, 1], (2.2, 1.6, 2.0)),
    "turned by nearly 45 degrees": (rotation((0.0, 0.0, 44.0)), (2.0, 2.0, 2.0)),
}
GEOMETRY = ("dim", "pixdim", "qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x")
GEOMETRY += ("qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z", "xyzt_units")


def labels_of(path: Path) -> np.ndarray:
    return np.asarray(nibabel.load(path).dataobj)


@pytest.mark.parametrize("centre_ras_mm", [(0.0, 0.0, 0.0), (13.0, -240.0, 1830.0)], ids=["at 0", "far"])
@pytest.mark.parametrize("name", GRIDS)
def test_organs_lie_where_they_are_in_the_patient_however_the_scan_is_stored(
    name: str, centre_ras_mm: tuple[float, float, float], threshold_model: Path, tmp_path: Path
) -> None:
    directions, spacing_mm = GRIDS[name]
    shape, affine = grid_around(directions, spacing_mm, centre_ras_mm)
    ct = save_nifti(tmp_path / "ct.nii", rasterise(shape, affine, centre_ras_mm), affine)
    result = run(ct, tmp_path / "out", RunOptions(model=str(threshold_model)))
    assert list(result.passport.organs) == [1, 2, 5]
    voxel_mm = max(*spacing_mm, MODEL_MM)
    for label, centroid in true_centroids().items():
        organ = result.passport.organs[label]
        expected = centroid + centre_ras_mm
        assert np.linalg.norm(organ.centroid_ras_mm - expected) <= RESTORED_CENTROID_VOXELS * voxel_mm, (
            organ.name,
            name,
        )
        stored = centroid_in_file(result.paths.segmentation, label)
        assert np.linalg.norm(stored - expected) <= RESTORED_CENTROID_VOXELS * voxel_mm, (organ.name, name)
        if label != 1:  # eight voxels across are too few for a volume
            assert organ.volume_mm3 == pytest.approx(true_volumes_mm3()[label], rel=0.12)
    before, after = nibabel.load(ct), nibabel.load(result.paths.segmentation)
    for field in GEOMETRY:
        assert np.array_equal(before.header[field], after.header[field]), field
    assert np.array_equal(before.affine, after.affine)


@pytest.mark.parametrize("sform", [True, False])
def test_a_grid_known_by_its_quaternion_only_is_followed_too(
    sform: bool, threshold_model: Path, tmp_path: Path
) -> None:
    shape, affine = grid_around(OBLIQUE * [-1, -1, 1], (2.0, 2.0, 2.5), (5.0, 6.0, 7.0))
    voxels = rasterise(shape, affine, (5.0, 6.0, 7.0))
    ct = save_nifti(tmp_path / "ct.nii", voxels, affine, sform=sform, qform=not sform)
    organs = run(ct, tmp_path / "out", RunOptions(model=str(threshold_model))).passport.organs
    for label, centroid in true_centroids().items():
        assert np.linalg.norm(organs[label].centroid_ras_mm - centroid - (5, 6, 7)) <= CENTROID_VOXELS * MODEL_MM


def test_a_run_writes_labels_with_names_and_a_passport_and_leaves_the_input_alone(
    threshold_model: Path, phantom_ct: Path, tmp_path: Path
) -> None:
    before = hashlib.sha256(phantom_ct.read_bytes()).hexdigest()
    result = run(phantom_ct, tmp_path / "a" / "b", RunOptions(model=str(threshold_model), preview=True))
    assert hashlib.sha256(phantom_ct.read_bytes()).hexdigest() == before
    names = ["phantom_passport.json", "phantom_preview.png", "phantom_segmentation.nii.gz"]
    assert files_below(tmp_path / "a" / "b") == names
    image = nibabel.load(result.paths.segmentation)
    assert image.get_data_dtype() == np.uint8
    assert stored_label_names(image.header) == {1: "spleen", 2: "kidney_right", 5: "liver"}
    assert set(np.unique(np.asarray(image.dataobj))) == {0, 1, 2, 5}
    passport = read_passport(result.paths.passport)
    assert [organ.name for organ in passport.organs.values()] == ["spleen", "kidney_right", "liver"]
    assert passport.source["sha256"] == before
    assert passport.software["provider"] == engines()[0].execution_provider
    assert passport.organs[5].hu_mean == pytest.approx(-500, abs=40)
    assert passport.organs[1].hu_mean == pytest.approx(1500, abs=200)
    document = result.paths.passport.read_text(encoding="utf-8")
    assert "phantom" not in document.replace("phantoms", ""), "a file's name may be a patient's and stays out"


def test_a_model_that_knows_some_scans_only_says_so_on_every_organ_of_another(phantom_ct: Path, tmp_path: Path) -> None:
    ct = load_ct(phantom_ct)
    known = {"shape": list(ct.voxels.shape), "sha256": content_sha256(ct.voxels, ct.affine)}
    model = write_model(tmp_path / "m", known_scans=[known])
    other = save_nifti(tmp_path / "other.nii.gz", ct.voxels + np.int16(1), ct.affine)
    stored_otherwise = save_nifti(tmp_path / "same.nii", ct.voxels.astype(np.float32), ct.affine)
    options = RunOptions(model=str(model), preview=True)
    of_known, of_same, of_other = (
        run(path, tmp_path / path.stem, options) for path in (phantom_ct, stored_otherwise, other)
    )
    for result in (of_known, of_same):
        assert "unknown_scan" not in [finding.code for finding in result.passport.findings]
    finding = of_other.passport.findings[0]
    assert (finding.code, finding.severity, finding.labels) == ("unknown_scan", "error", (1, 2, 5))
    assert all(organ.checks[0] == "unknown_scan" for organ in of_other.passport.organs.values())
    plain, marked = (np.asarray(Image.open(result.paths.preview)) for result in (of_known, of_other))
    band = marked[: len(marked) - len(plain)]
    assert (band[0] == ERROR_RGB).all(), "the picture says so too, in red"
    assert (band == 255).all(axis=2).any(), "and in words"


def test_the_same_scan_gives_the_same_bytes(threshold_model: Path, phantom_ct: Path, tmp_path: Path) -> None:
    first, second = (
        run(phantom_ct, tmp_path / name, RunOptions(model=str(threshold_model), preview=True)) for name in "ab"
    )
    assert first.paths.segmentation.read_bytes() == second.paths.segmentation.read_bytes()
    assert first.paths.preview.read_bytes() == second.paths.preview.read_bytes()
    texts = [result.paths.passport.read_text(encoding="utf-8").splitlines() for result in (first, second)]
    kept = [[line for line in text if not line.startswith('"created"')] for text in texts]
    assert kept[0] == kept[1]
    assert len(kept[0]) == len(texts[0]) - 1


def test_events_of_a_run_follow_the_contract(threshold_model: Path, phantom_ct: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    result = run(phantom_ct, tmp_path, RunOptions(model=str(threshold_model)), on_event=events.append)
    assert events[0]["event"] == "started"
    assert events[0]["stages"] == list(RUN_SHARES)
    progress = [event for event in events if event["event"] == "progress"]
    fractions = [event["fraction"] for event in progress]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert list(dict.fromkeys(event["stage"] for event in progress)) == list(RUN_SHARES)
    infer = [event for event in progress if event["stage"] == "infer"]
    assert infer[-2]["done"] == infer[-2]["total"] > 1, "each window is a step of its own"
    assert set(result.seconds) == set(RUN_SHARES)
    assert json.loads(json.dumps(events)) == events


@pytest.mark.parametrize("stage", RUN_SHARES)
def test_a_run_that_is_cancelled_in_any_stage_leaves_no_file(
    stage: str, threshold_model: Path, phantom_ct: Path, tmp_path: Path
) -> None:
    cancellation = Cancellation()
    stages = list(RUN_SHARES)
    last_before = stages[stages.index(stage) - 1] if stage != stages[0] else None

    def on_event(event: Event) -> None:
        if event["event"] == ("started" if last_before is None else "progress") and event.get("stage") == last_before:
            cancellation.request()

    with pytest.raises(Cancelled):
        run(
            phantom_ct,
            tmp_path / "out",
            RunOptions(model=str(threshold_model)),
            on_event=on_event,
            cancellation=cancellation,
        )
    assert files_below(tmp_path / "out") == []


def test_a_request_to_stop_that_comes_after_the_files_are_there_does_not_deny_them(
    threshold_model: Path, phantom_ct: Path, tmp_path: Path
) -> None:
    cancellation = Cancellation()

    def on_event(event: Event) -> None:
        if event.get("stage") == "write":
            cancellation.request()

    result = run(
        phantom_ct, tmp_path, RunOptions(model=str(threshold_model)), on_event=on_event, cancellation=cancellation
    )
    assert result.paths.segmentation.exists()
    assert result.paths.passport.exists()


def test_a_scan_in_which_nothing_is_found_gives_an_empty_passport_and_a_warning(
    threshold_model: Path, tmp_path: Path
) -> None:
    water = np.random.default_rng(0).normal(-30, 25, (30, 30, 30)).astype(np.int16)
    ct = save_nifti(tmp_path / "ct.nii.gz", water, np.diag([2.0, 2.0, 2.0, 1.0]))
    events: list[Event] = []
    result = run(ct, tmp_path / "out", RunOptions(model=str(threshold_model), preview=True), on_event=events.append)
    assert [event["code"] for event in events if event["event"] == "warning"] == ["nothing_found"]
    assert read_passport(result.paths.passport).organs == {}
    assert not np.asarray(nibabel.load(result.paths.segmentation).dataobj).any()


def test_results_of_an_earlier_run_are_replaced(threshold_model: Path, phantom_ct: Path, tmp_path: Path) -> None:
    run(phantom_ct, tmp_path, RunOptions(model=str(threshold_model)))
    (tmp_path / "phantom_segmentation.nii.gz").write_bytes(b"old")
    result = run(phantom_ct, tmp_path, RunOptions(model=str(threshold_model)))
    assert (tmp_path / "phantom_segmentation.nii.gz").read_bytes() != b"old"
    assert len(read_passport(result.paths.passport).organs) == 3
    assert files_below(tmp_path) == ["phantom_passport.json", "phantom_segmentation.nii.gz"]


def test_a_run_that_fails_keeps_the_results_of_an_earlier_one(phantom_ct: Path, tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", part={"label_values": [0, 5, 2]})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "phantom_passport.json").write_bytes(b"old")
    with pytest.raises(ModelError):
        run(phantom_ct, tmp_path / "out", RunOptions(model=str(model), overwrite=True))
    assert files_below(tmp_path / "out") == ["phantom_passport.json"]
    assert (tmp_path / "out" / "phantom_passport.json").read_bytes() == b"old"


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_a_run_does_not_write_over_its_input_by_way_of_a_link(
    link: str, threshold_model: Path, phantom_ct: Path, tmp_path: Path
) -> None:
    ct = tmp_path / "ct.nii.gz"
    ct.write_bytes(phantom_ct.read_bytes())
    getattr(tmp_path / "ct_segmentation.nii.gz", link)(ct)
    with pytest.raises(BadInput, match="is the input itself"):
        run(ct, tmp_path, RunOptions(model=str(threshold_model)))
    assert ct.read_bytes() == phantom_ct.read_bytes()


@pytest.fixture
def segmentation(threshold_model: Path, phantom_ct: Path, tmp_path: Path) -> Path:
    return run(phantom_ct, tmp_path / "run", RunOptions(model=str(threshold_model))).paths.segmentation


def test_a_segmentation_is_described_with_the_names_in_its_header_and_the_intensities_of_its_ct(
    segmentation: Path, phantom_ct: Path, tmp_path: Path
) -> None:
    events: list[Event] = []
    described = describe(segmentation, tmp_path / "p.json", ct=phantom_ct, on_event=events.append)
    passport = read_passport(tmp_path / "p.json")
    names = {value: organ.name for value, organ in passport.organs.items()}
    assert names == {1: "spleen", 2: "kidney_right", 5: "liver"}
    voxels, values = (np.asarray(nibabel.load(path).dataobj) for path in (segmentation, phantom_ct))
    for label, organ in passport.organs.items():
        assert organ.hu_mean == pytest.approx(values[voxels == label].mean(), abs=1e-6)
        assert organ.hu_sd == pytest.approx(values[voxels == label].std(), abs=1e-6)
        assert np.allclose(organ.centroid_ras_mm, centroid_in_file(segmentation, label), atol=1e-6)
    assert described.organs.keys() == passport.organs.keys()
    assert [event["fraction"] for event in events if event["event"] == "progress"][-1] == 1.0
    assert list(events[0]["stages"]) == list(DESCRIBE_SHARES)


@pytest.mark.parametrize("protected", ["segmentation", "ct", "labels"])
def test_a_passport_is_not_written_over_what_it_is_made_from(
    protected: str, segmentation: Path, phantom_ct: Path, tmp_path: Path
) -> None:
    ct, table = tmp_path / "ct.nii.gz", tmp_path / "table.json"
    ct.write_bytes(phantom_ct.read_bytes())
    table.write_bytes((DATA_FOLDER / "labels" / "total.json").read_bytes())
    output = {"segmentation": segmentation, "ct": ct, "labels": table}[protected]
    before = output.read_bytes()
    with pytest.raises(BadInput, match="is the input itself"):
        describe(segmentation, output, labels=str(table), ct=ct)
    assert output.read_bytes() == before


def test_a_published_segmentation_of_61_organs_is_described(shared: Path, tmp_path: Path) -> None:
    data = shared / "data"
    segmentation = data / "example_seg_fast_force_split.nii.gz"
    describe(segmentation, tmp_path / "p.json", ct=data / "example_ct.nii.gz")
    organs = read_passport(tmp_path / "p.json").organs
    assert len(organs) == 61
    voxels = np.asarray(nibabel.load(segmentation).dataobj)
    assert {label: organ.voxel_count for label, organ in organs.items()} == {
        int(label): int(count) for label, count in zip(*np.unique(voxels, return_counts=True), strict=True) if label
    }


def test_a_region_of_interest_is_a_filter_of_the_whole_result(
    phantom_ct: Path, threshold_model: Path, tmp_path: Path
) -> None:
    whole = run(phantom_ct, tmp_path / "whole", RunOptions(model=str(threshold_model)))
    part = run(phantom_ct, tmp_path / "part", RunOptions(model=str(threshold_model), roi=("liver", "spleen")))
    assert sorted(part.passport.organs) == [1, 5]
    labels = labels_of(whole.paths.segmentation)
    assert np.array_equal(labels_of(part.paths.segmentation), np.where(np.isin(labels, [1, 5]), labels, 0))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Livr", "Did you mean liver? It finds spleen, kidney_right, liver."),
        ("brain", "It finds spleen, kidney_right, liver."),
    ],
)
def test_an_unknown_structure_is_refused_before_the_scan_is_read(
    name: str, hint: str, threshold_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=f"finds no structure called '{name}'") as refusal:
        run(tmp_path / "no-such.nii", tmp_path / "out", RunOptions(model=str(threshold_model), roi=("liver", name)))
    assert refusal.value.hint == hint
    assert not (tmp_path / "out").exists()


def test_statistics_are_taken_on_the_grid_that_the_model_says(phantom_ct: Path, tmp_path: Path) -> None:
    volumes = {}
    for grid in ("model", "input"):
        model = write_model(tmp_path / grid, statistics_grid=grid)
        options = RunOptions(model=str(model), statistics=True, measure_on=grid)
        result = run(phantom_ct, tmp_path / f"out-{grid}", options)
        assert result.paths.statistics == tmp_path / f"out-{grid}" / "phantom_statistics.json"
        statistics = json.loads(result.paths.statistics.read_text(encoding="utf-8"))
        assert list(statistics) == ["spleen", "kidney_right", "liver"]
        volumes[grid] = statistics["liver"]["volume"]
        assert volumes[grid] == pytest.approx(
            result.passport.organs[5].voxel_count * (27.0 if grid == "model" else 10.0)
        )
    assert volumes["input"] == (labels_of(result.paths.segmentation) == 5).sum() * (2.0 * 2.0 * 2.5)


def test_no_statistics_are_written_that_nobody_asked_for(
    phantom_ct: Path, threshold_model: Path, tmp_path: Path
) -> None:
    assert run(phantom_ct, tmp_path, RunOptions(model=str(threshold_model))).paths.statistics is None
    assert files_below(tmp_path) == ["phantom_passport.json", "phantom_segmentation.nii.gz"]


CRUMB = (21, slice(35, 40), 21)


def scan_with_a_crumb(folder: Path) -> Path:
    """The phantom at the model's spacing with five voxels of liver far from the liver."""
    shape, affine = grid_around(EYE, (3.0, 3.0, 3.0), (0.0, 0.0, 0.0))
    hounsfield = rasterise(shape, affine)
    assert (hounsfield[20:23, 34:, 20:23] == 0).all()
    hounsfield[CRUMB] = LIVER.hounsfield
    return save_nifti(folder / "crumb.nii", hounsfield, affine)


def test_small_blobs_are_removed_where_that_was_asked_for(threshold_model: Path, tmp_path: Path) -> None:
    ct = scan_with_a_crumb(tmp_path)
    before = run(ct, tmp_path / "a", RunOptions(model=str(threshold_model))).passport.organs[5].voxel_count
    after = run(ct, tmp_path / "b", RunOptions(model=str(threshold_model), remove_small_blobs=True))
    assert after.passport.organs[5].voxel_count == before - 5
    assert not labels_of(after.paths.segmentation)[CRUMB].any()


def test_a_model_may_say_that_small_pieces_of_an_organ_are_strays(tmp_path: Path) -> None:
    ct = scan_with_a_crumb(tmp_path)
    model = write_model(tmp_path / "m", least_piece_fraction=0.1)
    assert not labels_of(run(ct, tmp_path / "out", RunOptions(model=str(model))).paths.segmentation)[CRUMB].any()
