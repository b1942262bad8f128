"""A sequence of volumes (4-D): what is found in each frame, as a sequence of segmentations and passports.

The segmentations are a sequence of their own that is browsed together with the volumes; each frame's passport is a text
node of the scene, so that the frames can be compared and followed as scans are. Centroids, axes, ellipsoids and table
are there once: they are those of the frame that is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _
from TotalPassportLib.base.errors import BadInput

from . import presentation, segmentations
from .documents import store_passport
from .scan_nodes import PASSPORT_ATTRIBUTE, ScanNodes
from .segmentations import SegmentLayer

FRAME_ATTRIBUTE = "TotalPassport.Frame"
"""Of a passport's text node: the index value of its frame in the sequence that it refers to."""
_SEQUENCE, _SEGMENTATIONS = "TotalPassport.sequence", "TotalPassport.segmentations"


def volume_sequences() -> list[Any]:
    """Return the scene's sequences of volumes with one value a voxel, at least two frames each."""
    nodes = slicer.util.getNodesByClass("vtkMRMLSequenceNode")
    return [node for node in nodes if node.GetNumberOfDataNodes() > 1 and has_volumes(node)]


def has_volumes(sequence: Any) -> bool:
    """Whether the frames of a sequence are volumes with one value a voxel."""
    frames = (sequence.GetNthDataNode(number) for number in range(sequence.GetNumberOfDataNodes()))
    kinds = {frame.GetClassName() if frame is not None else "" for frame in frames}
    return kinds == {"vtkMRMLScalarVolumeNode"}


@dataclass(frozen=True)
class Frame:
    """One frame of a sequence of volumes, by its number."""

    sequence: Any
    number: int

    @property
    def volume(self) -> Any:
        """The volume node, which is in no scene that a user sees; None if the frame has gone."""
        has_it = self.number < self.sequence.GetNumberOfDataNodes()
        return self.sequence.GetNthDataNode(self.number) if has_it else None

    @property
    def value(self) -> str:
        """Its place in the sequence, such as a time."""
        return str(self.sequence.GetNthIndexValue(self.number))

    @property
    def title(self) -> str:
        """What it is called: the sequence's name with its place in it."""
        unit = self.sequence.GetIndexUnit() or ""
        return f"{self.sequence.GetName()} ({self.value}{unit and f' {unit}'})"


class FrameNodes:
    """What is made of the frames of a sequence.

    Parameters
    ----------
    sequence : vtkMRMLSequenceNode
        Of volumes.
    """

    def __init__(self, sequence: Any) -> None:
        self.sequence = sequence

    @property
    def all(self) -> list[Frame]:
        """The frames in their order."""
        return [Frame(self.sequence, number) for number in range(self.sequence.GetNumberOfDataNodes())]

    def volume_of(self, frame: Frame) -> Any:
        """Return the volume of a frame.

        Raises
        ------
        BadInput
            The frame has gone.
        """
        if frame.volume is None:
            raise BadInput(
                _("The sequence '{name}' has no frame {number} any more.").format(
                    name=self.sequence.GetName(), number=frame.number + 1
                ),
                _("Run it again."),
            )
        return frame.volume

    def add(self, frame: Frame, layers: Sequence[SegmentLayer], passport_file: Path) -> ScanNodes:
        """Keep what was found in a frame, in place of what was found in it before.

        Raises
        ------
        BadInput
            The frame has gone, or the labels do not fit it.
        """
        volume, shown = self.volume_of(frame), self._segmentation_shown()
        segmentations.fill_segmentation(shown, layers, volume)
        # The volume's identifier is that of another node here: frames are in a scene of their own.
        shown.SetNodeReferenceID(shown.GetReferenceImageGeometryReferenceRole(), None)
        self._segmentations().SetDataNodeAtValue(shown, frame.value)
        nodes = ScanNodes(self._document(frame))
        store_passport(nodes.document, passport_file)
        if nodes.centroids is not None:  # it is the frame that was shown last
            presentation.present(nodes, nodes.passport)
        return nodes

    def show(self, number: int) -> None:
        """Let a frame be the one that the browser of the sequence shows."""
        if number >= self.sequence.GetNumberOfDataNodes():  # it has gone
            return
        browser = self._browser()
        browser.SetSelectedItemNumber(number)
        slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)

    def lend_nodes(self, document: Any) -> None:
        """Let the nodes in space, and the table, be those of one frame's passport."""
        nodes = ScanNodes(document)
        if nodes.centroids is not None:
            return
        for other in self._documents():
            if other is not document:
                nodes.take_over(ScanNodes(other))
        nodes.segmentation = self._segmentation_shown()
        with suppress(BadInput):  # what is wrong with the passport was said when it was read
            presentation.present(nodes, nodes.passport)

    def _browser(self) -> Any:
        """Return the browser of the sequence, made if there is none."""
        for browser in slicer.util.getNodesByClass("vtkMRMLSequenceBrowserNode"):
            if browser.IsSynchronizedSequenceNodeID(self.sequence.GetID(), True):
                return browser
        name = _("{name} browser").format(name=self.sequence.GetName())
        browser = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", name)
        browser.SetAndObserveMasterSequenceNodeID(self.sequence.GetID())
        return browser

    def _segmentations(self) -> Any:
        """Return the sequence of segmentations, made and browsed with the volumes if there is none."""
        node = self.sequence.GetNodeReference(_SEGMENTATIONS)
        if node is None:
            name = _("{name} segmentations").format(name=self.sequence.GetName())
            node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", name)
            for attribute in ("IndexName", "IndexUnit", "IndexType"):
                getattr(node, f"Set{attribute}")(getattr(self.sequence, f"Get{attribute}")())
            self.sequence.SetNodeReferenceID(_SEGMENTATIONS, node.GetID())
        return node

    def _segmentation_shown(self) -> Any:
        """Return the segmentation node in which the browser shows the frame of the moment."""
        browser, node = self._browser(), self._segmentations()
        shown = browser.GetProxyNode(node)
        if shown is None:
            name = _("{name} segmentation").format(name=self.sequence.GetName())
            shown = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
            browser.AddSynchronizedSequenceNode(node)
            browser.AddProxyNode(shown, node, False)
        return shown

    def _document(self, frame: Frame) -> Any:
        for node in self._documents():
            if node.GetAttribute(FRAME_ATTRIBUTE) == frame.value:
                return node
        document = slicer.vtkMRMLTextNode()
        document.SetName(_("{name} passport").format(name=frame.title))
        document.SetAttribute(PASSPORT_ATTRIBUTE, "1")
        document.SetAttribute(FRAME_ATTRIBUTE, frame.value)
        ScanNodes(document).call(self.sequence.GetName())
        slicer.mrmlScene.AddNode(document)
        document.SetNodeReferenceID(_SEQUENCE, self.sequence.GetID())
        return document

    def _documents(self) -> list[Any]:
        """Return the text nodes of the frames' passports."""
        texts = slicer.util.getNodesByClass("vtkMRMLTextNode")
        return [node for node in texts if node.GetNodeReference(_SEQUENCE) is self.sequence]


def show_frame(document: Any) -> None:
    """Show the frame of a passport's text node, with its organs; does nothing for what is no frame, or has gone."""
    sequence = sequence_of_frame(document)
    if sequence is None:
        return
    nodes = FrameNodes(sequence)
    for frame in nodes.all:
        if frame.value == document.GetAttribute(FRAME_ATTRIBUTE):
            nodes.show(frame.number)
            nodes.lend_nodes(document)


def sequence_of_frame(document: Any) -> Any | None:
    """Return the sequence that the frame of a passport's text node is in; None for what is no frame."""
    return document.GetNodeReference(_SEQUENCE)
