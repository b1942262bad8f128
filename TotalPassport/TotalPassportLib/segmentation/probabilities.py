"""Class probabilities of a network as nnU-Net's own files: ``.npz`` and ``.pkl``, made in little memory.

The logits of a whole volume may take more than a machine has (118 classes at 3 mm: 240 bytes a voxel), so they lie in
files without a name, which are gone with the process, however that ends. They are read channel by channel.
"""

from __future__ import annotations

import pickle
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..base.errors import BadInput
from ..image.itk_reader import LPS_FROM_RAS
from ..image.nnunet_resampling import resample_logit
from ..image.preparation import PreparedCT
from .cells import Cells
from .logits import LogitsBlender
from .part_plan import LOGIT_BYTES, PartPlan

ENTRY = "probabilities.npy"
"""What the array is called inside the archive; `numpy.load` knows it as ``probabilities``."""


@dataclass(frozen=True, kw_only=True)
class NetworkProbabilities:
    """What one network's files will hold; ``archive`` is a file without a name.

    Attributes
    ----------
    name : str
        Of model and part.
    archive : file
        The ``.npz``: float32 ``[channels, z, y, x]`` on the canonical grid that the network was given.
    properties : bytes
        The ``.pkl``: that grid, and the box in which the network has looked.
    """

    name: str
    archive: IO[bytes]
    properties: bytes


@dataclass(kw_only=True)
class ProbabilityCollection:
    """The probabilities of a run.

    Attributes
    ----------
    folder : Path
        On whose disk they are made.
    only_last : bool
        Of the last network that runs only, as TotalSegmentator keeps them.
    found : list of NetworkProbabilities
        Those that are complete.
    """

    folder: Path
    only_last: bool
    found: list[NetworkProbabilities] = field(default_factory=list)

    def __enter__(self) -> ProbabilityCollection:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the files go, which have no names."""
        for each in self.found:
            each.archive.close()

    def wants(self, index: int, count: int) -> bool:
        """Whether the network of this place among those that run is to be kept."""
        return not self.only_last or index == count - 1

    def keeper(self, name: str, ct: PreparedCT, tick: Callable[[], None]) -> ProbabilityKeeper:
        """Return what keeps the probabilities of one part."""
        return ProbabilityKeeper(collection=self, name=name, ct=ct, tick=tick)

    def add(self, made: NetworkProbabilities) -> None:
        """Keep some."""
        if self.only_last:
            for former in self.found:
                former.archive.close()
            self.found.clear()
        self.found.append(made)


class MappedLogitsBlender(LogitsBlender):
    """Keeps logits in a file without a name, channel after channel, instead of in memory."""

    def __init__(
        self, folder: Path, cells: Cells, weights: np.ndarray, head: np.ndarray | None, channels: int, threads: int = 0
    ) -> None:
        self._folder = folder
        super().__init__(cells, weights, head, channels, threads)

    def _room(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.moveaxis(mapped((shape[-1], *shape[:-1]), self._folder), 0, -1)


def mapped(shape: Sequence[int], folder: Path) -> np.ndarray:
    """Return a float16 array of zeros in a file of ``folder`` that has no name and vanishes with the array.

    Raises
    ------
    BadInput
        The disk is full, or the folder cannot be written to.
    """
    size = LOGIT_BYTES * prod(shape)
    try:
        file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - the array keeps it
        _reserve(file, size)
        return np.memmap(file, np.float16, "r+", shape=tuple(shape))
    except OSError as error:
        raise BadInput(
            f"There is no room for {size / 2**30:.1f} GB of the networks' results in '{folder}' ({error.strerror}).",
            "Free some space, choose another folder, or do without probabilities.",
        ) from error


def _reserve(file: IO[bytes], size: int) -> None:
    """Make a file of zeros that is really on the disk: one that fills while it is mapped ends the process."""
    zeros = bytes(2**22)
    for done in range(0, size, len(zeros)):
        file.write(zeros[: size - done])
    file.flush()


@dataclass(frozen=True, kw_only=True)
class ProbabilityKeeper:
    """Turns the logits of one part into probabilities for a collection; ``tick`` as in `write_probabilities`."""

    collection: ProbabilityCollection
    name: str
    ct: PreparedCT
    tick: Callable[[], None]

    @property
    def blender(self) -> Callable[..., LogitsBlender]:
        """What collects the logits, on the collection's disk."""
        return partial(MappedLogitsBlender, self.collection.folder)

    def keep(self, logits: np.ndarray, plan: PartPlan) -> None:
        """Take the logits of the part, float16 ``[z, y, x, channels]`` on its network's grid."""
        made = write_probabilities(self.name, logits, plan, self.ct, self.collection.folder, self.tick)
        self.collection.add(made)


def write_probabilities(
    name: str, logits: np.ndarray, plan: PartPlan, ct: PreparedCT, folder: Path, tick: Callable[[], None]
) -> NetworkProbabilities:
    """Return the probabilities that logits mean.

    Parameters
    ----------
    name : str
        Of model and part.
    logits : numpy.ndarray
        float16 ``[z, y, x, channels]`` on the network's grid, axes as the network has them.
    plan : PartPlan
        What the network was run on.
    ct : PreparedCT
        The scan as the network was given it.
    folder : Path
        On whose disk the file is made.
    tick : callable
        Called for each channel; what it raises ends the work.

    Raises
    ------
    BadInput
        The disk is full.
    """
    channels = _on_grid(logits, plan, folder, tick)
    archive = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - whoever takes it closes it
    transform = _sigmoid if plan.part.regions else _softmax(channels, tick)
    back = np.argsort(plan.part.axes)
    try:
        with (
            zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as files,
            files.open(ENTRY, "w", force_zip64=True) as entry,
        ):
            shape = (len(channels), *ct.shape_zyx)
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(entry, header)
            for channel, values in enumerate(channels):
                # Outside of the box everything is background; regions have none.
                whole = np.full(ct.shape_zyx, 1 if channel == 0 and not plan.part.regions else 0, "<f4")
                whole[ct.box_zyx] = transform(values).transpose(back)
                for plane in whole:
                    entry.write(plane.tobytes())
                tick()
    except BaseException:
        archive.close()
        raise
    archive.seek(0)
    return NetworkProbabilities(name=name, archive=archive, properties=pickle.dumps(_properties(plan, ct), protocol=4))


def _on_grid(logits: np.ndarray, plan: PartPlan, folder: Path, tick: Callable[[], None]) -> np.ndarray:
    """Return the logits ``[channels, z, y, x]`` on the grid of the image that the network was given."""
    if plan.network_shape == plan.image_shape:
        return np.moveaxis(logits, -1, 0)
    channels = mapped((logits.shape[-1], *plan.image_shape), folder)
    for channel in range(len(channels)):
        channels[channel] = resample_logit(logits[..., channel], plan.image_shape, plan.thick_after)
        tick()
    return channels


def _softmax(channels: np.ndarray, tick: Callable[[], None]) -> Callable[[np.ndarray], np.ndarray]:
    """Return what makes probabilities of one of the channels, in float32."""
    highest = channels[0].astype(np.float32)
    for values in channels[1:]:
        np.maximum(highest, values, out=highest)
        tick()
    total = np.zeros_like(highest)
    for values in channels:
        total += np.exp(values - highest)
        tick()
    return lambda values: np.exp(values - highest) / total


def _sigmoid(values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # of a very negative logit; the probability is then 0, as it should be
        return np.asarray(1 / (1 + np.exp(-values.astype(np.float32))))


def _properties(plan: PartPlan, ct: PreparedCT) -> dict[str, Any]:
    """Return nnU-Net's notes on an image, in plain Python: with ITK's geometry, and the box in the network's axes."""
    affine = ct.nominal_affine.astype(np.float32).astype(np.float64)  # as in the file that ITK reads
    spacing = [float(size) for size in np.asarray(ct.spacing_mm, np.float32)]
    directions = LPS_FROM_RAS[:3, :3] @ (affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0))
    turned = [int(axis) for axis in plan.part.axes]
    box = [[ct.box_zyx[axis].start, ct.box_zyx[axis].stop] for axis in turned]
    return {
        "sitk_stuff": {
            "spacing": tuple(spacing),
            "origin": tuple(float(value) for value in LPS_FROM_RAS[:3, :3] @ affine[:3, 3]),
            "direction": tuple(float(value) for value in directions.ravel()),
        },
        "spacing": spacing[::-1],
        "shape_before_cropping": tuple(ct.shape_zyx[axis] for axis in turned),
        "bbox_used_for_cropping": [[int(first), int(last)] for first, last in box],
        "shape_after_cropping_and_before_resampling": plan.image_shape,
    }
