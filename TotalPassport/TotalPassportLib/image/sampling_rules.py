"""How a scan comes to a model's grid, and labels back from it: one class for each rule, chosen by a description's name.

A family of models with a rule of its own adds a class here, and its numbers to ``model.schema.json``. Arrays have the
axes ``[x, y, z]`` of the model's orientation. numpy is not imported before a scan is there: models are listed where
nothing is installed yet.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import numpy as np

    from .axis_sampling import AxisMap

Triple = tuple[float, float, float]
Size = tuple[int, int, int]


class SamplingRule(ABC):
    """A rule with its numbers; subclasses are frozen data classes of them, named as in a model's description."""

    rule: ClassVar[str]
    """Name of the rule in a model's description."""
    needs_spacing: ClassVar[bool] = True
    """Whether the model must say which voxel size it works at."""

    @classmethod
    def from_numbers(cls, numbers: Mapping[str, Any]) -> SamplingRule:
        """Return the rule with the numbers of a valid description."""
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in numbers.items()})

    def document(self) -> dict[str, Any]:
        """Return the rule as a model's description has it."""
        return {"rule": self.rule} | {
            name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()
        }

    @abstractmethod
    def sampled(
        self, voxels: np.ndarray, affine: np.ndarray, spacing_mm: Triple | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return a scan on the model's grid, float32, and the affine of that grid.

        Parameters
        ----------
        voxels : numpy.ndarray
            Real numbers ``[x, y, z]``.
        affine : numpy.ndarray
            float64 4 x 4, its voxel indices to RAS mm.
        spacing_mm : tuple of float, optional
            The model's voxel sizes along x, y, z, where it has any.
        """

    @abstractmethod
    def labels_back(
        self, labels: np.ndarray, affine: np.ndarray, shape: Size, scan_affine: np.ndarray, beyond: int = 0
    ) -> np.ndarray:
        """Return labels of the model's grid on the scan's, by nearest neighbour.

        Parameters
        ----------
        labels : numpy.ndarray
            Integers ``[x, y, z]``.
        affine : numpy.ndarray
            Of the model's grid.
        shape, scan_affine
            Of the scan's grid.
        beyond : int
            What voxels get that the model's grid does not reach.
        """

    def model_shape(self, shape: Size, affine: np.ndarray, spacing_mm: Triple | None) -> Size:
        """Return how many voxels a scan has on the model's grid, before anything is computed."""
        return shape


@dataclass(frozen=True)
class TotalSegmentatorSampling(SamplingRule):
    """TotalSegmentator's: first and last voxels stay, whole numbers, ties to the higher (see `grid`).

    It is done by `preparation.prepare` and `grid.labels_on_stored_grid`, slab by slab and with all of its options.
    """

    rule: ClassVar[str] = "totalsegmentator"
    needs_spacing: ClassVar[bool] = False

    def sampled(
        self, voxels: np.ndarray, affine: np.ndarray, spacing_mm: Triple | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `SamplingRule.sampled`."""
        raise NotImplementedError("preparation.prepare does it")

    def labels_back(
        self, labels: np.ndarray, affine: np.ndarray, shape: Size, scan_affine: np.ndarray, beyond: int = 0
    ) -> np.ndarray:
        """See `SamplingRule.labels_back`."""
        raise NotImplementedError("grid.labels_on_stored_grid does it")


@dataclass(frozen=True)
class OwnVoxels(SamplingRule):
    """The network sees the scan's own voxels."""

    rule: ClassVar[str] = "own"
    needs_spacing: ClassVar[bool] = False

    def sampled(
        self, voxels: np.ndarray, affine: np.ndarray, spacing_mm: Triple | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `SamplingRule.sampled`."""
        import numpy as np

        return voxels.astype(np.float32), affine

    def labels_back(
        self, labels: np.ndarray, affine: np.ndarray, shape: Size, scan_affine: np.ndarray, beyond: int = 0
    ) -> np.ndarray:
        """See `SamplingRule.labels_back`."""
        return labels


@dataclass(frozen=True)
class MonaiSpacing(SamplingRule):
    """MONAI's ``Spacing``: see `monai_spacing`."""

    rule: ClassVar[str] = "monai"

    def sampled(
        self, voxels: np.ndarray, affine: np.ndarray, spacing_mm: Triple | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `SamplingRule.sampled`."""
        import numpy as np

        from .monai_spacing import sample_linearly, spaced_grid

        assert spacing_mm is not None
        grid = spaced_grid(voxels.shape, affine, spacing_mm)
        if grid.same:
            return voxels.astype(np.float32), grid.affine
        matrix = np.linalg.solve(affine, grid.affine)
        return sample_linearly(voxels.astype(np.float32), matrix, grid.shape), grid.affine

    def labels_back(
        self, labels: np.ndarray, affine: np.ndarray, shape: Size, scan_affine: np.ndarray, beyond: int = 0
    ) -> np.ndarray:
        """See `SamplingRule.labels_back`."""
        import numpy as np

        from .monai_spacing import TOLERANCE, sample_nearest

        if labels.shape == tuple(shape) and np.allclose(scan_affine, affine, atol=TOLERANCE):
            return labels
        return sample_nearest(labels, np.linalg.solve(affine, scan_affine), shape)

    def model_shape(self, shape: Size, affine: np.ndarray, spacing_mm: Triple | None) -> Size:
        """See `SamplingRule.model_shape`."""
        from .monai_spacing import spaced_grid

        assert spacing_mm is not None
        return spaced_grid(shape, affine, spacing_mm).shape


class SamplingByAxis(SamplingRule):
    """A rule that treats each axis on its own: linear and float32 on the way there, ties to the higher back."""

    beyond: ClassVar[float | None] = None
    """What is beyond the scan's border; None where the border goes on."""

    @abstractmethod
    def axis_map(self, axis: int, size: int, scan_mm: float, target_mm: float | None) -> AxisMap:
        """Return where the voxels of the model's grid lie on an axis of the scan's that has this many."""

    def _maps(self, shape: Size, affine: np.ndarray, spacing_mm: Triple | None) -> list[AxisMap]:
        import numpy as np

        sizes_mm = np.linalg.norm(affine[:3, :3], axis=0)
        targets = spacing_mm or (None, None, None)
        return [self.axis_map(axis, shape[axis], float(sizes_mm[axis]), targets[axis]) for axis in range(3)]

    def sampled(
        self, voxels: np.ndarray, affine: np.ndarray, spacing_mm: Triple | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `SamplingRule.sampled`."""
        from .axis_sampling import linear_samples, mapped_affine

        maps = self._maps(voxels.shape, affine, spacing_mm)
        return linear_samples(voxels, maps, self.beyond), mapped_affine(affine, maps)

    def labels_back(
        self, labels: np.ndarray, affine: np.ndarray, shape: Size, scan_affine: np.ndarray, beyond: int = 0
    ) -> np.ndarray:
        """See `SamplingRule.labels_back`."""
        import numpy as np

        from .axis_sampling import nearest_back

        spacing: Any = tuple(float(size) for size in np.linalg.norm(affine[:3, :3], axis=0))
        maps = self._maps(shape, scan_affine, spacing)
        return nearest_back(labels, maps, shape, None if self.beyond is None else beyond)

    def model_shape(self, shape: Size, affine: np.ndarray, spacing_mm: Triple | None) -> Size:
        """See `SamplingRule.model_shape`."""
        x, y, z = (each.target for each in self._maps(shape, affine, spacing_mm))
        return x, y, z


@dataclass(frozen=True)
class LinearSampling(SamplingByAxis):
    """Another voxel size, both grids with the same borders; fractions of the scan's values stay."""

    rule: ClassVar[str] = "linear"

    def axis_map(self, axis: int, size: int, scan_mm: float, target_mm: float | None) -> AxisMap:
        """See `SamplingByAxis.axis_map`."""
        from .axis_sampling import same_borders

        assert target_mm is not None
        return same_borders(size, max(1, round(size * scan_mm / target_mm)))

    def labels_back(
        self, labels: np.ndarray, affine: np.ndarray, shape: Size, scan_affine: np.ndarray, beyond: int = 0
    ) -> np.ndarray:
        """See `SamplingRule.labels_back`."""
        from .axis_sampling import nearest_back, same_borders

        # By the sizes alone: the true voxel size is not quite the one that was asked for.
        maps = [same_borders(size, target) for size, target in zip(shape, labels.shape, strict=True)]
        return nearest_back(labels, maps, shape)


@dataclass(frozen=True)
class FixedGrid(SamplingByAxis):
    """A fixed number of voxels, whatever the scan's; both grids have the same borders."""

    rule: ClassVar[str] = "fixed_grid"
    needs_spacing: ClassVar[bool] = False
    size: Size

    def axis_map(self, axis: int, size: int, scan_mm: float, target_mm: float | None) -> AxisMap:
        """See `SamplingByAxis.axis_map`."""
        from .axis_sampling import same_borders

        return same_borders(size, self.size[axis])


@dataclass(frozen=True)
class ConformedGrid(SamplingByAxis):
    """A fixed number of voxels of a fixed size around the scan's middle, as FreeSurfer conforms; outside is 0."""

    rule: ClassVar[str] = "conform"
    beyond: ClassVar[float | None] = 0.0
    size: Size

    def axis_map(self, axis: int, size: int, scan_mm: float, target_mm: float | None) -> AxisMap:
        """See `SamplingByAxis.axis_map`."""
        from .axis_sampling import same_middle

        assert target_mm is not None
        return same_middle(size, self.size[axis], target_mm / scan_mm)


RULES: dict[str, type[SamplingRule]] = {
    kind.rule: kind
    for kind in (TotalSegmentatorSampling, OwnVoxels, MonaiSpacing, LinearSampling, FixedGrid, ConformedGrid)
}
"""All rules by their names."""
TOTALSEGMENTATOR = TotalSegmentatorSampling()


def sampling_from_document(document: Mapping[str, Any]) -> SamplingRule:
    """Return the rule that a valid description of it means.

    Raises
    ------
    KeyError
        There is no rule of that name.
    """
    numbers = {name: value for name, value in document.items() if name != "rule"}
    return RULES[document["rule"]].from_numbers(numbers)
