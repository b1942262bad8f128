"""Where a passport comes from: the file that was measured, what named or found its organs, and by which software."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from .. import __version__
from ..image.volume import Volume
from .organ import INPUT_GRID, MeasuredOn, Passport


def source_of(image: Volume) -> dict[str, Any]:
    """Return what a passport says of a file; its name is left out, for it often holds a patient's."""
    document = {
        "sha256": image.sha256,
        "shape": list(image.voxels.shape),
        "affine": image.affine.tolist(),
    }
    if image.modality is not None:
        document |= {"modality": image.modality, "intensity_unit": image.intensity_unit}
    return document


def with_provenance(
    passport: Passport,
    *,
    source: Mapping[str, Any],
    model: Mapping[str, Any],
    running: Mapping[str, Any],
    measured_on: MeasuredOn = INPUT_GRID,
) -> Passport:
    """Return the passport with its header.

    Parameters
    ----------
    passport : Passport
        What was measured.
    source : mapping
        What was measured, see `source_of`.
    model : mapping
        What found the organs, or named them.
    running : mapping
        What is to be said of the software besides its name and version.
    measured_on : {"input", "model"}
        Whose grid it was measured on, see `Passport`.
    """
    return replace(
        passport,
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        source=source,
        model=model,
        measured_on=measured_on,
        software={"name": "TotalPassport", "version": __version__, **running},
    )
