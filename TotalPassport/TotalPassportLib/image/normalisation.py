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
        return cls(**{name: float(value) for name, value in numbers.items()})

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

    @classmethod
    def from_numbers(cls, numbers: Mapping[str, Any]) -> ZScoreNormalisation:
        """See `Normalisation.from_numbers`."""
        return cls(masked=bool(numbers["masked"]))

    def apply(self, intensities: np.ndarray) -> np.ndarray:
        """See `Normalisation.apply`; the array has to lie in memory as `zscore.cut_out` makes it."""
        from .zscore import filled, z_score

        return z_score(intensities, filled(intensities) if self.masked else None)


SCHEMES: dict[str, type[Normalisation]] = {kind.scheme: kind for kind in (CTNormalisation, ZScoreNormalisation)}
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
