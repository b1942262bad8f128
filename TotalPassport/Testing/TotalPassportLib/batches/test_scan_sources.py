"""What the inputs of a batch come to: folders, patterns, lists and files."""

from __future__ import annotations

from pathlib import Path

import pytest
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.batches.scan_sources import find_sources


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Scans in folders of several depths, and what is none."""
    root = tmp_path / "scans"
    for name in ("a.nii.gz", "s1/ct.nii.gz", "s2/ct.nii.gz", "s2/deep/mr.nrrd", "s2/notes.md", ".hidden/x.nii"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


def found(tree: Path, *inputs: Path | str) -> list[str]:
    sources = find_sources(inputs, tree / "out")
    return [source.path.relative_to(tree).as_posix() for source in sources]


def test_a_folder_is_looked_through_with_all_below_it(tree: Path) -> None:
    assert found(tree, tree) == ["a.nii.gz", "s1/ct.nii.gz", "s2/ct.nii.gz", "s2/deep/mr.nrrd"]


def test_the_batch_s_own_folder_is_left_out(tree: Path) -> None:
    (tree / "out" / "masks").mkdir(parents=True)
    (tree / "out" / "masks" / "a_mask.nii.gz").write_bytes(b"")
    assert "out/masks/a_mask.nii.gz" not in found(tree, tree)


def test_a_pattern_gives_what_it_matches(tree: Path) -> None:
    assert found(tree, str(tree / "*" / "ct.nii.gz")) == ["s1/ct.nii.gz", "s2/ct.nii.gz"]


def test_a_list_names_scans_from_its_own_folder_and_skips_comments(tree: Path) -> None:
    (tree / "list.txt").write_text("# two\ns1/ct.nii.gz\n\n  s2/deep  \n", encoding="utf-8")
    assert found(tree, tree / "list.txt") == ["s1/ct.nii.gz", "s2/deep/mr.nrrd"]


def test_a_scan_that_is_meant_twice_is_one(tree: Path) -> None:
    assert found(tree, tree / "s1", tree / "s1" / "ct.nii.gz", str(tree / "s1" / "*.gz")) == ["s1/ct.nii.gz"]


def test_a_file_that_is_named_is_a_scan_whatever_it_is_called(tree: Path) -> None:
    """So that its failure is told, and not passed over."""
    assert found(tree, tree / "s2" / "notes.md") == ["s2/notes.md"]


@pytest.mark.parametrize("given", ["nowhere", "no*where.nii"])
def test_what_is_not_there_is_told(tree: Path, given: str) -> None:
    with pytest.raises(BadInput, match="There is no file or folder"):
        found(tree, tree / given)


def test_a_list_that_names_what_is_not_there_is_told_with_the_list(tree: Path) -> None:
    (tree / "list.txt").write_text("gone.nii.gz\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"gone.nii.gz', which '.*list.txt' names"):
        found(tree, tree / "list.txt")


def test_a_folder_without_scans_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="There is no scan in"):
        find_sources([tmp_path], tmp_path / "out")


def test_a_list_that_is_no_text_is_refused(tree: Path) -> None:
    (tree / "list.txt").write_bytes(b"\xff\xfe\x00scan")
    with pytest.raises(BadInput, match="is no list of scans"):
        found(tree, tree / "list.txt")
