"""A passport's file becomes the nodes that a run would have left: with its segmentation and its scan, if they are near.

Nothing that is not proven to belong to the passport is taken, and what was not is told. Only what Slicer brings is
needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _
from TotalPassportLib.base.errors import BadInput, as_user_error
from TotalPassportLib.base.files import sha256_of

from . import presentation
from .nearby_segmentation import load_segmentation_of
from .scan_nodes import ScanNodes, is_passport

if TYPE_CHECKING:
    from TotalPassportLib.nearby_files import NearbyFiles
    from TotalPassportLib.passport import Passport


@dataclass(frozen=True, kw_only=True)
class OpenedPassport:
    """A passport that was opened from a file.

    Attributes
    ----------
    nodes : ScanNodes
        Those of the scene, new ones or those that hold this very passport already.
    remarks : tuple of str
        Sentences on what is missing, or was left out, and why.
    """

    nodes: ScanNodes
    remarks: tuple[str, ...] = ()


def open_passport(path: Path) -> OpenedPassport:
    """Open a passport's file with what lies beside it.

    Opening the same again makes no second nodes; it looks again for what was missing.

    Raises
    ------
    BadInput
        The file cannot be read or is no passport.
    """
    from TotalPassportLib.nearby_files import files_near_passport  # lazily, as all that knows passports
    from TotalPassportLib.passport import read_passport

    with as_user_error():
        passport = read_passport(path)
        text = path.read_text(encoding="utf-8")
    near = files_near_passport(path)
    nodes = _holding(text) or ScanNodes.named(near.stem)
    remarks: list[str] = []
    if nodes.segmentation is None:
        _find_segmentation(nodes, passport, near, remarks)
    if nodes.source is None or nodes.source is nodes.segmentation:
        _find_scan(nodes, passport, near, remarks)
    nodes.document.SetText(text)
    with slicer.util.WaitCursor():
        presentation.present(nodes, passport)
    _show(nodes, passport)
    return OpenedPassport(nodes=nodes, remarks=tuple(remarks))


def _holding(text: str) -> ScanNodes | None:
    """Return the nodes of the scene that hold this very passport, also those of the run that wrote it."""
    documents = [node for node in slicer.util.getNodesByClass("vtkMRMLTextNode") if is_passport(node)]
    return next((ScanNodes(node) for node in documents if node.GetText() == text), None)


def _find_segmentation(nodes: ScanNodes, passport: Passport, near: NearbyFiles, remarks: list[str]) -> None:
    """Take the first segmentation that is the passport's; tell of those before it that are not."""
    name, refused = _("{name} segmentation").format(name=near.stem), []
    for path in near.segmentations:
        if path in near.scans and _is_scan(path, passport):  # named as a segmentation might be
            continue
        try:
            node, match = load_segmentation_of(passport, path, name)
        except BadInput as error:
            if path not in near.scans:  # what is called as the scan is hardly meant as its segmentation
                refused.append(str(error))
            continue
        nodes.segmentation = nodes.source = node
        nodes.segments_know_numbers = True
        remarks += refused
        if not match.is_exact:
            remarks.append(
                _(
                    "The passport was measured on the network's grid: that '{file}' is its segmentation can only be "
                    "told roughly, by the organs' volumes."
                ).format(file=path.name)
            )
        if match.overlapped:
            remarks.append(
                _(
                    "'{file}' holds one label a voxel: {count} of the organs are cut where others overlap them. The "
                    "passport has measured them whole."
                ).format(file=path.name, count=len(match.overlapped))
            )
        return
    remarks += refused
    remarks.append(
        _(
            "No segmentation of '{name}' lies beside the passport: it is shown without segments. Put the segmentation "
            "that the run wrote into the same folder and open the passport again."
        ).format(name=near.stem)
    )


def _find_scan(nodes: ScanNodes, passport: Passport, near: NearbyFiles, remarks: list[str]) -> None:
    """Take the scan that was measured, from the scene or from a file, if its hash is the passport's."""
    node = next((node for node in _volumes() if _is_scan(_file_of(node), passport)), None)
    path = next((path for path in near.scans if node is None and _is_scan(path, passport)), None)
    if path is not None:
        try:
            node = slicer.util.loadVolume(str(path), {"name": near.stem, "show": False})
        except RuntimeError:
            remarks.append(_("The scan '{file}' could not be loaded.").format(file=path.name))
    if node is not None:
        nodes.source = node
        if nodes.segmentation is not None:
            nodes.segmentation.SetReferenceImageGeometryParameterFromVolumeNode(node)


def _volumes() -> list[Any]:
    nodes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    return [node for node in nodes if node.GetClassName() == "vtkMRMLScalarVolumeNode"]


def _file_of(node: Any) -> Path | None:
    storage = node.GetStorageNode()
    name = storage.GetFileName() if storage is not None and storage.GetNumberOfFileNames() == 0 else None
    return Path(name) if name else None


def _is_scan(path: Path | None, passport: Passport) -> bool:
    """Whether a file is the very scan that a run has segmented."""
    if path is None or "names_from" in passport.model:  # of a segmentation that was measured, the hash is its own
        return False
    try:
        return sha256_of(path) == passport.source.get("sha256")
    except BadInput:
        return False


def _show(nodes: ScanNodes, passport: Passport) -> None:
    """Let the views show the scan, or the middle of the largest organ where there is none."""
    if nodes.source is not None:
        presentation.show_source(nodes.source)
    if passport.organs and (nodes.source is None or nodes.source is nodes.segmentation):
        presentation.center_slices(nodes, max(passport.organs.values(), key=lambda organ: organ.volume_mm3))
