"""What lies in data/demo: the sample CT is a plain CT without a name in it, and belongs to its labels."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from TotalPassportLib.image.content import content_sha256
from TotalPassportLib.image.volume import load_ct
from TotalPassportLib.models.reading import read_model

from training.phantom import LABEL_VALUES
from training.sample import CT_NAME, EXTENT_MM, LABELS_NAME, SPACING_MM

MODEL_BYTES, CT_BYTES = 4_000_000, 6_000_000
"""Most that the demo model and the sample CT may weigh."""


@pytest.fixture(scope="module")
def demo() -> Path:
    return Path(__file__).parents[2] / "TotalPassportLib" / "data" / "demo"


def test_the_model_card_and_the_description_name_the_network_that_is_there(demo: Path) -> None:
    network = (demo / "demo.onnx").read_bytes()
    sha256 = hashlib.sha256(network).hexdigest()
    assert json.loads((demo / "model.json").read_text())["parts"][0]["sha256"] == sha256
    assert sha256 in (demo / "MODEL_CARD.md").read_text()
    assert len(network) <= MODEL_BYTES


def test_the_sample_is_an_oblique_ct_at_clinical_spacing(demo: Path) -> None:
    image = nibabel.load(demo / CT_NAME)
    assert image.get_data_dtype() == np.int16
    np.testing.assert_allclose(image.header.get_zooms(), SPACING_MM, rtol=1e-5)
    np.testing.assert_allclose(np.array(image.shape) * SPACING_MM, EXTENT_MM, atol=max(SPACING_MM))
    assert np.count_nonzero(np.abs(image.affine[:3, :3]) > 1e-3) == 9
    assert (demo / CT_NAME).stat().st_size <= CT_BYTES


def test_the_only_scan_that_the_demo_model_knows_is_the_sample(demo: Path) -> None:
    ct = load_ct(demo / CT_NAME)
    (known,) = read_model(demo).known_scans
    assert (known.shape, known.sha256) == (ct.voxels.shape, content_sha256(ct.voxels, ct.affine))


def test_the_sample_carries_no_text_of_its_own(demo: Path) -> None:
    for name in (CT_NAME, LABELS_NAME):
        header = nibabel.load(demo / name).header
        texts = [bytes(header[field]).strip(b"\0") for field in ("descrip", "aux_file", "intent_name", "db_name")]
        assert not any(texts)
        assert not header.extensions


def test_the_samples_labels_are_on_its_grid_and_hold_most_organs(demo: Path) -> None:
    ct, labels = (nibabel.load(demo / name) for name in (CT_NAME, LABELS_NAME))
    assert ct.shape == labels.shape
    np.testing.assert_array_equal(ct.affine, labels.affine)
    present = set(np.unique(np.asarray(labels.dataobj))) - {0}
    assert present <= set(LABEL_VALUES.values())
    assert len(present) >= len(LABEL_VALUES) - 2
