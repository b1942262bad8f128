"""Network, patches, loss, schedule and export; all of it needs PyTorch, which only training has."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from TotalPassportLib.base.files import DATA_FOLDER

torch = pytest.importorskip("torch", reason="optional: PyTorch is needed for training only")

from training import settings  # noqa: E402
from training.export import architecture, description, export  # noqa: E402
from training.loss import class_weights, dice, dice_and_cross_entropy, network_loss  # noqa: E402
from training.network import PlainConvUNet  # noqa: E402
from training.plan import NetworkPlan  # noqa: E402
from training.sample import CT_NAME  # noqa: E402
from training.train import CHECKPOINT_NAME, Schedule, Trainer  # noqa: E402


@pytest.fixture
def small_network() -> PlainConvUNet:
    torch.manual_seed(1)
    return PlainConvUNet(NetworkPlan((4, 6, 8, 8), (1, 2, 1, 1), (1, 1, 1), n_classes=3))


def test_the_networks_parameters_have_nnunets_names_and_the_products_shapes() -> None:
    state = PlainConvUNet(settings.PLAN).state_dict()
    for name, shape in architecture().tensors().items():
        assert tuple(state[name].shape) == tuple(shape)


def test_logits_have_the_size_of_the_input(small_network: PlainConvUNet) -> None:
    assert small_network(torch.zeros(1, 1, 8, 16, 24)).shape == (1, 3, 8, 16, 24)


def test_without_the_finest_stage_features_end_at_half_resolution(small_network: PlainConvUNet) -> None:
    features = small_network.decode(torch.zeros(1, 1, 8, 16, 24), with_finest=False)
    assert [tuple(f.shape[2:]) for f in features] == [(2, 4, 6), (4, 8, 12)]


def test_dice_is_one_for_the_truth_and_counts_only_classes_that_occur() -> None:
    truth = torch.tensor([0, 1, 1, 0, 1])
    shares = torch.nn.functional.one_hot(truth, 4).float()
    assert float(dice(shares, truth)) == pytest.approx(1.0)


def test_the_loss_is_lowest_for_confident_truth() -> None:
    truth = torch.tensor([0, 1, 2, 1])
    right = 20.0 * torch.nn.functional.one_hot(truth, 3).float()
    assert float(dice_and_cross_entropy(right, truth)) == pytest.approx(-1.0, abs=1e-3)
    assert float(dice_and_cross_entropy(-right, truth)) > 1.0


def test_rare_classes_weigh_more_and_never_without_bound() -> None:
    frequencies = torch.tensor([0.9, 0.1, 0.0])
    np.testing.assert_allclose(class_weights(frequencies, 0.0), [1.0, 1.0, 1.0])
    weights = class_weights(frequencies, 0.5)
    assert float(weights[1]) == pytest.approx(3.0, rel=1e-4)
    assert torch.isfinite(weights).all()


@pytest.mark.parametrize("with_finest", [False, True])
def test_a_few_steps_lower_the_loss(small_network: PlainConvUNet, with_finest: bool) -> None:
    image = torch.randn(1, 1, 16, 16, 16)
    target = (image[0, 0] > 0).long()
    optimiser = torch.optim.AdamW(small_network.parameters(), lr=1e-2)
    losses = []
    for _ in range(12):
        loss, _ = network_loss(small_network, image, target, None, with_finest)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] - 0.1


def test_the_schedule_starts_coarse_and_ends_at_nothing() -> None:
    schedule = Schedule(first_steps=600, steps=1000)
    assert not schedule.with_finest(599)
    assert schedule.with_finest(600)
    assert schedule.learning_rate(1000) == pytest.approx(0.0, abs=1e-9)
    assert schedule.rarity_power(0) > 0
    assert schedule.rarity_power(999) == 0


def test_training_goes_on_where_it_stopped(tmp_path: Path) -> None:
    trainer = Trainer(tmp_path, Schedule(5, 10))
    trainer.step = 7
    trainer._save()
    assert (tmp_path / CHECKPOINT_NAME).exists()
    assert Trainer(tmp_path, Schedule(5, 10)).step == 7


def test_exported_network_computes_what_the_trained_one_does(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="optional: not there")
    pytest.importorskip("onnx", reason="optional: onnx is needed for export only")
    trainer = Trainer(tmp_path, Schedule(5, 10))
    trainer._save()
    shutil.copytree(DATA_FOLDER / "demo", tmp_path / "model")  # the sample CT lies there
    session = onnxruntime.InferenceSession(export(tmp_path / CHECKPOINT_NAME, tmp_path / "model"))
    image = np.random.default_rng(0).standard_normal((1, 1, 32, 16, 48)).astype(np.float32)
    (logits,) = session.run(None, {"input": image})
    with torch.no_grad():
        expected = trainer.averaged(torch.from_numpy(image)).numpy()
    # The larger weights lose 13 of their 24 bits.
    np.testing.assert_allclose(logits, expected, rtol=0, atol=0.01 * expected.std())


def test_the_description_fits_the_network() -> None:
    part = description({}, DATA_FOLDER / "demo" / CT_NAME)["parts"][0]
    assert len(part["label_values"]) == settings.PLAN.n_classes
    assert all(size % part["divisor_zyx"][0] == 0 for size in part["patch_size_zyx"])
