"""A batch's report: numbers that are known, names that mean harm, and the page in a real browser."""

from __future__ import annotations

import json
import re
import struct
import zlib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import nibabel
import numpy as np
import pytest
from support.batches import write_batch, write_labels
from support.browser import open_page
from support.dicom_files import write_slices
from support.missing_packages import without_package
from support.scans import save_nifti
from TotalPassportLib.base.errors import BadInput, Cancelled
from TotalPassportLib.base.events import Cancellation
from TotalPassportLib.base.files import DATA_FOLDER
from TotalPassportLib.image.formats import read_image
from TotalPassportLib.pages.frame import html_page
from TotalPassportLib.pages.text_tables import SORTING
from TotalPassportLib.report.report_building import BatchReport, ReportSettings, build_report
from TotalPassportLib.report.report_page import report_markdown, report_page, write_batch_report
from TotalPassportLib.report.report_text import report_summary

SCHEMA = json.loads((DATA_FOLDER / "schemas" / "report.schema.json").read_text(encoding="utf-8"))
AFFINE = np.diag([2.0, 2.0, 3.0, 1.0])
SPLEEN, LIVER, AORTA = 1, 5, 52
KNOWN = [SPLEEN, LIVER, AORTA]
NASTY = "<img src=x onerror=alert(1)>|`$x$`"


def anatomy(shift: int = 0, without: int = 0, larger: int = 0) -> np.ndarray:
    """A liver on the right, a spleen on the left and an aorta as blocks in a body of water."""
    voxels = np.zeros((40, 30, 24), np.uint8)
    voxels[22:36, 8 + shift : 22 + shift, 6:18] = LIVER
    voxels[5 : 12 + larger, 8 + shift : 16 + shift + larger, 8 : 16 + larger] = SPLEEN
    voxels[18:20, 6 + shift : 8 + shift, 4:20] = AORTA
    voxels[voxels == without] = 0
    return voxels


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten scans with ground truth: one without its liver, one with a huge spleen, one slow, one failed."""
    root = tmp_path_factory.mktemp("report")
    scans = {f"case_{number:02d}": anatomy(shift=number % 2) for number in range(10)}
    scans["case_03"] = anatomy(shift=1, without=LIVER)
    scans["case_04"] = anatomy(larger=6)
    seconds = {name: 8.0 + 0.1 * number for number, name in enumerate(scans)} | {"case_07": 60.0}
    write_batch(root / "batch", scans, AFFINE, KNOWN, seconds, failed={NASTY: f"There is no file '{NASTY}'."})
    (root / "truth").mkdir()
    (root / "scans").mkdir()
    for name in scans:
        write_labels(root / "truth" / f"{name}_gt.nii.gz", anatomy(), AFFINE, KNOWN)
        grey = np.where(anatomy() > 0, 150, -50).astype(np.int16)
        save_nifti(root / "scans" / f"{name}.nii.gz", grey, AFFINE)
    write_labels(root / "truth" / "case_09_gt.nii.gz", anatomy()[:-1], AFFINE, KNOWN)
    return root


@pytest.fixture(scope="module")
def report(folder: Path) -> BatchReport:
    """The report with ground truth and scans."""
    settings = ReportSettings(folder=folder / "batch", ground_truth=str(folder / "truth"), scans=str(folder / "scans"))
    return build_report(settings)


@pytest.fixture(scope="module")
def page(report: BatchReport) -> str:
    return report_page(report)


def test_the_document_is_valid_and_its_numbers_are_known(report: BatchReport) -> None:
    document = report.document
    jsonschema.Draft7Validator(SCHEMA).validate(document)
    assert (document["scans_total"], document["scans_failed"], document["scans_compared"]) == (11, 1, 9)
    organs = {organ["name"]: organ for organ in document["organs"]}
    # Every second scan lies a voxel of 2 mm too far forward: of the liver's 14 rows 13 are common.
    liver = organs["liver"]
    assert liver["outcomes"]["missed"] == 1
    assert liver["dice"]["median"] == 1.0
    assert liver["dice"]["lowest"] == 0.0
    assert liver["dice"]["q1"] == pytest.approx(13 / 14, abs=1e-5)
    assert liver["hausdorff_95_mm"]["median"] == 0.0
    assert liver["hausdorff_95_mm"]["q3"] == 2.0
    assert liver["hausdorff_95_mm"]["highest"] == "infinity"
    assert liver["volume_error_percent"]["lowest"] == -100
    by_subject = {scan["subject"]: scan for scan in document["scans"]}
    assert by_subject["case_00.nii.gz"]["dice_mean"] == 1.0
    assert by_subject["case_09.nii.gz"]["structures"] is None
    assert "another grid" in by_subject["case_09.nii.gz"]["remarks"][0]
    assert any("could not be compared" in note for note in document["notes"])


def test_checks_have_thresholds_and_a_verdict(report: BatchReport) -> None:
    checks = {check["name"]: check for check in report.document["checks"]}
    assert checks["success_rate"]["value"] == pytest.approx(100 * 10 / 11)
    assert (checks["success_rate"]["status"], checks["success_rate"]["bounds"]) == ("fail", {"above": 95})
    assert checks["organs_found"]["status"] == "fail", "three organs are not fifty"
    assert checks["inference_share"]["status"] == "pass"
    assert "Success rate" in report.failed_checks
    text = report_summary(report.document)
    assert "10/11 (90.9 %)" in text
    assert "Success rate" in text.splitlines()[-1]


def test_outliers_are_the_missed_liver_the_huge_spleen_and_the_slow_scan(report: BatchReport) -> None:
    found = [(each["subject"], each["structure"]) for each in report.document["outliers"]]
    assert found[0] == ("case_03.nii.gz", "liver")
    assert ("case_04.nii.gz", "spleen") in found
    assert ("case_07.nii.gz", None) in found
    reasons = [each["reason"] for each in report.document["outliers"]]
    assert reasons[0] == "missed: 28.2 ml were not found"
    assert any(reason.startswith("took 60.0 s, and 8.4 s in the median") for reason in reasons)


def test_a_picture_shows_what_is_true_and_what_was_found(report: BatchReport) -> None:
    shown = zip(report.document["outliers"], report.pictures, strict=False)
    pictures = {(each["subject"], each["structure"]): png for each, png in shown}
    missed, larger = (pixels_of(pictures[key]) for key in (("case_03.nii.gz", "liver"), ("case_04.nii.gz", "spleen")))
    line = np.all(missed == (80, 220, 255), axis=2)
    assert line.any(), "the liver's outline"
    orange = (larger[..., 0] > larger[..., 2] + 60) & (larger[..., 0] > 90)
    assert orange.sum() > 200, "the spleen that was found"
    assert not ((missed[..., 0] > missed[..., 2] + 60) & (missed[..., 0] > 90)).any()


def pixels_of(png: bytes) -> np.ndarray:
    """Return a PNG without filters as ``[row, column, rgb]``."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    start = png.index(b"IDAT") + 4
    size = struct.unpack(">I", png[start - 8 : start - 4])[0]
    rows = np.frombuffer(zlib.decompress(png[start : start + size]), np.uint8).reshape(height, 1 + 3 * width)
    return rows[:, 1:].reshape(height, width, 3).astype(int)


def test_without_ground_truth_and_scans_there_is_a_report_all_the_same(folder: Path) -> None:
    report = build_report(ReportSettings(folder=folder / "batch"))
    jsonschema.Draft7Validator(SCHEMA).validate(report.document)
    assert report.document["organs"] == []
    assert "whether labels are right is not known" in report.document["notes"][0]
    found = [(each["subject"], each["structure"]) for each in report.document["outliers"]]
    assert ("case_04.nii.gz", "spleen") in found
    assert any(picture is not None for picture in report.pictures)
    assert "Agreement with ground truth" not in report_page(report)


def test_the_page_is_well_formed_and_nothing_in_it_acts_or_comes_from_elsewhere(page: str) -> None:
    root = ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>"))
    tags = [element.tag for element in root.iter()]
    assert tags.count("script") == 1
    assert not set(tags) & {"link", "iframe", "object", "embed", "base", "form", "image"}
    for element in root.iter():
        assert not [name for name in element.attrib if name.startswith("on")]
        for name in ("src", "href"):
            assert element.attrib.get(name, "#").startswith(("#", "data:image/png;base64,"))
    assert "://" not in page
    assert NASTY in "".join(root.itertext())
    assert len(re.findall("<svg", page)) >= 3


def test_the_markdown_has_the_same_numbers_and_nothing_in_it_acts(report: BatchReport) -> None:
    text = report_markdown(report.document)
    assert "| Success rate | 10/11 (90.9 %) | \\> 95 % | 100 % | FAIL |" in text
    assert "<img" not in text.replace("\\<img", "")
    for line in text.splitlines():
        if line.startswith("|"):
            cells = re.split(r"(?<!\\)\|", line)
            assert len(cells) in {4, 5, 7, 8, 9, 13, 14}, line
    assert "liver" in text


def test_without_matplotlib_the_page_says_so_and_has_all_numbers(
    report: BatchReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_package(monkeypatch, "matplotlib")
    page = report_page(report)
    assert "Plots are left out. A plot needs the Python package matplotlib, which is not installed." in page
    assert "10/11 (90.9 %)" in page


def test_the_files_are_written_together(report: BatchReport, tmp_path: Path) -> None:
    files = write_batch_report(report, tmp_path / "out")
    assert [file.name for file in files] == ["report.json", "report.md", "report.html"]
    assert json.loads(files[0].read_text(encoding="utf-8")) == report.document


def test_a_report_can_be_stopped(folder: Path) -> None:
    cancellation = Cancellation()
    cancellation.request()
    with pytest.raises(Cancelled):
        build_report(ReportSettings(folder=folder / "batch"), cancellation=cancellation)


@pytest.mark.parametrize("kind", ["nifti", "dicom"])
def test_scans_are_shown_from_where_the_batch_read_them_if_they_are_the_same(
    kind: str, folder: Path, tmp_path: Path
) -> None:
    results = json.loads((folder / "batch" / "results.json").read_text(encoding="utf-8"))
    (entry,) = (each for each in results if each["subject"] == "case_04.nii.gz")
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "case_04_mask.nii.gz").write_bytes((folder / "batch" / entry["mask_path"]).read_bytes())
    scan = folder / "scans" / "case_04.nii.gz"
    if kind == "dicom":
        image = nibabel.load(scan)
        scan = tmp_path / "series"
        write_slices(scan, np.asanyarray(image.dataobj), np.diag([-1, -1, 1, 1]) @ image.affine)
    recorded = entry | {"scan_path": str(scan), "scan_sha256": read_image(scan).sha256}

    def brightest(*entries: dict[str, Any]) -> int:
        (tmp_path / "results.json").write_text(json.dumps(entries), encoding="utf-8")
        report = build_report(ReportSettings(folder=tmp_path, ground_truth=str(folder / "truth")))
        (picture,) = (png for png in report.pictures if png is not None)
        return int(pixels_of(picture).min(axis=2)[:2].max())

    # Around the organs is fat of -50 HU, which is grey; without the scan all is black.
    assert brightest(recorded) == 85
    assert brightest(recorded | {"scan_sha256": "0" * 64}) == 0
    assert brightest(entry) == 0


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"ground_truth": "nowhere"}, "There is no folder 'nowhere' for the ground truth"),
        ({"scans": "nowhere"}, "There is no folder 'nowhere' for the scan"),
        ({"labels": "nothing"}, "There is no label table 'nothing'"),
        ({"checks": Path("nowhere.json")}, r"nowhere\.json"),
        ({"folder": Path("nowhere")}, "There is no folder 'nowhere'"),
    ],
)
def test_what_is_not_there_is_said_at_once(changes: dict[str, Any], says: str, folder: Path) -> None:
    with pytest.raises(BadInput, match=says):
        build_report(ReportSettings(**({"folder": folder / "batch"} | changes)))


CLICK = """
const heads = [...document.querySelectorAll('table.sortable')][0].tHead.rows[0].cells;
heads[2].firstChild.click();
document.title = [...document.images].every(image => image.complete) ? 'complete' : 'broken';
"""


@pytest.mark.slow
def test_a_browser_shows_it_sorts_it_and_asks_nobody(page: str, tmp_path: Path) -> None:
    """One launch: the document after its scripts and a click on a head of the organs' table, and its picture."""
    main = page.partition("<main>")[2].partition("</main>")[0]
    clicked = html_page("Report", [main], script=SORTING + CLICK)
    (tmp_path / "report.html").write_text(clicked, encoding="utf-8")
    opened = open_page(tmp_path / "report.html", tmp_path / "report.png", dark=True)
    table = opened.document.partition('<table class="sortable">')[2].partition("</table>")[0]
    assert table.count("<button") == 12
    assert 'aria-sort="ascending"' in table
    dice = [float(cell) for cell in re.findall(r"<tr><td.*?</td><td>\d+</td><td>([\d.]+)", table)]
    assert len(dice) == 3
    assert dice == sorted(dice)
    assert "<title>complete</title>" in opened.document, "every picture was decoded"
    assert "onerror=alert(1)&gt;" in opened.document, "the nasty name is text"
    assert "ERR_PROXY" not in opened.log
    assert "Refused" not in opened.log
    assert "Uncaught" not in opened.log
    picture = opened.picture.read_bytes()
    width, height = struct.unpack(">II", picture[16:24])
    assert (width, height) == (1200, 2400)
    assert len(picture) > 50_000, "an empty page is smaller"
