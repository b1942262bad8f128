"""An alignment in the scene: one transform node above all nodes of the moving scan, and how to take it away again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import slicer
import vtk
from slicer.i18n import tr as _
from TotalPassportLib.base.errors import BadInput

from .documents import stored_passport
from .scan_nodes import ScanNodes

if TYPE_CHECKING:
    from TotalPassportLib.alignment import Alignment

VERDICT_ATTRIBUTE = "TotalPassport.Verdict"
_BEFORE = "TotalPassport.beforeAlignment"
"""Reference of a moved node to the transform that it was under before."""


def align_scans(fixed: ScanNodes, moving: ScanNodes, kind: str, icp: bool) -> Alignment:
    """Lay a scan onto another one by their passports; takes milliseconds, or a few tenths of a second with ICP.

    Parameters
    ----------
    kind : str
        Rigid, similarity or affine.
    icp : bool
        Refine by the organs' surfaces.

    Raises
    ------
    BadInput
        The passports cannot tell how the scans lie, or are one and the same.
    """
    if fixed.document is moving.document:
        raise BadInput(
            _("A scan cannot be laid onto itself."), _("Choose another passport as the first or second one.")
        )
    passports = stored_passport(fixed.document), stored_passport(moving.document)
    from TotalPassportLib import alignment  # lazily: see the package's note; here, when passports can be read

    result = alignment.align(*passports, kind, icp)
    transform = _apply(fixed, moving, result.fixed_from_moving_ras_mm)
    transform.SetAttribute(VERDICT_ATTRIBUTE, result.verdict)
    return result


def undo(moving: ScanNodes) -> bool:
    """Put a scan's nodes back under what they were under before; return whether it was aligned."""
    aligned = _aligned_nodes(moving)
    for node in aligned:
        node.SetAndObserveTransformNodeID(node.GetNodeReferenceID(_BEFORE))
        node.SetNodeReferenceID(_BEFORE, None)
    return bool(aligned)


def verdict(moving: ScanNodes) -> str:
    """Return how well a scan lies on the one that it was laid onto; empty if it is not aligned."""
    transform = moving.alignment
    return (transform.GetAttribute(VERDICT_ATTRIBUTE) or "") if transform is not None and _aligned_nodes(moving) else ""


def _apply(fixed: ScanNodes, moving: ScanNodes, fixed_from_moving_ras_mm: Any) -> Any:
    """Put the moving scan under its transform node, and that under whatever the fixed scan is under."""
    transform = moving.make_alignment()
    _break_circle(fixed, transform)
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(fixed_from_moving_ras_mm.ravel())
    # Passports hold positions below the scans' transforms: what is below "to parent" is the moving passport's frame,
    # and the parent has to be the fixed passport's.
    transform.SetMatrixTransformToParent(matrix)
    transform.SetAndObserveTransformNodeID(_transform_id(fixed))
    staying = fixed.nodes_in_space()
    for node in moving.nodes_in_space():
        # Two segmentations of one volume: the volume stays with the fixed one.
        if node not in staying and node.GetTransformNodeID() != transform.GetID():
            node.SetNodeReferenceID(_BEFORE, node.GetTransformNodeID())
            node.SetAndObserveTransformNodeID(transform.GetID())
    return transform


def _break_circle(fixed: ScanNodes, transform: Any) -> None:
    """Undo the fixed scan's alignment if that rests on the scan that is to be moved now."""
    while transform in _transforms_above(fixed):
        if not undo(fixed):
            raise BadInput(
                _("'{fixed}' is under the transform '{transform}', which would have to move it too.").format(
                    fixed=fixed.document.GetName(), transform=transform.GetName()
                ),
                _("Take it out of that transform in the module Transforms, then align again."),
            )


def _aligned_nodes(scan: ScanNodes) -> list[Any]:
    transform = scan.alignment
    if transform is None:
        return []
    return [node for node in scan.nodes_in_space() if node.GetTransformNodeID() == transform.GetID()]


def _transforms_above(scan: ScanNodes) -> list[Any]:
    above, identifier = [], _transform_id(scan)
    while identifier:
        above.append(slicer.mrmlScene.GetNodeByID(identifier))
        identifier = above[-1].GetTransformNodeID()
    return above


def _transform_id(scan: ScanNodes) -> str | None:
    nodes = scan.nodes_in_space()
    return nodes[0].GetTransformNodeID() if nodes else None
