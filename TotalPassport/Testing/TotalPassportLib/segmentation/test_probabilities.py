"""Whoever asks for a network's probabilities gets nnU-Net's own files, made on a disk and not in memory."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from support.networks import LABEL_VALUES, edit_model, write_unet_model
from TotalPassportLib.base.errors import BadInput, Cancelled
from TotalPassportLib.image.grid import canonical_grid
from TotalPassportLib.image.preparation import PreparedCT
from TotalPassportLib.image.volume import load_ct
from TotalPassportLib.models.description import ModelDescription
from TotalPassportLib.models.network_conventions import Blending
from TotalPassportLib.models.reading import read_model
from TotalPassportLib.segmentation.engine_choice import NetworkOpener
from TotalPassportLib.segmentation.logits import LogitsBlender
from TotalPassportLib.segmentation.part_plan import PartPlan
from TotalPassportLib.segmentation.part_run import PartRun
from TotalPassportLib.segmentation.probabilities import ProbabilityCollection, mapped
from TotalPassportLib.segmentation.segment import ModelGridLabels, RunCallbacks, segment
from TotalPassportLib.segmentation.task_segmentation import TaskSegmentation

BOX = (slice(2, 20), slice(1, 23), slice(3, 27))
SHAPE = (21, 24, 28)
TURN = np.deg2rad(9)


@pytest.fixture
def ct() -> PreparedCT:
    """A scan on an oblique grid, filled in a box only."""
    rotation = np.array([[np.cos(TURN), -np.sin(TURN), 0], [np.sin(TURN), np.cos(TURN), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = rotation @ np.diag([3.0, 3.0, 4.0]), [-31.5, 12.25, 700.0]
    inside = np.random.default_rng(3).normal(0, 400, [part.stop - part.start for part in BOX])
    return PreparedCT(
        hounsfield_zyx=inside.astype(np.float32),
        box_zyx=BOX,
        shape_zyx=SHAPE,
        affine=affine,
        grid=canonical_grid(affine, SHAPE[::-1]),
        spacing_mm=np.array([3.0, 3.0, 4.0], np.float32),
    )


@pytest.fixture
def model(tmp_path: Path) -> ModelDescription:
    folder = write_unet_model(tmp_path / "model")
    edit_model(folder, lambda document: document["parts"][0].update(axes=[1, 2, 0]))
    return read_model(folder)


def run(
    ct: PreparedCT,
    model: ModelDescription,
    collection: ProbabilityCollection | None,
    on_window: Callable[[int, int], None] = lambda done, total: None,
) -> ModelGridLabels:
    with NetworkOpener("cpu", "exact", lambda code, sentence: None) as networks:
        return segment(ct, model, networks, callbacks=RunCallbacks(on_window=on_window), probabilities=collection)


def logits_of(ct: PreparedCT, model: ModelDescription) -> np.ndarray:
    """Return what the network gives before anything is made of it, ``[channels, z, y, x]`` in the box."""

    class Keeper:
        blender = LogitsBlender

        def keep(self, logits: np.ndarray, plan: PartPlan) -> None:
            self.logits = logits.copy()

    (part,) = model.parts
    with NetworkOpener("cpu", "exact", lambda code, sentence: None) as networks:
        plan = PartPlan.of(ct.hounsfield_zyx.shape, ct.spacing_mm[::-1], (part,), networks.files(part), "exact")
        keeper = Keeper()
        PartRun(plan, networks, lambda cost: None).labels(ct.hounsfield_zyx, keep=keeper)
    return np.moveaxis(keeper.logits.transpose([*np.argsort(part.axes), 3]), -1, 0)


def test_they_are_the_softmax_of_the_logits_and_background_where_the_network_did_not_look(
    ct: PreparedCT, model: ModelDescription, tmp_path: Path
) -> None:
    with ProbabilityCollection(folder=tmp_path, only_last=True) as collection:
        labels = run(ct, model, collection).voxels.transpose(2, 1, 0)
        (made,) = collection.found
        probabilities = np.load(made.archive)["probabilities"]
    assert made.name == "threshold.threshold"
    assert (probabilities.dtype, probabilities.shape) == (np.float32, (len(LABEL_VALUES), *SHAPE))
    exponentials = np.exp(logits_of(ct, model).astype(np.float64))
    inside = np.zeros(SHAPE, bool)
    inside[BOX] = True
    expected = exponentials / exponentials.sum(axis=0)
    assert np.allclose(probabilities[(slice(None), *BOX)], expected, rtol=0, atol=1e-6)
    assert (probabilities[:, ~inside] == [[1], [0], [0], [0]]).all()
    assert (np.array(LABEL_VALUES)[probabilities.argmax(axis=0)] == labels).all()
    assert (labels == run(ct, model, None).voxels.transpose(2, 1, 0)).all(), "asking for them changes no label"


def test_the_notes_beside_them_are_those_that_nnu_net_takes_of_such_an_image(
    ct: PreparedCT, model: ModelDescription, tmp_path: Path
) -> None:
    with ProbabilityCollection(folder=tmp_path, only_last=True) as collection:
        run(ct, model, collection)
        notes = pickle.loads(collection.found[0].properties)
    nibabel.save(nibabel.Nifti1Image(np.zeros(SHAPE[::-1], np.int16), ct.nominal_affine), tmp_path / "image.nii.gz")
    image = SimpleITK.ReadImage(str(tmp_path / "image.nii.gz"))
    geometry = notes.pop("sitk_stuff")
    assert geometry.keys() == {"spacing", "origin", "direction"}
    assert geometry["spacing"] == pytest.approx(image.GetSpacing(), abs=1e-6)
    assert geometry["origin"] == pytest.approx(image.GetOrigin(), abs=1e-4)
    assert geometry["direction"] == pytest.approx(image.GetDirection(), abs=1e-6)
    assert notes == {
        "spacing": [4.0, 3.0, 3.0],
        "shape_before_cropping": (24, 28, 21),
        "bbox_used_for_cropping": [[1, 23], [3, 27], [2, 20]],
        "shape_after_cropping_and_before_resampling": (22, 24, 18),
    }, "axes as the network has them"


def test_networks_of_another_voxel_size_have_theirs_on_the_grid_of_the_image(
    ct: PreparedCT, model: ModelDescription, tmp_path: Path
) -> None:
    (part,) = model.parts
    coarser = replace(model, spacing_mm=None, parts=(replace(part, spacing_mm=(3.7, 4.1, 4.0)),))
    with ProbabilityCollection(folder=tmp_path, only_last=True) as collection:
        labels = run(ct, coarser, collection).voxels.transpose(2, 1, 0)
        probabilities = np.load(collection.found[0].archive)["probabilities"]
    assert np.allclose(probabilities.sum(axis=0), 1, atol=1e-6)
    assert (np.array(LABEL_VALUES)[probabilities.argmax(axis=0)] == labels).all()


def test_regions_have_probabilities_of_their_own(ct: PreparedCT, model: ModelDescription, tmp_path: Path) -> None:
    (part,) = model.parts
    regions = replace(model, parts=(replace(part, regions=True, label_values=(5, 2, 1, 3)),))
    with ProbabilityCollection(folder=tmp_path, only_last=True) as collection:
        run(ct, regions, collection)
        probabilities = np.load(collection.found[0].archive)["probabilities"]
    assert np.allclose(
        probabilities[(slice(None), *BOX)], 1 / (1 + np.exp(-logits_of(ct, regions).astype(np.float64))), atol=1e-6
    )
    assert not probabilities[:, 0].any(), "outside of the box there is nothing, and no background"


@pytest.mark.parametrize(("only_last", "names"), [(True, ["b"]), (False, ["a", "b"])])
def test_of_several_networks_each_has_its_own_or_the_last_one_only(
    ct: PreparedCT, model: ModelDescription, tmp_path: Path, only_last: bool, names: list[str]
) -> None:
    (part,) = model.parts
    two = replace(model, parts=(replace(part, name="a"), replace(part, name="b")))
    with ProbabilityCollection(folder=tmp_path, only_last=only_last) as collection:
        run(ct, two, collection)
        assert [made.name for made in collection.found] == [f"threshold.{name}" for name in names]


def test_whatever_ends_the_run_no_file_is_left(ct: PreparedCT, model: ModelDescription, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    folder.mkdir()

    def stop(done: int, total: int) -> None:
        assert not list(folder.iterdir()), "no half of a scan lies about under a name"
        if done == total:
            raise Cancelled()

    with pytest.raises(Cancelled), ProbabilityCollection(folder=folder, only_last=True) as collection:
        run(ct, model, collection, stop)
    assert not list(folder.iterdir())


def test_a_folder_without_room_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="There is no room"):
        mapped((2, 3, 4, 5), tmp_path / "nowhere")


def test_networks_that_run_in_another_way_than_nnu_nets_have_none(
    phantom_ct: Path, model: ModelDescription, tmp_path: Path
) -> None:
    (part,) = model.parts
    averaged = replace(model, parts=(replace(part, blending=Blending(kind="mean")),))
    with NetworkOpener("cpu", "exact", lambda code, sentence: None) as networks:
        segmentation = TaskSegmentation(load_ct(phantom_ct), networks, lambda name: averaged, lambda name: None)
        with pytest.raises(BadInput, match="do not run in its way"):
            segmentation.run(averaged, probabilities=ProbabilityCollection(folder=tmp_path, only_last=True))
