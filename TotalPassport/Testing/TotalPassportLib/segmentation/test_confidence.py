"""How sure a network is: the softmax's entropy, voxel by voxel and of each structure, by the network that found it."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from support.networks import LABEL_VALUES, LEVELS_HU, model_document, part_document, save_network, threshold_layers
from support.scans import save_nifti
from TotalPassportLib.options import RunOptions
from TotalPassportLib.passport import Passport, read_passport
from TotalPassportLib.pipeline import RunResult, run
from TotalPassportLib.segmentation.blending import Blender, ExactBlender, TurboBlender
from TotalPassportLib.segmentation.cells import Cells
from TotalPassportLib.segmentation.confidence import (
    PERCENT_UNKNOWN,
    add_part,
    confidence_by_label,
    confidence_of_volume,
    percent,
    region_confidence,
    softmax_confidence,
)
from TotalPassportLib.segmentation.windows import gaussian_weights

SPLEEN, LIVER = LABEL_VALUES[3], LABEL_VALUES[1]
STD_HU = 500.0
"""Of the threshold model's normalisation, see `support.networks`."""


def plain_confidence(logits: np.ndarray) -> np.ndarray:
    """Return 1 - H / ln C in double precision, as the definition has it."""
    powers = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    share = powers / powers.sum(-1, keepdims=True)
    terms = np.where(share > 0, share * np.log(np.where(share > 0, share, 1)), 0)
    return 1 + terms.sum(-1) / np.log(logits.shape[-1])


@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0, 20_000.0])
@pytest.mark.parametrize("channels", [2, 5, 118])
@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_it_is_one_minus_the_normalised_entropy_of_the_softmax(scale: float, channels: int, kind: type) -> None:
    logits = (np.random.default_rng(1).standard_normal((2000, channels)) * scale).clip(-6e4, 6e4).astype(kind)
    found = softmax_confidence(logits)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, plain_confidence(logits), atol=2e-6)


def test_a_sure_network_is_wholly_sure_and_one_that_knows_nothing_is_not_sure_at_all() -> None:
    sure, unsure = np.array([[0.0, 200.0, -300.0]], np.float16), np.full((1, 3), 7.5, np.float16)
    assert softmax_confidence(sure) == 1
    assert softmax_confidence(unsure) == pytest.approx(0, abs=1e-6)


def test_of_regions_the_least_sure_one_counts() -> None:
    logits = np.array([[9.0, -40.0], [0.0, 40.0], [-2.0, 2.0], [-5e4, 5e4]], np.float32)
    p = 1 / (1 + np.exp(-2.0))
    half_sure = 1 + (p * np.log(p) + (1 - p) * np.log(1 - p)) / np.log(2)
    found = region_confidence(logits)
    assert found[1:] == pytest.approx([0, half_sure, 1], abs=1e-6)
    assert 0.99 < found[0] < 1


def test_a_volume_is_worked_on_in_parts_that_fit_together() -> None:
    logits = np.random.default_rng(2).standard_normal((50, 40, 50, 3)).astype(np.float16)
    found = confidence_of_volume(logits)
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, plain_confidence(logits), atol=6e-4)


@pytest.mark.parametrize("kind", [ExactBlender, TurboBlender])
@pytest.mark.parametrize("with_head", [True, False])
def test_blending_tells_the_confidence_of_the_blended_logits_and_the_same_labels(
    kind: type[Blender], with_head: bool
) -> None:
    rng = np.random.default_rng(3)
    axes, patch, channels = [[0, 4], [0, 5], [0]], (8, 9, 10), 4
    head = rng.standard_normal((channels, 3)).astype(np.float32) if with_head else None
    starts = Cells(axes, patch).starts
    outputs = [rng.standard_normal((*patch, 2 if with_head else channels)).astype(np.float32) for _ in starts]
    weights = gaussian_weights(patch)

    def blended(keep: bool) -> Blender:
        blender = kind(Cells(axes, patch), weights, head, channels)
        if keep:
            blender.keep_confidence()
        for start, output in zip(starts, outputs, strict=True):
            blender.add(start, output)
        return blender

    total, count = np.zeros((12, 14, 10, channels)), np.zeros((12, 14, 10, 1))
    for (z, y, x), output in zip(starts, outputs, strict=True):
        place = slice(z, z + 8), slice(y, y + 9), slice(x, x + 10)
        logits = output if head is None else output @ head[:, :-1].T + head[:, -1]
        total[place] += logits * weights[..., None].astype(np.float64)
        count[place] += weights[..., None]
    with_it, without = blended(True), blended(False)
    assert without.confidence is None
    assert np.array_equal(with_it.labels, without.labels)
    assert with_it.confidence is not None
    heavy = count[..., 0] > 0.1  # the sums are float16, which is rough where the weights are tiny
    difference = np.abs(with_it.confidence - plain_confidence(total / count))[heavy]
    assert heavy.mean() > 0.3
    assert difference.max() < 0.01


def test_each_voxel_has_the_confidence_of_the_part_whose_label_it_gets() -> None:
    labels = np.array([0, 0, 3, 3, 0], np.uint8)
    whole = np.array([0.9, 0.4, 0.8, 0.8, np.nan], np.float16)
    add_part(
        whole,
        labels,
        found=np.array([0, 5, 0, 5, 0], np.uint8),
        confidence=np.array([0.5, 0.7, 0.1, 0.6, 0.3], np.float16),
    )
    # None found anything: the least sure one. Only the new one did, or both: its own. Only the former did: as it was.
    assert whole == pytest.approx([0.5, 0.7, 0.8, 0.6, 0.3], abs=1e-3)


def test_percent_are_whole_and_what_nobody_has_looked_at_stands_apart() -> None:
    found = percent(np.array([0, 0.004, 0.996, 1, np.nan], np.float16))
    assert found.dtype == np.uint8
    assert found.tolist() == [0, 0, 100, 100, PERCENT_UNKNOWN]


def test_a_structure_has_the_mean_of_its_voxels() -> None:
    labels = np.array([0, 7, 7, 9, 9, 4], np.uint8)
    confidence = np.array([0.1, 0.5, 1.0, 0.25, np.nan, np.nan], np.float16)
    assert confidence_by_label(labels, confidence) == {7: 0.75, 9: 0.25}


@pytest.fixture(scope="module")
def stripes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scan on the model's own grid whose values drift away from those that the model knows."""
    grey = np.full((40, 30, 20), LEVELS_HU[0] + 1, np.float32)  # what is 0 all around would be cut off
    grey[5:15] = LEVELS_HU[3] - 100  # spleen, and sure
    grey[20:30] = -251.0  # liver, and only just
    return save_nifti(tmp_path_factory.mktemp("stripes") / "stripes.nii.gz", grey, np.diag([3.0, 3.0, 3.0, 1.0]))


@pytest.fixture(scope="module")
def result(threshold_model: Path, stripes: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    output = tmp_path_factory.mktemp("confidence")
    return run(stripes, output, RunOptions(model=str(threshold_model), confidence=True, provider="cpu"))


def expected_confidence(hounsfield: float) -> float:
    ((weights, bias),) = threshold_layers()
    return float(plain_confidence(weights.ravel() * np.float32(hounsfield / STD_HU) + bias))


def test_a_run_tells_how_sure_the_network_is_of_each_structure(result: RunResult) -> None:
    organs = read_passport(result.paths.passport).organs
    assert organs[SPLEEN].confidence == pytest.approx(expected_confidence(LEVELS_HU[3] - 100), abs=2e-3)
    assert organs[LIVER].confidence == pytest.approx(expected_confidence(-251.0), abs=2e-3)
    assert organs[LIVER].entropy_bits == pytest.approx((1 - organs[LIVER].confidence) * 2, abs=1e-6)  # four classes


def test_and_of_each_voxel_in_a_file_of_whole_percent_on_the_scans_grid(result: RunResult, stripes: Path) -> None:
    assert result.paths.confidence is not None
    image, scan = nibabel.load(result.paths.confidence), nibabel.load(stripes)
    found = np.asarray(image.dataobj)
    assert (found.dtype, found.shape) == (np.uint8, scan.shape)
    assert np.array_equal(image.affine, scan.affine)
    values = np.asarray(scan.dataobj)
    for hounsfield in np.unique(values):
        wanted = 100 * expected_confidence(float(hounsfield))
        apart = np.abs(found[values == hounsfield].astype(float) - wanted)
        assert (apart <= 1).mean() > 0.97  # sums of windows are float16, which is rough in the scan's corners


def test_the_check_names_the_structure_of_which_the_network_is_not_sure(result: RunResult) -> None:
    assert "uncertain" in result.passport.organs[LIVER].checks
    told = [finding for finding in result.passport.findings if finding.labels == (LIVER,)]
    assert "wavers at Liver" in next(finding.message for finding in told if finding.code == "uncertain")


def test_nothing_is_told_that_nobody_asked_for(threshold_model: Path, stripes: Path, tmp_path: Path) -> None:
    result = run(stripes, tmp_path, RunOptions(model=str(threshold_model), provider="cpu"))
    assert result.paths.confidence is None
    assert not list(tmp_path.glob("*confidence*"))
    assert all(organ.confidence is None for organ in result.passport.organs.values())


def test_each_structure_is_told_of_by_the_network_that_finds_it(stripes: Path, tmp_path: Path) -> None:
    """Two parts: the second one knows only the spleen, and is much less sure of everything."""
    first = save_network(tmp_path / "first.onnx", threshold_layers())
    ((weights, bias),) = threshold_layers((0.0, 1500.0))
    second = save_network(tmp_path / "second.onnx", [(weights * np.float32(0.05), bias * np.float32(0.05))])
    parts = [
        part_document(first, name="first"),
        part_document(second, name="second", label_values=[0, SPLEEN]),
    ]
    (tmp_path / "model.json").write_text(json.dumps(model_document(parts)), encoding="utf-8")
    options = RunOptions(model=str(tmp_path), confidence=True, provider="cpu")
    organs = run(stripes, tmp_path / "out", options).passport.organs
    grey = np.float32((LEVELS_HU[3] - 100) / STD_HU)
    of_second = float(plain_confidence((weights.ravel() * grey + bias) * np.float32(0.05)))
    assert organs[SPLEEN].confidence == pytest.approx(of_second, abs=0.01)
    assert organs[SPLEEN].entropy_bits == pytest.approx(1 - organs[SPLEEN].confidence, abs=1e-6)  # two classes
    assert organs[LIVER].confidence == pytest.approx(expected_confidence(-251.0), abs=2e-3)


def confident(passport: Passport) -> bool:
    return all(organ.confidence is not None for organ in passport.organs.values())


def test_where_logits_of_all_voxels_are_needed_it_is_told_too(stripes: Path, tmp_path: Path) -> None:
    """A network of another voxel size than the model's grid: brought there linearly."""
    network = save_network(tmp_path / "net.onnx", threshold_layers())
    part = part_document(network, spacing_mm=[6.0, 6.0, 6.0])
    document = model_document([part], spacing_mm=None)
    (tmp_path / "model.json").write_text(json.dumps(document), encoding="utf-8")
    options = RunOptions(model=str(tmp_path), confidence=True, provider="cpu")
    result = run(stripes, tmp_path / "out", options)
    assert confident(result.passport)
    inside = np.asarray(nibabel.load(result.paths.confidence).dataobj)[10, 5:25, 5:15]
    assert np.abs(inside.astype(float) - 100 * expected_confidence(LEVELS_HU[3] - 100)).max() <= 1
