"""Two scans of the same anatomy in the scene, one of them moved, for the tests of comparing and aligning."""

from __future__ import annotations

from typing import Any

import numpy as np
from panel_driver import phantom_voxels


def motion(
    angles_rad: tuple[float, float, float] = (0.2, -0.3, 0.4),
    shift_mm: tuple[float, float, float] = (37.0, -52.0, 81.0),
) -> np.ndarray:
    """Return a rotation about R, then A, then S, and a shift: what a second scan's positions are moved by, RAS mm."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles_rad), np.sin(angles_rad)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3] = about_z @ about_y @ about_x
    matrix[:3, 3] = shift_mm
    return matrix


def run(panel: Any, volume: Any) -> Any:
    """Click Apply for a volume and return its passport's text node."""
    panel.use_child(panel.phantom_child)
    panel.choose_scan(volume)
    panel.parameters.outputSegmentation = None
    assert panel.apply_and_wait().status.value == "done"
    return panel.parameters.passport


def two_scans(panel: Any, shrink: bool = False) -> tuple[Any, Any]:
    """Return the passports of the phantom and of a second scan of it, moved; with a smaller liver if ``shrink``."""
    import slicer
    import vtk

    first = run(panel, panel.phantom)
    second_volume = panel.add_phantom("Second")
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy((motion() @ panel.affine()).ravel())
    second_volume.SetIJKToRASMatrix(matrix)
    if shrink:
        voxels = phantom_voxels()
        voxels[18:34, 14:28, 24:26] = 20  # two of eleven slices of the liver
        slicer.util.updateVolumeFromArray(second_volume, np.ascontiguousarray(voxels.transpose(2, 1, 0)))
    return first, run(panel, second_volume)


def centroids_world_mm(passport_node: Any) -> np.ndarray:
    """Return where a scan's centroids are to be seen, ``[n, 3]`` RAS mm, below all transforms."""
    from TotalPassportSlicer.nodes.scan_nodes import ScanNodes

    node = ScanNodes(passport_node).centroids
    return np.array([node.GetNthControlPointPositionWorld(i) for i in range(node.GetNumberOfControlPoints())])


def world_from_node(node: Any) -> np.ndarray:
    """Return the 4 x 4 matrix of all transforms above a node."""
    import slicer
    import vtk
    from TotalPassportSlicer.nodes.volumes import to_array

    matrix = vtk.vtkMatrix4x4()
    slicer.vtkMRMLTransformNode.GetMatrixTransformBetweenNodes(node.GetParentTransformNode(), None, matrix)
    return to_array(matrix)


def add_transform(name: str, matrix: np.ndarray) -> Any:
    """Add a transform node to the scene."""
    import slicer
    import vtk

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", name)
    values = vtk.vtkMatrix4x4()
    values.DeepCopy(matrix.ravel())
    node.SetMatrixTransformToParent(values)
    return node
