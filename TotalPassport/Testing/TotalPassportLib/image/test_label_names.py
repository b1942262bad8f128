"""The names of labels go into a file's header and come back from it, and from what TotalSegmentator has written."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from support.bad_scans import SPACING, scan
from TotalPassportLib.base.labels import load_label_table
from TotalPassportLib.image.label_names import stored_label_names
from TotalPassportLib.image.nifti import save_labels
from TotalPassportLib.image.volume import load_ct, load_segmentation


def test_label_names_are_read_back_from_the_header(tmp_path: Path) -> None:
    ct = load_ct(scan()(tmp_path))
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[3, 3, 3], labels[5:9, 5:9, 5:9] = 117, 5
    save_labels(tmp_path / "out.nii.gz", labels, like=ct, table=load_label_table("total"))
    names = stored_label_names(load_segmentation(tmp_path / "out.nii.gz").header)
    assert names == {5: "liver", 117: "costal_cartilages"}


def test_labels_that_were_looked_for_are_named_though_none_was_found(tmp_path: Path) -> None:
    ct = load_ct(scan()(tmp_path))
    nothing = np.zeros((20, 20, 20), np.uint8)
    save_labels(tmp_path / "out.nii.gz", nothing, like=ct, table=load_label_table("total"), values=[1, 5])
    assert stored_label_names(nibabel.load(tmp_path / "out.nii.gz").header) == {1: "spleen", 5: "liver"}


def test_names_that_totalsegmentator_stored_are_read(shared: Path) -> None:
    names = stored_label_names(load_segmentation(shared / "data" / "example_seg_fast.nii.gz").header)
    total = load_label_table("total")
    assert len(names) > 30
    assert all(total[value].name == name for value, name in names.items())


@pytest.mark.parametrize(
    "content",
    [
        b"<LabelTable>",
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]><LabelTable><Label Key="1">&a;</Label></LabelTable>',
        b"<LabelTable><Label Key='one'>liver</Label></LabelTable>",
        b"<LabelTable><Label>liver</Label></LabelTable>",
    ],
)
def test_a_malformed_table_of_names_counts_as_none(content: bytes, tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.ones((6, 5, 4), np.uint8), SPACING)
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension(0, content))
    image.to_filename(tmp_path / "seg.nii.gz")
    assert stored_label_names(load_segmentation(tmp_path / "seg.nii.gz").header) == {}
