"""How sure the networks are, as a volume in colours over the scan: red where they waver, green where they are sure."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _

from .scan_nodes import ScanNodes

CERTAIN = 100
"""Whole percent; what is above it was never looked at, see `TotalPassportLib.segmentation.confidence`."""
COLOR_TABLE_NAME = "TotalPassport confidence"
COLORS_BY_PERCENT = (
    (0, (0.84, 0.10, 0.11)),
    (50, (0.96, 0.55, 0.20)),
    (80, (1.0, 0.87, 0.35)),
    (100, (0.10, 0.59, 0.25)),
)
"""Between them colours are mixed. A voxel of which the network is less than 80 % sure stands out."""
OPACITY = 0.5


def store_confidence(nodes: ScanNodes, percent: np.ndarray, volume_node: Any) -> Any:
    """Put confidences, uint8 ``[i, j, k]`` on the grid of a volume, into the scan's volume node for them; return it."""
    node = nodes.make_confidence()
    matrix = vtk.vtkMatrix4x4()
    volume_node.GetIJKToRASMatrix(matrix)
    node.SetIJKToRASMatrix(matrix)
    slicer.util.updateVolumeFromArray(node, np.ascontiguousarray(percent.transpose(2, 1, 0)))
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetAndObserveColorNodeID(_color_table().GetID())
    display.AutoWindowLevelOff()
    display.SetWindowLevelMinMax(0, CERTAIN)
    display.SetThreshold(0, CERTAIN)
    display.ApplyThresholdOn()
    nodes.follow_transform()
    nodes.gather_in_folder()
    return node


def show_confidence(nodes: ScanNodes, shown: bool) -> None:
    """Lay the scan's confidence over the slice views, or take it away; what else lies there stays."""
    node = nodes.confidence
    if node is None or slicer.app.layoutManager() is None:  # Slicer without a main window
        return
    if shown:
        slicer.util.setSliceViewerLayers(foreground=node, foregroundOpacity=OPACITY)
        return
    for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        if composite.GetForegroundVolumeID() == node.GetID():
            composite.SetForegroundVolumeID(None)


def _color_table() -> Any:
    """Return the colour table, one of the scene for all scans."""
    found = slicer.mrmlScene.GetFirstNodeByName(COLOR_TABLE_NAME)
    if found is not None and found.IsA("vtkMRMLColorTableNode"):
        return found
    table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLColorTableNode", COLOR_TABLE_NAME)
    table.SetTypeToUser()
    table.SetNumberOfColors(CERTAIN + 1)
    percents = [percent for percent, _color in COLORS_BY_PERCENT]
    parts = np.array([color for _percent, color in COLORS_BY_PERCENT]).T
    for value in range(CERTAIN + 1):
        red, green, blue = (float(np.interp(value, percents, part)) for part in parts)
        table.SetColor(value, _("{percent} % sure").format(percent=value), red, green, blue, 1.0)
    table.GetLookupTable().SetRange(0, CERTAIN)
    return table
