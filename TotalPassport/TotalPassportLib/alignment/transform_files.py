"""Alignments as files for SimpleITK, Slicer and programs.

An ITK transform maps points of the FIXED image to the MOVING image, in LPS millimetres: where resampling has to look.
ITK's readers (SimpleITK, ANTs, Slicer) share this; Slicer then shows the moving scan on the fixed one when the moving
scan is put under the loaded transform.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import BadInput
from ..base.outputs import OutputFiles
from .deformable import DisplacementField
from .hdf5 import Tree, hdf5_bytes
from .result import Alignment

SCHEMA_VERSION = "totalpassport-alignment/1"
LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Both frames are in mm; their first two axes point the opposite ways. It is its own inverse."""
DECIMALS = 12
FIELD_DECIMALS = 4

ItkTransform = tuple[str, np.ndarray, np.ndarray]
"""ITK's name of the type, its parameters and its fixed parameters."""


def write_alignment(alignment: Alignment, path: Path) -> None:
    """Write an alignment in the format that the name says: ``.tfm``, ``.h5`` or ``.json``; whole or not at all.

    Raises
    ------
    BadInput
        Another suffix, or the file cannot be written.
    """
    write_alignments(alignment, [Path(path)])


def write_alignments(alignment: Alignment, paths: Sequence[Path]) -> None:
    """Write an alignment in several formats, see `write_alignment`: all of the files or none."""
    contents = {path: writer_for(path)(alignment) for path in paths}
    with OutputFiles() as outputs:
        for path, content in contents.items():
            outputs.path(path).write_bytes(content)


def writer_for(path: Path) -> Callable[[Alignment], bytes]:
    """Return what makes the bytes of a file of this name.

    Raises
    ------
    BadInput
        The suffix is none of ours.
    """
    writers = {".tfm": itk_text, ".h5": itk_hdf5, ".json": json_text}
    writer = writers.get(Path(path).suffix.lower())
    if writer is None:
        raise BadInput(f"'{path}' is no name for a transform.", f"Let it end in {', '.join(writers)}.")
    return writer


def itk_text(alignment: Alignment) -> bytes:
    """Return an ITK transform file (``.tfm``)."""
    lines = ["#Insight Transform File V1.0"]
    for number, (kind, parameters, fixed_parameters) in enumerate(_itk_transforms(alignment)):
        lines += [f"#Transform {number}", f"Transform: {kind}"]
        if len(parameters):
            lines += [f"Parameters: {_numbers(parameters)}", f"FixedParameters: {_numbers(fixed_parameters)}"]
    return ("\n".join(lines) + "\n").encode("ascii")


def itk_hdf5(alignment: Alignment) -> bytes:
    """Return an ITK transform file in HDF5 (``.h5``)."""
    group: dict[str, Tree] = {}
    for number, (kind, parameters, fixed_parameters) in enumerate(_itk_transforms(alignment)):
        group[str(number)] = {"TransformType": kind}
        if len(parameters):
            group[str(number)] = {
                "TransformType": kind,
                "TransformFixedParameters": fixed_parameters,
                "TransformParameters": parameters,
            }
    return hdf5_bytes({"TransformGroup": group})


def json_text(alignment: Alignment) -> bytes:
    """Return the alignment as JSON (``data/schemas/alignment.schema.json``), in RAS mm, with the organs' residuals."""
    document = {
        "schema": SCHEMA_VERSION,
        "frame": "RAS",
        "units": {"length": "mm"},
        "kind": alignment.kind,
        "verdict": alignment.verdict,
        "fixed_from_moving": _rounded(alignment.fixed_from_moving_ras_mm, DECIMALS),
        "moving_from_fixed": _rounded(alignment.moving_from_fixed_ras_mm, DECIMALS),
        "field": None if alignment.field is None else _field_document(alignment.field),
        "median_residual_mm": _rounded(alignment.median_residual_mm, DECIMALS),
        "surface_distance_mm": alignment.surface_distance_mm,
        "organs": [vars(organ) for organ in alignment.organs],
    }
    return (json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode("utf-8")


def _itk_transforms(alignment: Alignment) -> list[ItkTransform]:
    """Return the transforms of a file; of a composite, ITK applies the last one first."""
    matrix = LPS_FROM_RAS @ alignment.moving_from_fixed_ras_mm @ LPS_FROM_RAS
    parameters = np.concatenate([matrix[:3, :3].ravel(), matrix[:3, 3]])
    affine = ("AffineTransform_double_3_3", parameters, np.zeros(3))
    if alignment.field is None:
        return [affine]
    composite = ("CompositeTransform_double_3_3", np.empty(0), np.empty(0))
    return [composite, affine, _displacement_transform(alignment.field)]


def _displacement_transform(field: DisplacementField) -> ItkTransform:
    """Return the field as ITK has it: x fastest, then y, z; size, origin, spacing and direction as fixed parameters."""
    to_lps = LPS_FROM_RAS[:3, :3]
    vectors = field.vectors_ras_mm.transpose(2, 1, 0, 3) @ to_lps
    size, spacing = field.vectors_ras_mm.shape[:3], [field.spacing_mm] * 3
    geometry = np.concatenate([size, to_lps @ field.origin_ras_mm, spacing, to_lps.ravel()])
    return "DisplacementFieldTransform_double_3_3", np.round(vectors, FIELD_DECIMALS).ravel(), geometry


def _field_document(field: DisplacementField) -> dict[str, Any]:
    return {
        "origin": _rounded(field.origin_ras_mm, DECIMALS),
        "spacing": field.spacing_mm,
        "shape": list(field.vectors_ras_mm.shape[:3]),
        "vectors": _rounded(field.vectors_ras_mm.reshape(-1, 3), FIELD_DECIMALS),
    }


def _rounded(values: np.ndarray | float, decimals: int) -> Any:
    # Adding 0 turns the negative zeros that rounding leaves into plain ones.
    return (np.round(np.asarray(values, np.float64), decimals) + 0.0).tolist()


def _numbers(values: np.ndarray) -> str:
    return " ".join(repr(float(value) + 0.0) for value in values)
