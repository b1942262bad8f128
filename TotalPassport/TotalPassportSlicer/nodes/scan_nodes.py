"""The nodes of one scan: one text node holds the passport and refers to all the others.

Because everything hangs on node references, a second run finds and updates its own nodes, and a scene that was saved
and loaded still knows what belongs together. Nodes are reused and hidden, never deleted and made again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _

from .documents import stored_passport

if TYPE_CHECKING:
    from TotalPassportLib.passport import Passport

PASSPORT_ATTRIBUTE = "TotalPassport.Passport"
_NAME_ATTRIBUTE = "TotalPassport.Name"
_NUMBERS_ATTRIBUTE = "TotalPassport.SegmentsKnowNumbers"
_ROLE = "TotalPassport."
_AXIS_ROLES = ("majorAxis", "middleAxis", "leastAxis")


class ScanNodes:
    """All nodes of one scan's passport.

    Parameters
    ----------
    document : Any
        The text node with the passport's JSON.
    """

    def __init__(self, document: Any) -> None:
        self.document = document

    @classmethod
    def of(cls, source: Any) -> ScanNodes | None:
        """Return the nodes made from this volume or segmentation earlier, or None."""
        nodes = [cls(node) for node in slicer.util.getNodesByClass("vtkMRMLTextNode") if is_passport(node)]
        for role in ("source", "segmentation"):
            for scan in nodes:
                if source is not None and scan._reference(role) is source:
                    return scan
        return None

    @classmethod
    def for_source(cls, source: Any) -> ScanNodes:
        """Return the nodes of this volume or segmentation, made if there are none yet."""
        existing = cls.of(source)
        if existing is not None:
            return existing
        nodes = cls._new(source.GetName())
        nodes.source = source
        return nodes

    @classmethod
    def named(cls, name: str) -> ScanNodes:
        """Return new nodes of a scan, of which nothing but its name is known."""
        nodes = cls._new(name)
        nodes.call(name)
        return nodes

    @classmethod
    def _new(cls, name: str) -> ScanNodes:
        document = slicer.vtkMRMLTextNode()
        document.SetName(slicer.mrmlScene.GenerateUniqueName(_("{name} passport").format(name=name)))
        # Before it joins the scene, so that the panel's list of passports takes it in at once.
        document.SetAttribute(PASSPORT_ATTRIBUTE, "1")
        slicer.mrmlScene.AddNode(document)
        return cls(document)

    @property
    def passport(self) -> Passport:
        """The passport that the text node holds; a `BadInput` if there is none, or no valid one."""
        return stored_passport(self.document)

    @property
    def source(self) -> Any | None:
        """The volume, or the segmentation, that was measured; None of a passport file that lies alone."""
        return self._reference("source")

    @source.setter
    def source(self, node: Any) -> None:
        self.document.SetNodeReferenceID(_ROLE + "source", node.GetID())

    @property
    def segmentation(self) -> Any | None:
        """The segmentation node."""
        return self._reference("segmentation")

    @segmentation.setter
    def segmentation(self, node: Any) -> None:
        self.document.SetNodeReferenceID(_ROLE + "segmentation", node.GetID())

    @property
    def segments_know_numbers(self) -> bool:
        """Whether segments are tagged with their organs' numbers, as those of a run are; else their names tell."""
        return self.source is not self.segmentation or self.document.GetAttribute(_NUMBERS_ATTRIBUTE) == "1"

    @segments_know_numbers.setter
    def segments_know_numbers(self, known: bool) -> None:
        self.document.SetAttribute(_NUMBERS_ATTRIBUTE, "1" if known else None)

    @property
    def centroids(self) -> Any | None:
        """The markups node with one point for each organ."""
        return self._reference("centroids")

    @property
    def axes(self) -> Any | None:
        """The model node with the principal axes of all organs."""
        return self._reference("axes")

    @property
    def ellipsoids(self) -> Any | None:
        """The model node with the equivalent ellipsoids of all organs."""
        return self._reference("ellipsoids")

    @property
    def alignment(self) -> Any | None:
        """The transform node that lays the scan onto another one, whether or not it is in use."""
        return self._reference("alignment")

    @property
    def confidence(self) -> Any | None:
        """The volume node that tells how sure the networks are, if a run was asked for it."""
        return self._reference("confidence")

    @property
    def table(self) -> Any | None:
        """The table node."""
        return self._reference("table")

    @property
    def selected_axes(self) -> list[Any]:
        """The three line nodes of the selected organ: major, middle, least; empty before they are made."""
        return [node for role in _AXIS_ROLES if (node := self._reference(role)) is not None]

    def make_missing(self) -> None:
        """Create the nodes that are not there yet, or that the user has deleted."""
        self._ensure("centroids", "vtkMRMLMarkupsFiducialNode", _("{name} centroids"))
        self._ensure("axes", "vtkMRMLModelNode", _("{name} axes"))
        self._ensure("ellipsoids", "vtkMRMLModelNode", _("{name} ellipsoids"))
        self._ensure("table", "vtkMRMLTableNode", _("{name} organs"))
        self.make_lines()

    def make_lines(self) -> None:
        """Create those of the three lines of the selected organ that are not there."""
        names = (_("{name} major axis"), _("{name} middle axis"), _("{name} least axis"))
        for role, name in zip(_AXIS_ROLES, names, strict=True):
            self._ensure(role, "vtkMRMLMarkupsLineNode", name)

    def take_over(self, other: ScanNodes) -> None:
        """Take the nodes that another document has, out of every transform; it has none afterwards."""
        for role in ("segmentation", "centroids", "axes", "ellipsoids", "table", *_AXIS_ROLES):
            node = other._reference(role)
            if node is not None:
                other.document.SetNodeReferenceID(_ROLE + role, None)
                self.document.SetNodeReferenceID(_ROLE + role, node.GetID())
                if node.IsA("vtkMRMLTransformableNode"):
                    node.SetAndObserveTransformNodeID(None)

    def call(self, name: str) -> None:
        """Let nodes that are made from now on be called after something else than the document or its source."""
        self.document.SetAttribute(_NAME_ATTRIBUTE, name)

    def make_alignment(self) -> Any:
        """Return the transform node of the scan's alignment, made if there is none yet."""
        self._ensure("alignment", "vtkMRMLLinearTransformNode", _("{name} alignment"))
        self.gather_in_folder()
        return self.alignment

    def make_confidence(self) -> Any:
        """Return the volume node for how sure the networks are, made if there is none yet."""
        self._ensure("confidence", "vtkMRMLScalarVolumeNode", _("{name} confidence"))
        return self.confidence

    def all_nodes(self) -> list[Any]:
        """Return every node that exists, the source left out when it is not one of the results."""
        own = [*self._results_in_space(), self.table, self.document, self.alignment]
        return [node for node in own if node is not None]

    def nodes_in_space(self) -> list[Any]:
        """Return what moves with the scan: its source, the volume that was segmented, and the results."""
        segmentation = self.segmentation
        role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
        segmented = segmentation.GetNodeReference(role) if segmentation is not None else None
        nodes = [node for node in (self.source, segmented, *self._results_in_space()) if node is not None]
        return [node for index, node in enumerate(nodes) if node not in nodes[:index]]

    def _results_in_space(self) -> list[Any]:
        return [
            self.segmentation, self.centroids, self.axes, self.ellipsoids, self.confidence, *self.selected_axes
        ]  # fmt: skip

    def follow_transform(self) -> None:
        """Put the results under the transform of their source."""
        source = self.source
        for node in self._results_in_space():
            if source is not None and node is not None and node is not source:
                node.SetAndObserveTransformNodeID(source.GetTransformNodeID())

    def gather_in_folder(self) -> None:
        """Put all nodes into one folder of the subject hierarchy, beside their source."""
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
        folder = self._folder(hierarchy)
        for node in self.all_nodes():
            item = hierarchy.GetItemByDataNode(node)
            # A segmentation that was there before stays where the user has put it.
            if item != hierarchy.GetInvalidItemID() and node is not self.source:
                hierarchy.SetItemParent(item, folder)

    def _folder(self, hierarchy: Any) -> int:
        # A node may have no item, such as a text where no plugin shows texts; asking for its parent would be a warning.
        items = [hierarchy.GetItemByDataNode(node) for node in (self.document, self.table, self.centroids) if node]
        for parent in [hierarchy.GetItemParent(item) for item in items if item != hierarchy.GetInvalidItemID()]:
            if parent and hierarchy.GetItemAttribute(parent, PASSPORT_ATTRIBUTE):
                return parent
        source_item = hierarchy.GetItemByDataNode(self.source) if self.source is not None else 0
        beside = hierarchy.GetItemParent(source_item) if source_item else 0
        folder = hierarchy.CreateFolderItem(beside or hierarchy.GetSceneItemID(), self.document.GetName())
        hierarchy.SetItemAttribute(folder, PASSPORT_ATTRIBUTE, "1")
        return folder

    def _ensure(self, role: str, class_name: str, name: str) -> None:
        if self._reference(role) is None:
            source_name = self.document.GetAttribute(_NAME_ATTRIBUTE) or (self.source or self.document).GetName()
            node = slicer.mrmlScene.AddNewNodeByClass(class_name, name.format(name=source_name))
            self.document.SetNodeReferenceID(_ROLE + role, node.GetID())

    def _reference(self, role: str) -> Any | None:
        return self.document.GetNodeReference(_ROLE + role)


def is_passport(node: Any) -> bool:
    """Whether a text node holds a passport of ours."""
    return node is not None and node.GetAttribute(PASSPORT_ATTRIBUTE) == "1"


def latest_passport() -> Any | None:
    """Return the text node of the passport that came into the scene last; None if it has none."""
    return next((node for node in reversed(slicer.util.getNodesByClass("vtkMRMLTextNode")) if is_passport(node)), None)
