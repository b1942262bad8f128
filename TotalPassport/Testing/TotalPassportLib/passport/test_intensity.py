"""Hounsfield units of every label."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from TotalPassportLib.base.labels import load_label_table
from TotalPassportLib.passport import intensity
from TotalPassportLib.passport.extraction import extract_passport
from TotalPassportLib.passport.intensity import HIGHEST_HU, LOWEST_HU, PERCENTILES, label_intensities


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), whole=st.booleans(), many=st.booleans())
@pytest.mark.slow
def test_intensities_are_numpys(seed: int, whole: bool, many: bool) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 300 if many else 4, (9, 8, 7)).astype(np.uint16)
    ct = rng.normal(40, 300, labels.shape)
    ct = np.rint(ct).astype(np.int16) if whole else ct.astype(np.float32)
    present = [int(label) for label in np.unique(labels) if label]
    found = label_intensities(labels, ct, present)
    assert list(found) == present
    for label, measured in found.items():
        values = ct[labels == label].astype(np.float64)
        assert measured.mean_hu == pytest.approx(values.mean(), rel=1e-12, abs=1e-9)
        assert measured.sd_hu == pytest.approx(values.std(), rel=1e-9, abs=1e-4)
        expected = np.percentile(np.rint(values), PERCENTILES, method="inverted_cdf")
        assert list(measured.percentiles_hu.values()) == expected.tolist()


def test_labels_in_several_rounds_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    labels, ct = rng.integers(0, 9, (9, 8, 7)).astype(np.uint8), rng.integers(-1000, 1000, (9, 8, 7))
    expected = label_intensities(labels, ct, list(range(1, 9)))
    monkeypatch.setattr(intensity, "_LABELS_AT_ONCE", 3)
    assert label_intensities(labels, ct, list(range(1, 9))) == expected


def test_percentiles_stop_at_the_limits_and_means_do_not() -> None:
    labels = np.ones((1, 1, 4), np.uint8)
    found = label_intensities(labels, np.array([[[-30000.0, -30000.0, 30000.0, 30000.0]]]), [1])[1]
    assert found.mean_hu == 0
    assert found.percentiles_hu[5] == LOWEST_HU
    assert found.percentiles_hu[95] == HIGHEST_HU


def test_the_published_statistics_of_totalsegmentator_are_reproduced_to_the_last_digit(shared: Path) -> None:
    table = load_label_table("total")
    published = json.loads((shared / "data" / "example_seg_fast_statistics.json").read_text(encoding="utf-8"))
    segmentation = nibabel.load(shared / "data" / "example_seg_fast.nii.gz")
    labels = np.asarray(segmentation.dataobj).astype(np.uint8)
    ct = np.asarray(nibabel.load(shared / "data" / "example_ct_sm.nii.gz").dataobj)
    passport = extract_passport(labels, segmentation.affine, table, ct)
    assert len(passport.organs) == 40
    for label in table.values():
        expected, organ = published[label.name], passport.organs.get(label.value)
        volume_mm3, mean_hu = (organ.volume_mm3, round(organ.hu_mean, 5)) if organ else (0.0, 0.0)
        assert (volume_mm3, mean_hu) == (expected["volume"], expected["intensity"]), label.name
