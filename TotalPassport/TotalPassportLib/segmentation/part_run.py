"""Running one part of a model on one scan: from intensities to label values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Protocol

import numpy as np

from ..base.memory import require_memory, return_free_memory
from ..image.nnunet_resampling import labels_of_logits, resample_image, resample_logit
from ..image.smooth_labels import smooth_labels
from ..models.description import Part
from ..models.network_conventions import EDGE, LABELS
from .activation import activation_of
from .blending import Blender, ExactBlender, TurboBlender, VotingBlender
from .confidence import confidence_of_volume, region_confidence, softmax_confidence
from .engine_choice import NetworkOpener
from .engines import EXACT, Engine
from .estimate import WindowCost, measured
from .logits import LogitsBlender, average_of_folds, labels_of_regions
from .part_plan import PartPlan
from .session import NetworkSession
from .windows import window_weights


class LogitsKeeper(Protocol):
    """Who is given a part's logits as well."""

    @property
    def blender(self) -> Callable[..., LogitsBlender]:
        """What collects them."""

    def keep(self, logits: np.ndarray, plan: PartPlan) -> None:
        """Take the logits of a part, float16 ``[z, y, x, channels]`` on its network's grid."""


class PartRun:
    """One run of a part.

    Parameters
    ----------
    plan : PartPlan
        What it comes to.
    networks : NetworkOpener
        Opens its networks, one at a time.
    on_window : callable
        Called with the cost of each window.
    with_confidence : bool
        Whether to keep how sure the network is of each voxel.

    Attributes
    ----------
    confidence : numpy.ndarray, optional
        That, float16 ``[z, y, x]``, once `labels` has returned; see `confidence`.
    engines : list of Engine
        What has run each network so far.
    seconds : float
        Wall time inside them.
    """

    def __init__(
        self,
        plan: PartPlan,
        networks: NetworkOpener,
        on_window: Callable[[WindowCost], None],
        *,
        with_confidence: bool = False,
    ) -> None:
        self._plan, self._networks, self._on_window = plan, networks, on_window
        self._with_confidence = with_confidence
        self.confidence: np.ndarray | None = None
        self.engines: list[Engine] = []
        self.seconds = 0.0

    def labels(
        self, intensities_zyx: np.ndarray, *, smooth: bool = False, keep: LogitsKeeper | None = None
    ) -> np.ndarray:
        """Return the label value of every voxel ``[z, y, x]``; for ``smooth`` see `segment.segment`.

        Where somebody is to ``keep`` the logits, they are on a disk meanwhile.
        """
        plan, part = self._plan, self._plan.part
        # Axes are turned before the normalisation, as nnU-Net does: the last bits of a mean depend on it.
        image = part.normalisation.apply(intensities_zyx.transpose(part.axes))
        by_logits = plan.needs_logits or keep is not None
        found = self._by_logits(image, smooth=smooth, keep=keep) if by_logits else self._by_windows(image)
        back = np.argsort(part.axes)
        if self.confidence is not None:
            self.confidence = self.confidence.transpose(back)
        return found.transpose(back)

    def _by_windows(self, image: np.ndarray) -> np.ndarray:
        blender = self._blended(self._plan.part, image, self._kind())
        if blender.confidence is not None:
            self.confidence = self._unpadded(blender.confidence)
        return np.asarray(self._values()[self._unpadded(blender.labels)])

    def _kind(self) -> Callable[..., Blender]:
        """Return what blends the windows: the model's way, and of nnU-Net's that of the precision."""
        part = self._plan.part
        if part.ports.gives == LABELS:
            return VotingBlender
        if not part.blending.in_single_precision:
            return ExactBlender if self._plan.precision == EXACT else TurboBlender
        return partial(TurboBlender, activation=activation_of(part))

    def _by_logits(self, image: np.ndarray, *, smooth: bool, keep: LogitsKeeper | None) -> np.ndarray:
        plan, part = self._plan, self._plan.part
        resampled = resample_image(image, plan.network_shape, plan.thick_before)
        logits = average_of_folds(self._logits_of_folds(resampled, keep.blender if keep else LogitsBlender))
        if self._with_confidence:
            self.confidence = self._confidence_on_image(logits)
        if keep is not None:
            keep.keep(logits, plan)
        if part.regions:
            choose = partial(labels_of_regions, values=part.label_values)
            return labels_of_logits(logits, plan.image_shape, plan.thick_after, choose)
        way_back = smooth_labels if smooth and plan.network_shape != plan.image_shape else labels_of_logits
        return np.asarray(self._values()[way_back(logits, plan.image_shape, plan.thick_after)])

    def _confidence_on_image(self, logits: np.ndarray) -> np.ndarray:
        """Return the confidence of whole logits, brought linearly from the network's grid to the image's."""
        plan = self._plan
        confidence = confidence_of_volume(logits, region_confidence if plan.part.regions else softmax_confidence)
        return resample_logit(confidence, plan.image_shape, plan.thick_after)

    def _logits_of_folds(self, image: np.ndarray, kind: Callable[..., LogitsBlender]) -> Iterator[np.ndarray]:
        for fold in self._plan.folds:
            blender = self._blended(fold, image, kind)
            assert isinstance(blender, LogitsBlender)
            yield self._unpadded(blender.logits)
            del blender

    def _blended(self, part: Part, image: np.ndarray, kind: Callable[..., Blender]) -> Blender:
        """Run one network on all windows of an image on its grid; it is gone when the next one comes."""
        plan, patch = self._plan, part.patch_size_zyx
        session: NetworkSession = self._networks.open(part)
        padded = np.pad(image, plan.borders, mode="edge" if part.padding == EDGE else "constant")
        require_memory(plan.held_bytes, f"Collecting the results of part '{part.name}'")
        blender = kind(plan.cells, window_weights(part), session.head, len(part.label_values), session.threads)
        if self._with_confidence and not plan.needs_logits:
            blender.keep_confidence()
        for start in plan.cells.starts:
            window = padded[tuple(slice(first, first + size) for first, size in zip(start, patch, strict=True))]
            with measured() as cost:
                blender.add(start, session.run(window))
                return_free_memory()  # cells come and go in all sizes, and would leave holes of hundreds of megabytes
            self._on_window(cost)
        self.engines.append(session.engine)
        self.seconds += session.seconds
        return blender

    def _unpadded(self, array: np.ndarray) -> np.ndarray:
        sizes = zip(self._plan.borders, array.shape[:3], strict=True)
        return array[tuple(slice(low, size - high) for (low, high), size in sizes)]

    def _values(self) -> np.ndarray:
        part = self._plan.part
        values = (0, *part.label_values) if part.regions else part.label_values
        return np.asarray(values, value_type(values))


def value_type(values: Sequence[int]) -> type[np.unsignedinteger]:
    """Return the smallest type of label values: 8 bits, or 16 where one of them needs them."""
    return np.uint8 if max(values) <= np.iinfo(np.uint8).max else np.uint16
