"""Names of scans in a batch: each its own, the same in every call, and fit for any file system."""

from __future__ import annotations

from pathlib import Path

from TotalPassportLib.batches.scan_sources import ScanSource
from TotalPassportLib.batches.subject_names import key_of, name_subjects


def names(*paths: str) -> dict[str, str]:
    return {str(each.source.path): each.name for each in name_subjects([ScanSource(Path(path)) for path in paths])}


def test_a_scan_is_called_as_its_file() -> None:
    assert names("a/ct_1.nii.gz", "b/ct_2.nrrd") == {"a/ct_1.nii.gz": "ct_1", "b/ct_2.nrrd": "ct_2"}


def test_scans_of_one_name_are_told_apart_by_their_folders() -> None:
    assert names("data/s1/ct.nii.gz", "data/s2/ct.nii.gz", "data/s2/mr.nii.gz") == {
        "data/s1/ct.nii.gz": "s1_ct",
        "data/s2/ct.nii.gz": "s2_ct",
        "data/s2/mr.nii.gz": "mr",
    }


def test_as_many_folders_are_told_as_it_takes() -> None:
    assert set(names("x/1/ct.nii", "y/1/ct.nii", "y/2/ct.nii").values()) == {"x_1_ct", "y_1_ct", "2_ct"}


def test_names_that_differ_by_letter_case_only_are_no_two_names() -> None:
    found = set(names("a/CT.nii.gz", "b/ct.nii.gz").values())
    assert found == {"a_CT", "b_ct"}


def test_scans_of_one_name_and_folder_are_told_apart_by_their_formats() -> None:
    found = names("a/ct.nii.gz", "a/ct.nrrd")
    assert found["a/ct.nii.gz"].endswith("a_ct_nii_gz")
    assert found["a/ct.nrrd"].endswith("a_ct_nrrd")


def test_a_name_does_not_depend_on_the_order_in_which_scans_are_given() -> None:
    paths = ["x/1/ct.nii", "y/1/ct.nii", "y/2/ct.nii", "z/1_ct.nii"]
    assert names(*paths) == names(*reversed(paths))


def test_a_scan_keeps_the_name_that_it_has_had_when_others_come() -> None:
    first = ScanSource(Path("s1/ct.nii.gz"))
    other = ScanSource(Path("s2/ct.nii.gz"))
    found = name_subjects([first, other], {key_of(first): "ct"})
    assert {each.source: each.name for each in found} == {first: "ct", other: "s2_ct"}


def test_a_subject_is_called_with_the_ending_of_its_file() -> None:
    (subject,) = name_subjects([ScanSource(Path("a/your_scan_001.nii.gz"))])
    assert subject.title == "your_scan_001.nii.gz"


def test_names_are_fit_for_any_file_system() -> None:
    found = names('a/he said: "x"?.nii.gz', "a/.hidden.nii", f"a/{'long' * 60}.nii")
    for name in found.values():
        assert not set(name) & set('<>:"/\\|?*')
        assert not name.startswith(".")
        assert len(name) <= 120
    assert len(set(found.values())) == 3


def test_long_names_that_differ_at_their_ends_stay_apart() -> None:
    assert len(set(names(f"a/{'x' * 200}1.nii", f"a/{'x' * 200}2.nii").values())) == 2
