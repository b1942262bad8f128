"""A passport as nodes: centroids, principal axes, table, and the axes of the organ that is selected."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _
from vtk.util import numpy_support

from .columns import fill_table_node
from .ellipsoids import fill_ellipsoids
from .organ_segments import organ_colors
from .organs import AXIS_COLORS, FAINT, axis_ends, has_unreliable_axes, name_and_color, organ_columns, organ_rows
from .scan_nodes import ScanNodes

if TYPE_CHECKING:
    from TotalPassportLib.passport import OrganPassport, Passport

AXIS_ARRAY = "Axis"
_CLOSE, _NEAREST_MM = 5.0, 60.0
"""A camera that goes up to an organ keeps so many of its major semi-axes away, and no less than this."""
_LABEL_SIZE = 2.2


def present(nodes: ScanNodes, passport: Passport) -> None:
    """Fill the nodes of a scan from its passport and hide what belonged to an earlier one."""
    nodes.make_missing()
    fill_centroids(nodes.centroids, passport)
    organs = list(passport.organs.values())
    fill_axes(nodes.axes, organs)
    fill_ellipsoids(nodes.ellipsoids, organs, organ_colors(nodes, passport))
    fill_table_node(nodes.table, organ_columns(), organ_rows(passport))
    _prepare_lines(nodes)
    nodes.follow_transform()
    nodes.gather_in_folder()


def fill_centroids(node: Any, passport: Passport) -> None:
    """Put one locked point with the organ's name at each centroid."""
    points = vtk.vtkPoints()
    points.SetDataTypeToDouble()
    for organ in passport.organs.values():
        points.InsertNextPoint(*organ.centroid_ras_mm)
    with slicer.util.NodeModify(node):
        node.SetLocked(False)
        node.SetAndObserveTransformNodeID(None)  # so that world and local positions agree while they are set
        node.SetControlPointPositionsWorld(points)
        for index, organ in enumerate(passport.organs.values()):
            node.SetNthControlPointLabel(index, name_and_color(organ)[0])
            node.SetNthControlPointDescription(index, organ.name)
            node.SetNthControlPointLocked(index, True)
        node.SetLocked(True)
    _prepare_points(node)


def make_labels(nodes: ScanNodes) -> Any:
    """Return a new node that shows some of the centroids in the place of the node of all; no scene is saved with it."""
    node = slicer.vtkMRMLMarkupsFiducialNode()
    node.SetName(_("{name} labels").format(name=(nodes.source or nodes.document).GetName()))
    node.SetSaveWithScene(False)
    node.SetHideFromEditors(True)
    slicer.mrmlScene.AddNode(node)
    if nodes.centroids is not None:
        node.SetAndObserveTransformNodeID(nodes.centroids.GetTransformNodeID())
    _prepare_points(node)
    node.GetDisplayNode().SetSaveWithScene(False)
    return node


def fill_labels(node: Any, organs: Sequence[OrganPassport]) -> None:
    """Let a node of `make_labels` show the centroids of some organs, and their names."""
    with slicer.util.NodeModify(node):
        node.SetLocked(False)
        node.RemoveAllControlPoints()
        for organ in organs:
            node.AddControlPoint(vtk.vtkVector3d(*organ.centroid_ras_mm), name_and_color(organ)[0])
        node.SetLocked(True)


def _prepare_points(node: Any) -> None:
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetUseGlyphScale(False)
    display.SetGlyphSize(3.0)
    display.SetTextScale(_LABEL_SIZE)
    display.SetSelectedColor(1.0, 0.85, 0.25)
    display.SetOccludedVisibility(True)  # centroids lie inside organs
    display.SetOccludedOpacity(0.6)


def fill_axes(node: Any, organs: Sequence[OrganPassport]) -> None:
    """Put the principal axes of organs into one model, as lines whose colour tells the axis.

    They are faint where their directions cannot be relied on.
    """
    node.SetAndObservePolyData(_axes_polydata(organs))
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetScalarVisibility(True)
    display.SetActiveScalar(AXIS_ARRAY, vtk.vtkAssignAttribute.POINT_DATA)
    display.SetScalarRangeFlag(slicer.vtkMRMLDisplayNode.UseDirectMapping)
    display.SetVisibility2D(False)
    display.SetLineWidth(4)
    display.SetAmbient(0.4)


def _axes_polydata(organs: Sequence[OrganPassport]) -> Any:
    """Return lines along the axes; the array ``Axis`` holds red, green, blue and opacity for each of their points."""
    points, lines = vtk.vtkPoints(), vtk.vtkCellArray()
    points.SetDataTypeToDouble()
    colors: list[np.ndarray] = []
    for organ in organs:
        for axis, (first, last) in enumerate(axis_ends(organ)):
            if np.linalg.norm(last - first) < 1e-6:  # an organ of a single voxel has no axes
                continue
            lines.InsertNextCell(2)
            lines.InsertCellPoint(points.InsertNextPoint(*first))
            lines.InsertCellPoint(points.InsertNextPoint(*last))
            opacity = FAINT if has_unreliable_axes(organ) else 1.0
            colors += [np.round(255 * np.array([*AXIS_COLORS[axis], opacity])).astype(np.uint8)] * 2
    polydata = vtk.vtkPolyData()
    polydata.SetPoints(points)
    polydata.SetLines(lines)
    array = numpy_support.numpy_to_vtk(np.array(colors, np.uint8).reshape(-1, 4), deep=True)
    array.SetName(AXIS_ARRAY)
    polydata.GetPointData().AddArray(array)
    polydata.GetPointData().SetActiveScalars(AXIS_ARRAY)
    return polydata


def show(nodes: ScanNodes, centroids: bool, axes: bool, ellipsoids: bool) -> None:
    """Show or hide the centroids, the axes and the equivalent ellipsoids of all organs."""
    for node, shown in ((nodes.centroids, centroids), (nodes.axes, axes), (nodes.ellipsoids, ellipsoids)):
        if node is not None and node.GetDisplayNode() is not None:
            node.GetDisplayNode().SetVisibility(shown)


def show_all_of(nodes: ScanNodes, shown: bool) -> None:
    """Show or hide everything that was made of a scan, but not the scan itself."""
    own = [nodes.segmentation, nodes.centroids, nodes.axes, nodes.ellipsoids, *nodes.selected_axes]
    for node in own:
        display = node.GetDisplayNode() if node is not None else None
        if display is not None:
            display.SetVisibility(shown)


def show_parts_of(nodes: ScanNodes, passport: Passport, labels: Collection[int]) -> None:
    """Let centroids, axes and ellipsoids be those of some organs only; whether they are shown stays as it is."""
    organs = [organ for label, organ in passport.organs.items() if label in labels]
    if nodes.centroids is not None and nodes.centroids.GetNumberOfControlPoints() == len(passport.organs):
        with slicer.util.NodeModify(nodes.centroids):
            for index, label in enumerate(passport.organs):
                nodes.centroids.SetNthControlPointVisibility(index, label in labels)
    if nodes.axes is not None:
        fill_axes(nodes.axes, organs)
    if nodes.ellipsoids is not None:
        fill_ellipsoids(nodes.ellipsoids, organs, organ_colors(nodes, passport))


def show_source(node: Any) -> None:
    """Show a scan in the slice views, and all of the scene in the 3D view."""
    if slicer.app.layoutManager() is None:  # Slicer without a main window
        return
    if node.IsA("vtkMRMLVolumeNode"):
        slicer.util.setSliceViewerLayers(background=node)
    slicer.util.resetThreeDViews()


def show_organ(nodes: ScanNodes, organ: OrganPassport | None) -> None:
    """Show the three axes of one organ as measured lines, or hide them."""
    if organ is None:
        for line in nodes.selected_axes:
            line.GetDisplayNode().SetVisibility(False)
        return
    if not nodes.selected_axes:  # such as those of a frame that is gone: its passport has no nodes in space
        return
    if len(nodes.selected_axes) < len(AXIS_COLORS):  # the user has deleted some
        nodes.make_lines()
        _prepare_lines(nodes)
        nodes.follow_transform()
    titles = (_("{organ}: major axis"), _("{organ}: middle axis"), _("{organ}: least axis"))
    # One label for all three, at the far end of the longest: labels at each would cover one another.
    lengths_mm = " × ".join(f"{2 * length:.0f}" for length in organ.semi_axes_mm[::-1])
    labels = (_("{lengths} mm").format(lengths=lengths_mm), "", "")
    for line, ends, title, label in zip(nodes.selected_axes, axis_ends(organ), titles, labels, strict=True):
        with slicer.util.NodeModify(line):
            line.SetLocked(False)
            for index, end in enumerate(ends):
                line.SetNthControlPointPosition(index, *end)
            line.SetNthControlPointLabel(1, label)
            line.SetName(title.format(organ=name_and_color(organ)[0]))
            line.SetLocked(True)
        line.GetDisplayNode().SetOpacity(2 * FAINT if has_unreliable_axes(organ) else 1.0)
        line.GetDisplayNode().SetVisibility(True)


def aim_cameras(nodes: ScanNodes, organ: OrganPassport, close: bool = False) -> None:
    """Turn the cameras of the 3D views about the organ's centroid, from where they look; ``close`` goes up to it."""
    manager = slicer.app.layoutManager()
    for index in range(manager.threeDViewCount if manager is not None else 0):
        camera = manager.threeDWidget(index).threeDView().cameraNode()
        focus = np.array(in_the_world(nodes, organ))
        away = np.array(camera.GetPosition()) - np.array(camera.GetFocalPoint())
        distance = np.linalg.norm(away)
        if close and distance > 0:
            away *= max(_CLOSE * float(organ.semi_axes_mm[2]), _NEAREST_MM) / distance
        with slicer.util.NodeModify(camera):
            camera.SetFocalPoint(*focus)
            camera.SetPosition(*(focus + away))
        camera.ResetClippingRange()


def in_the_world(nodes: ScanNodes, organ: OrganPassport) -> list[float]:
    """Return where an organ's centroid is in the scene, RAS mm."""
    position = [float(coordinate) for coordinate in organ.centroid_ras_mm]
    if nodes.centroids is not None:  # the results may be under a transform
        local = list(position)
        nodes.centroids.TransformPointToWorld(local, position)
    return position


def center_slices(nodes: ScanNodes, organ: OrganPassport) -> None:
    """Move all slice views so that they show the organ's centroid in their middle."""
    position = in_the_world(nodes, organ)
    slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *position, slicer.vtkMRMLSliceNode.CenteredJumpSlice)


def _prepare_lines(nodes: ScanNodes) -> None:
    for line, color in zip(nodes.selected_axes, AXIS_COLORS, strict=True):
        _prepare_line(line, color)


def _prepare_line(line: Any, color: tuple[float, float, float]) -> None:
    """Give a line node its two points and its colour, hidden until an organ is selected."""
    line.CreateDefaultDisplayNodes()
    while line.GetNumberOfControlPoints() < 2:
        line.AddControlPoint(0.0, 0.0, 0.0)
    line.SetNthControlPointLabel(0, "")
    line.SetLocked(True)
    display = line.GetDisplayNode()
    display.SetVisibility(False)
    display.SetSelectedColor(*color)
    # All three middles are the centroid, where the lines' own labels would cover each other: see show_organ.
    display.SetPropertiesLabelVisibility(False)
    display.SetPointLabelsVisibility(True)
    display.SetTextScale(1.2 * _LABEL_SIZE)
    display.SetUseGlyphScale(False)
    display.SetGlyphSize(3.0)
