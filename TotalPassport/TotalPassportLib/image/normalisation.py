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

STD_FLOOR = 1e-8
"""nnU-Net divides by no less than this."""


class Normalisation(ABC):
    """A scheme with its numbers; subclasses are frozen data classes of floats, named as in a model's description."""

    scheme: ClassVar[str]
    """Name of the scheme in a model's description."""

    @abstractmethod
    def apply(self, intensities: np.ndarray) -> np.ndarray:
        """Return the normalised image, float32 ``[z, y, x]``; the given one stays as it is.

        Parameters
        ----------
        intensities : numpy.ndarray
            float32 ``[z, y, x]`` in the scan's own unit, cropped to what is filled.
        """

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

        clipped = np.clip(intensities, np.float32(self.clip_low_hu), np.float32(self.clip_high_hu))
        clipped -= np.float32(self.mean_hu)
        clipped /= np.float32(max(self.std_hu, STD_FLOOR))
        return np.asarray(clipped)

    def contradiction(self) -> str:
        """See `Normalisation.contradiction`."""
        return "the clip range is empty" if self.clip_low_hu >= self.clip_high_hu else ""


SCHEMES: dict[str, type[Normalisation]] = {kind.scheme: kind for kind in (CTNormalisation,)}
"""All schemes by their names."""


def normalisation_from_document(document: Mapping[str, Any]) -> Normalisation:
    """Return the normalisation that a valid description of it means.

    Raises
    ------
    KeyError
        There is no scheme of that name.
    """
    numbers = {name: float(value) for name, value in document.items() if name != "scheme"}
    return SCHEMES[document["scheme"]](**numbers)
