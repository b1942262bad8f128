"""Equivalent ellipsoids: solid ellipsoids with the organs' centroids and covariances, in one model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
import vtk
from vtk.util import numpy_support

if TYPE_CHECKING:
    from TotalPassportLib.passport import OrganPassport

COLOR_ARRAY = "Organ"
OPACITY = 0.5
"""The axes lie inside and are to be seen. Many are opaque: what is translucent is drawn several times over."""
LEAST_PART = 0.02
"""No semi-axis is drawn shorter than this part of the longest one: what is flat or a line would not be seen."""
MANY = 30
"""Of more organs than this each is small, and all of them have to be drawn anew for each move of the camera."""
_FINE, _COARSE = (24, 16), (16, 10)
"""Meridians and parallels of each."""


def fill_ellipsoids(node: Any, organs: Sequence[OrganPassport], colors: Mapping[int, tuple[int, int, int]]) -> None:
    """Put the ellipsoids of organs into a model node.

    Parameters
    ----------
    node : Any
        A vtkMRMLModelNode; hidden when it gets its display node, left as it is shown later.
    organs : Sequence[OrganPassport]
        Those that reach the edge of the scan are left out: their ellipsoids would be of a part, and look like a whole.
    colors : Mapping[int, tuple[int, int, int]]
        Label -> red, green, blue, 0 to 255.
    """
    whole = [organ for organ in organs if not organ.touches_border]
    node.SetAndObservePolyData(ellipsoids_polydata(whole, colors))
    if node.GetDisplayNode() is None:
        node.CreateDefaultDisplayNodes()
        node.GetDisplayNode().SetVisibility(False)
        node.GetDisplayNode().SetOpacity(OPACITY)
    display = node.GetDisplayNode()
    if display.GetOpacity() in (OPACITY, 1.0):  # another one is the user's
        display.SetOpacity(OPACITY if len(whole) <= MANY else 1.0)
    display.SetScalarVisibility(True)
    display.SetActiveScalar(COLOR_ARRAY, vtk.vtkAssignAttribute.POINT_DATA)
    display.SetScalarRangeFlag(slicer.vtkMRMLDisplayNode.UseDirectMapping)
    display.SetVisibility2D(False)


def ellipsoids_polydata(organs: Sequence[OrganPassport], colors: Mapping[int, tuple[int, int, int]]) -> Any:
    """Return triangles with outward normals, in RAS mm; the array ``Organ`` holds each point's red, green and blue.

    The semi-axes are sqrt(5 lambda) of the covariance's eigenvalues. A single voxel has none and is left out.
    """
    sphere, triangles = _unit_sphere(*(_FINE if len(organs) <= MANY else _COARSE))
    points: list[np.ndarray] = []
    normals: list[np.ndarray] = []
    faces: list[np.ndarray] = []
    rgb: list[np.ndarray] = []
    for organ in organs:
        semi_axes_mm = np.maximum(organ.semi_axes_mm, LEAST_PART * organ.semi_axes_mm.max())
        if not semi_axes_mm.max() > 0:
            continue
        axes = right_handed(organ.eigenvectors)
        faces.append(triangles + len(points) * len(sphere))
        points.append(organ.centroid_ras_mm + sphere * semi_axes_mm @ axes.T)
        outward = sphere / semi_axes_mm @ axes.T
        normals.append(outward / np.linalg.norm(outward, axis=1, keepdims=True))
        rgb.append(np.tile(np.array(colors[organ.label], np.uint8), (len(sphere), 1)))
    return _polydata(
        np.array(points).reshape(-1, 3),
        np.array(normals).reshape(-1, 3),
        np.array(faces, np.int64).reshape(-1, 3),
        np.array(rgb, np.uint8).reshape(-1, 3),
    )


def right_handed(axes: np.ndarray) -> np.ndarray:
    """Return axes ``[3, 3]`` (columns) as a rotation: an ellipsoid stays the same when one of them is turned about."""
    return axes if np.linalg.det(axes) > 0 else axes * np.array([-1.0, 1.0, 1.0])


@cache
def _unit_sphere(meridians: int, parallels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points ``[n, 3]`` of the unit sphere, and triangles ``[m, 3]`` counter-clockwise from outside."""
    source = vtk.vtkSphereSource()
    source.SetRadius(1.0)
    source.SetThetaResolution(meridians)
    source.SetPhiResolution(parallels)
    source.SetOutputPointsPrecision(vtk.vtkAlgorithm.DOUBLE_PRECISION)
    source.Update()
    output = source.GetOutput()
    points = numpy_support.vtk_to_numpy(output.GetPoints().GetData()).copy()
    triangles = numpy_support.vtk_to_numpy(output.GetPolys().GetConnectivityArray()).reshape(-1, 3).astype(np.int64)
    return points, triangles


def _polydata(points: np.ndarray, normals: np.ndarray, faces: np.ndarray, rgb: np.ndarray) -> Any:
    polydata = vtk.vtkPolyData()
    positions, cells = vtk.vtkPoints(), vtk.vtkCellArray()
    positions.SetData(numpy_support.numpy_to_vtk(points, deep=True))
    offsets = numpy_support.numpy_to_vtkIdTypeArray(np.arange(0, 3 * len(faces) + 1, 3, dtype=np.int64), deep=True)
    cells.SetData(offsets, numpy_support.numpy_to_vtkIdTypeArray(faces.ravel(), deep=True))
    polydata.SetPoints(positions)
    polydata.SetPolys(cells)
    for name, values in (("Normals", normals), (COLOR_ARRAY, rgb)):
        array = numpy_support.numpy_to_vtk(values, deep=True)
        array.SetName(name)
        polydata.GetPointData().AddArray(array)
    polydata.GetPointData().SetActiveNormals("Normals")
    polydata.GetPointData().SetActiveScalars(COLOR_ARRAY)
    return polydata
