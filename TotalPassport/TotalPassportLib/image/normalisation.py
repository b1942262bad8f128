"""How a network's input is normalised: one class for each scheme, chosen by the name that a model's description gives.

A family of models with a scheme of its own adds a class here, and its fields to ``model.schema.json``. numpy is not
imported before a scan is there: models are listed where nothing is installed yet.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import numpy as np


class Normalisation(ABC):
    """A scheme with its numbers; subclasses are frozen data classes of them, named as in a model's description."""

    scheme: ClassVar[str]
    """Name of the scheme in a model's description."""

    @abstractmethod
    def apply(self, intensities: np.ndarray) -> np.ndarray:
        """Return the normalised image, float32 of the same shape; the given one stays as it is.

        Parameters
        ----------
        intensities : numpy.ndarray
            float32, axes in the network's order, in the scan's own unit, cropped to what is filled.
        """

    @classmethod
    def from_numbers(cls, numbers: Mapping[str, Any]) -> Normalisation:
        """Return the scheme with the numbers of a valid description."""
        return cls(**{name: value if isinstance(value, bool) else float(value) for name, value in numbers.items()})

    def contradiction(self) -> str:
        """Return what is wrong with the numbers together, as a clause without "that"; empty if nothing is."""
        return ""

    def document(self) -> dict[str, Any]:
        """Return the scheme as a model's description has it."""
        return {"scheme": self.scheme, **vars(self)}


@dataclass(frozen=True, kw_only=True)
class CTNormalisation(Normalisation):
    """nnU-Net's CT scheme: clip, subtract the mean, divide by the standard deviation; all in Hounsfield units."""

    scheme: ClassVar[str] = "ct"
    clip_low_hu: float
    clip_high_hu: float
    mean_hu: float
    std_hu: float

    def apply(self, intensities: np.ndarray) -> np.ndarray:
        """See `Normalisation.apply`; computed in single precision, as nnU-Net does."""
        import numpy as np

        from .zscore import STD_FLOOR

        clipped = np.clip(intensities, np.float32(self.clip_low_hu), np.float32(self.clip_high_hu))
        clipped -= np.float32(self.mean_hu)
        clipped /= np.float32(max(self.std_hu, STD_FLOOR))
        return np.asarray(clipped)

    def contradiction(self) -> str:
        """See `Normalisation.contradiction`."""
        return "the clip range is empty" if self.clip_low_hu >= self.clip_high_hu else ""


@dataclass(frozen=True, kw_only=True)
class ZScoreNormalisation(Normalisation):
    """nnU-Net's scheme for MR: mean 0 and deviation 1, of the filled voxels alone if ``masked``."""

    scheme: ClassVar[str] = "zscore"
    masked: bool

    def apply(self, intensities: np.ndarray) -> np.ndarray:
        """See `Normalisation.apply`; the array has to lie in memory as `zscore.cut_out` makes it."""
        from .zscore import filled, z_score

        return z_score(intensities, filled(intensities) if self.masked else None)


@dataclass(frozen=True, kw_only=True)
class WindowNormalisation(Normalisation):
    """A radiologist's window: what lies within level -+ width / 2 becomes ``low`` to ``high``, the rest these two.

    Computed in double precision. With ``whole_numbers`` the scan is cut to 16-bit integers first, fractions toward zero
    and values beyond them wrapped, as programs do that read scans as such.
    """

    scheme: ClassVar[str] = "window"
    level: float
    width: float
    low: float = 0.0
    high: float = 1.0
    whole_numbers: bool = False

    def apply(self, intensities: np.ndarray) -> np.ndarray:
        """See `Normalisation.apply`."""
        import numpy as np

        if self.whole_numbers:
            intensities = intensities.astype(np.int64).astype(np.int16)
        floor = self.level - self.width / 2
        scaled = np.clip(intensities.astype(np.float64), floor, self.level + self.width / 2)
        scaled -= floor
        scaled /= self.width
        if (self.low, self.high) != (0.0, 1.0):
            scaled *= self.high - self.low
            scaled += self.low
        return np.asarray(scaled.astype(np.float32))

    def contradiction(self) -> str:
        """See `Normalisation.contradiction`."""
        return "the range that the window becomes is empty" if self.low >= self.high else ""


@dataclass(frozen=True, kw_only=True)
class RangeNormalisation(Normalisation):
    """The whole range of the scan's own values becomes ``low`` to ``high``; float32.

    A scan of one value only is multiplied by ``low``, as MONAI does it.
    """

    scheme: ClassVar[str] = "range"
    low: float
    high: float

    def apply(self, intensities: np.ndarray) -> np.ndarray:
        """See `Normalisation.apply`."""
        import numpy as np

        low, high = np.float32(self.low), np.float32(self.high)
        return _stretched(intensities, intensities.min(), intensities.max(), low, high)

    def contradiction(self) -> str:
        """See `Normalisation.contradiction`."""
        return "the range of the values is empty" if self.low >= self.high else ""


@dataclass(frozen=True, kw_only=True)
class QuantileNormalisation(Normalisation):
    """Two percentiles of the scan's own values become ``low`` and ``high``; what is beyond them is cut off if ``clip``.

    Percentiles are interpolated linearly, as numpy does; those of the voxels that are not 0 if ``nonzero``.
    """

    scheme: ClassVar[str] = "quantiles"
    lower_percent: float
    upper_percent: float
    low: float = 0.0
    high: float = 1.0
    clip: bool = True
    nonzero: bool = False

    def apply(self, intensities: np.ndarray) -> np.ndarray:
        """See `Normalisation.apply`."""
        import numpy as np

        counted = intensities[intensities != 0] if self.nonzero else intensities
        if not counted.size:
            counted = intensities
        first, last = np.percentile(counted.astype(np.float64), [self.lower_percent, self.upper_percent])
        low, high = np.float32(self.low), np.float32(self.high)
        scaled = _stretched(intensities, np.float32(first), np.float32(last), low, high)
        return np.asarray(np.clip(scaled, low, high, out=scaled) if self.clip else scaled)

    def contradiction(self) -> str:
        """See `Normalisation.contradiction`."""
        if self.lower_percent >= self.upper_percent:
            return "the percentiles leave nothing between them"
        return "the range that they become is empty" if self.low >= self.high else ""


@dataclass(frozen=True, kw_only=True)
class NonzeroNormalisation(Normalisation):
    """MONAI's z-score of the voxels that are not exactly 0; those that are stay 0. A deviation of 0 counts as 1."""

    scheme: ClassVar[str] = "zscore_nonzero"

    def apply(self, intensities: np.ndarray) -> np.ndarray:
        """See `Normalisation.apply`; mean and deviation are taken in double precision, the rest is float32."""
        import numpy as np

        scored, mask = intensities.astype(np.float32), intensities != 0
        if mask.any():
            inside = scored[mask].astype(np.float64)
            mean, deviation = np.float32(inside.mean()), np.float32(inside.std() or 1.0)
            scored[mask] = (scored[mask] - mean) / deviation
        return np.asarray(scored)


@dataclass(frozen=True, kw_only=True)
class NoNormalisation(Normalisation):
    """The network takes the scan's own values."""

    scheme: ClassVar[str] = "none"

    def apply(self, intensities: np.ndarray) -> np.ndarray:
        """See `Normalisation.apply`."""
        import numpy as np

        return intensities.astype(np.float32)


@dataclass(frozen=True)
class NormalisationSteps(Normalisation):
    """Several schemes, one after the other."""

    scheme: ClassVar[str] = "steps"
    steps: tuple[Normalisation, ...]

    @classmethod
    def from_numbers(cls, numbers: Mapping[str, Any]) -> NormalisationSteps:
        """See `Normalisation.from_numbers`."""
        return cls(tuple(normalisation_from_document(step) for step in numbers["steps"]))

    def apply(self, intensities: np.ndarray) -> np.ndarray:
        """See `Normalisation.apply`."""
        for step in self.steps:
            intensities = step.apply(intensities)
        return intensities

    def contradiction(self) -> str:
        """See `Normalisation.contradiction`."""
        return next((found for step in self.steps if (found := step.contradiction())), "")

    def document(self) -> dict[str, Any]:
        """See `Normalisation.document`."""
        return {"scheme": self.scheme, "steps": [step.document() for step in self.steps]}


def _stretched(
    intensities: np.ndarray, first: np.float32, last: np.float32, low: np.float32, high: np.float32
) -> np.ndarray:
    """Return the image, float32, with ``first`` and ``last`` at ``low`` and ``high``; all four are float32."""
    import numpy as np

    if first == last:
        return np.asarray(intensities.astype(np.float32) * low)
    scaled = (intensities - first) / (last - first)
    scaled *= high - low
    scaled += low
    return np.asarray(scaled.astype(np.float32, copy=False))


SCHEMES: dict[str, type[Normalisation]] = {
    kind.scheme: kind
    for kind in (
        CTNormalisation,
        ZScoreNormalisation,
        WindowNormalisation,
        RangeNormalisation,
        QuantileNormalisation,
        NonzeroNormalisation,
        NoNormalisation,
        NormalisationSteps,
    )
}
"""All schemes by their names."""


def normalisation_from_document(document: Mapping[str, Any]) -> Normalisation:
    """Return the normalisation that a valid description of it means.

    Raises
    ------
    KeyError
        There is no scheme of that name.
    """
    numbers = {name: value for name, value in document.items() if name != "scheme"}
    return SCHEMES[document["scheme"]].from_numbers(numbers)
