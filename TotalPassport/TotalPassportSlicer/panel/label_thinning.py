"""Labels of many organs: only those are shown that cover no other one, anew whenever the camera has moved."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import qt
import slicer
import vtk

from ..nodes import presentation
from ..nodes.ellipsoids import MANY
from ..nodes.label_placement import PIXELS_A_LETTER, PIXELS_A_LINE, labels_that_fit, projected
from ..nodes.organs import name_and_color
from ..nodes.scan_nodes import ScanNodes

if TYPE_CHECKING:
    from TotalPassportLib.passport import OrganPassport

_AFTER_MS = 120
"""So long the camera has to stand still."""
_USUAL_SIZE = (800, 800)
"""Of a view that does not tell its own."""


class LabelThinning:
    """Follows the camera of the first 3D view while it has something to do.

    The node of all centroids keeps its names; while labels are thinned out another node shows those that can be read.
    Those of many organs shine through them only while the camera stands still.
    """

    def __init__(self) -> None:
        self._nodes: ScanNodes | None = None
        self._organs: list[OrganPassport] = []
        self._node: Any = None
        self._observed: list[tuple[Any, int]] = []
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.connect("timeout()", self._thin)

    def start(self, nodes: ScanNodes, organs: Iterable[OrganPassport]) -> None:
        """Thin out the labels of these organs from now on."""
        self.stop()
        camera, self._organs = _camera(), list(organs)
        if nodes.centroids is None or camera is None or len(self._organs) < 2:
            return
        self._nodes = nodes
        nodes.centroids.GetDisplayNode().SetPointLabelsVisibility(False)
        # The points with labels shine through the organs; for all of them that takes most of a frame's time.
        nodes.centroids.GetDisplayNode().SetOccludedVisibility(False)
        self._node = presentation.make_labels(nodes)
        tag = camera.AddObserver(vtk.vtkCommand.ModifiedEvent, self._camera_moved)
        self._observed.append((camera, tag))
        self._thin()

    def stop(self) -> None:
        """Show all labels again, and follow no camera."""
        self._timer.stop()
        for subject, tag in self._observed:
            subject.RemoveObserver(tag)
        if self._node is not None and self._node.GetScene() is not None:
            slicer.mrmlScene.RemoveNode(self._node)
        centroids = self._nodes.centroids if self._nodes is not None else None
        if centroids is not None and centroids.GetDisplayNode() is not None:
            centroids.GetDisplayNode().SetPointLabelsVisibility(True)
            centroids.GetDisplayNode().SetOccludedVisibility(True)
        self._observed, self._organs = [], []
        self._nodes = self._node = None

    def _camera_moved(self, *_event: Any) -> None:
        # What shines through is translucent, and then a view draws everything several times: half of a frame's time.
        if self._node is not None and self._node.GetScene() is not None and len(self._organs) > MANY:
            self._node.GetDisplayNode().SetOccludedVisibility(False)
        self._timer.start(_AFTER_MS)

    def _thin(self) -> None:
        camera, nodes = _camera(), self._nodes
        if camera is None or nodes is None or self._node is None or self._node.GetScene() is None:
            return
        points = np.array([presentation.in_the_world(nodes, organ) for organ in self._organs])
        anchors = projected(camera.GetCamera(), _size(), points)
        scale = self._node.GetDisplayNode().GetTextScale()
        widths = np.array([PIXELS_A_LETTER * scale * len(name_and_color(organ)[0]) for organ in self._organs])
        volumes = np.array([organ.volume_mm3 for organ in self._organs])
        shown = labels_that_fit(anchors, widths, PIXELS_A_LINE * scale, volumes)
        presentation.fill_labels(self._node, [organ for organ, seen in zip(self._organs, shown, strict=True) if seen])
        self._node.GetDisplayNode().SetOccludedVisibility(True)


def _view() -> Any | None:
    manager = slicer.app.layoutManager()
    return manager.threeDWidget(0).threeDView() if manager is not None and manager.threeDViewCount else None


def _camera() -> Any | None:
    view = _view()
    return view.cameraNode() if view is not None else None


def _size() -> tuple[int, int]:
    size = (getattr(_view(), "width", 0), getattr(_view(), "height", 0))
    return size if min(size) > 0 else _USUAL_SIZE
