"""Passports in the formats of others are what those others read."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
from support.processes import environment
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.labels import Label, LabelTable, load_label_table
from TotalPassportLib.passport import Passport, read_passport, write_passport
from TotalPassportLib.passport.export import FORMATS, SEED_FIELDS, csv_text, export_passport, markups_text, seed_text
from TotalPassportLib.passport.extraction import extract_passport


@pytest.fixture(scope="module")
def passport(shared: Path) -> Passport:
    """The real segmentation of 61 organs, with its CT."""
    image = nibabel.load(shared / "data" / "example_seg_fast_force_split.nii.gz")
    ct = np.asarray(nibabel.load(shared / "data" / "example_ct.nii.gz").dataobj)
    return extract_passport(np.asarray(image.dataobj).astype(np.uint8), image.affine, load_label_table("total"), ct)


def test_the_seeds_format_is_organs_by_label_with_six_fields_and_nothing_else(passport: Passport) -> None:
    document = json.loads(seed_text(passport))
    assert [int(label) for label in document] == list(passport.organs)
    for label, organ in passport.organs.items():
        entry = document[str(label)]
        assert tuple(entry) == SEED_FIELDS
        assert np.allclose(entry["centroid"], organ.centroid_ras_mm)
        assert np.allclose(entry["covariance"], organ.covariance_mm2)
        assert entry["eigenvalues"] == sorted(entry["eigenvalues"])
        vectors = np.array(entry["eigenvectors"])
        rebuilt = vectors @ np.diag(entry["eigenvalues"]) @ vectors.T
        assert np.allclose(rebuilt, entry["covariance"], atol=1e-4), "the vectors are columns"
        assert np.shape(entry["boundary_points"]) == (min(500, len(organ.boundary_points_ras_mm)), 3)
        assert entry["volume_mm3"] == organ.volume_mm3


def test_the_table_has_one_organ_a_row_and_units_in_the_header(passport: Passport) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text(passport), newline="")))
    assert [int(row["label"]) for row in rows] == list(passport.organs)
    for row, organ in zip(rows, passport.organs.values(), strict=True):
        assert None not in row.values()
        assert row["name"] == organ.name
        assert row["snomed_code"] == organ.terminology.type.code
        assert float(row["volume_mm3"]) == organ.volume_mm3
        assert float(row["centroid_s_mm"]) == pytest.approx(organ.centroid_ras_mm[2], abs=1e-6)
        assert float(row["semi_axis_major_mm"]) == pytest.approx(organ.semi_axes_mm[2], abs=1e-6)
        assert float(row["percentile_50_hu"]) == organ.hu_percentiles[50]
        assert row["checks"].split() == list(organ.checks)
    lengths = [name for name in rows[0] if any(part in name for part in ("centroid", "semi", "box", "obb"))]
    assert all(name.endswith("_mm") for name in lengths)


def test_a_spreadsheet_runs_no_names_as_formulas() -> None:
    table = LabelTable(
        "mine",
        [
            Label(value=1, name='=HYPERLINK("http://x","y")', display_name="a", color_rgb=(0, 0, 0)),
            Label(value=2, name='a,\n"b"', display_name="b", color_rgb=(0, 0, 0)),
        ],
    )
    labels = np.zeros((9, 9, 9), np.uint8)
    labels[2:4, 2:4, 2:4], labels[5:7, 5:7, 5:7] = 1, 2
    rows = list(csv.DictReader(io.StringIO(csv_text(extract_passport(labels, np.eye(4), table)), newline="")))
    assert rows[0]["name"] == '\'=HYPERLINK("http://x","y")'
    assert rows[1]["name"] == 'a,\n"b"'
    assert rows[1]["mean_hu"] == rows[1]["snomed_code"] == ""


SLICER_READS = """
import json, sys, slicer
storage, node = slicer.vtkMRMLMarkupsJsonStorageNode(), slicer.vtkMRMLMarkupsFiducialNode()
scene = slicer.vtkMRMLScene()
scene.AddNode(node), scene.AddNode(storage)
storage.SetFileName(sys.argv[1])
assert storage.ReadData(node) == 1
points = []
for n in range(node.GetNumberOfControlPoints()):
    position = [0.0, 0.0, 0.0]
    node.GetNthControlPointPosition(n, position)
    points.append([node.GetNthControlPointLabel(n), node.GetNthControlPointDescription(n), position])
print(json.dumps(points))
"""


@pytest.mark.slow
def test_slicer_reads_the_markups_as_centroids_in_ras(passport: Passport, tmp_path: Path) -> None:
    export_passport(passport, tmp_path / "centroids.mrk.json")
    command = [sys.executable, "-c", SLICER_READS, tmp_path / "centroids.mrk.json"]
    process = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    assert process.returncode == 0, process.stderr
    points = json.loads(process.stdout.splitlines()[-1])
    assert len(points) == 61
    for (label, name, position), organ in zip(points, passport.organs.values(), strict=True):
        assert name == organ.name
        assert label == load_label_table("total")[organ.label].display_name
        assert np.allclose(position, organ.centroid_ras_mm, atol=1e-5)


@pytest.mark.slow
def test_a_passport_from_a_file_exports_the_same(passport: Passport, tmp_path: Path) -> None:
    write_passport(passport, tmp_path / "p.json")
    read = read_passport(tmp_path / "p.json")
    assert seed_text(read) == seed_text(passport)
    assert markups_text(read) == markups_text(passport)
    rows = [list(csv.reader(io.StringIO(csv_text(source), newline=""))) for source in (read, passport)]
    assert len(rows[0]) == len(rows[1]) == 62
    for one, other in zip(*rows, strict=True):
        for cell, same in zip(one, other, strict=True):
            assert cell == same or float(cell) == pytest.approx(float(same), abs=2e-6)


@pytest.mark.parametrize("ending", FORMATS)
def test_a_passport_without_organs_exports_too(ending: str, tmp_path: Path) -> None:
    empty = extract_passport(np.zeros((4, 5, 6), np.uint8), np.eye(4), load_label_table("total"))
    export_passport(empty, tmp_path / f"x{ending}")
    assert (tmp_path / f"x{ending}").stat().st_size > 2


@pytest.mark.parametrize("name", ["x.json", "x", "x.xlsx"])
def test_an_ending_that_is_no_format_is_refused(name: str, passport: Passport, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"\.seed\.json, \.csv, \.mrk\.json"):
        export_passport(passport, tmp_path / name)
    assert list(tmp_path.iterdir()) == []
