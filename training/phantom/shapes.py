"""Solid shapes as approximate signed distances in millimetres: negative inside, positive outside.

Every shape can say how far points lie from its surface (exact on the surface, approximate elsewhere) and which
axis-aligned box holds it. Points are three float32 arrays x, y, z of one shape, in the body's own RAS millimetres:
+x towards the patient's right, +y anterior, +z superior.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

Points = tuple[np.ndarray, np.ndarray, np.ndarray]
Vector = tuple[float, float, float]

EVERYWHERE_MM = 1e4
"""Half size of the box of a shape that has no end, in mm."""


class Shape(Protocol):
    """What rasterising needs to know of a shape."""

    @property
    def bounds_mm(self) -> np.ndarray:
        """Lower and upper corner of a box around the shape, 2 x 3, mm."""

    def distance_mm(self, points: Points) -> np.ndarray:
        """Approximate signed distance of every point, mm."""


@dataclass(frozen=True)
class Ellipsoid:
    """Ellipsoid or, with an exponent above 2, a rounder box.

    Parameters
    ----------
    center : mm.
    radii : half axes, mm.
    axes : 3 x 3, columns are the directions of the half axes; None for the frame's own.
    exponent : 2 for an ellipsoid, 4 and above for a box with round edges.
    """

    center: Vector
    radii: Vector
    axes: np.ndarray | None = None
    exponent: float = 2.0

    @property
    def bounds_mm(self) -> np.ndarray:
        radii = np.asarray(self.radii, float)
        axes = np.eye(3) if self.axes is None else self.axes
        half = np.abs(axes) @ radii if self.exponent > 2.0 else np.sqrt((axes**2) @ radii**2)
        return np.stack([np.asarray(self.center) - half, np.asarray(self.center) + half])

    def distance_mm(self, points: Points) -> np.ndarray:
        local = _to_local(points, self.center, self.axes)
        a, b, c = (np.float32(r) for r in self.radii)
        u, v, w = local[0] / a, local[1] / b, local[2] / c
        if self.exponent == 2.0:
            size = np.sqrt(u * u + v * v + w * w)
            slope = np.sqrt((u / a) ** 2 + (v / b) ** 2 + (w / c) ** 2)
            return size * (size - 1) / np.maximum(slope, np.float32(1e-6))
        n = np.float32(self.exponent)
        u, v, w = np.abs(u), np.abs(v), np.abs(w)
        total = u**n + v**n + w**n
        size = total ** np.float32(1 / self.exponent)
        gradient = np.sqrt((u ** (n - 1) / a) ** 2 + (v ** (n - 1) / b) ** 2 + (w ** (n - 1) / c) ** 2)
        slope = gradient * (np.maximum(total, np.float32(1e-6)) ** np.float32(1 / self.exponent - 1))
        return (size - 1) / np.maximum(slope, np.float32(1e-4))


@dataclass(frozen=True)
class EllipticCylinder:
    """Upright-ended cylinder of elliptic section, such as a vertebral body.

    Parameters
    ----------
    radii : half axes of the section (first and second axis), mm.
    half_height : along the third axis, mm.
    """

    center: Vector
    radii: tuple[float, float]
    half_height: float
    axes: np.ndarray | None = None

    @property
    def bounds_mm(self) -> np.ndarray:
        axes = np.eye(3) if self.axes is None else self.axes
        half = np.abs(axes) @ np.array([*self.radii, self.half_height])
        return np.stack([np.asarray(self.center) - half, np.asarray(self.center) + half])

    def distance_mm(self, points: Points) -> np.ndarray:
        x, y, z = _to_local(points, self.center, self.axes)
        a, b = (np.float32(r) for r in self.radii)
        size = np.sqrt((x / a) ** 2 + (y / b) ** 2)
        slope = np.sqrt((x / a**2) ** 2 + (y / b**2) ** 2)
        side = size * (size - 1) / np.maximum(slope, np.float32(1e-6))
        return np.maximum(side, np.abs(z) - np.float32(self.half_height))


@dataclass(frozen=True)
class Tube:
    """Round tube along a polyline, its radius changing linearly between the knots.

    Parameters
    ----------
    knots_mm : n x 3.
    radii_mm : n.
    """

    knots_mm: np.ndarray
    radii_mm: np.ndarray

    @property
    def bounds_mm(self) -> np.ndarray:
        radii = np.asarray(self.radii_mm, float)[:, None]
        knots = np.asarray(self.knots_mm, float)
        return np.stack([(knots - radii).min(axis=0), (knots + radii).max(axis=0)])

    def distance_mm(self, points: Points) -> np.ndarray:
        nearest = np.full(points[0].shape, np.float32(EVERYWHERE_MM))
        knots = np.asarray(self.knots_mm, np.float32)
        radii = np.asarray(self.radii_mm, np.float32)
        for i in range(len(knots) - 1):
            np.minimum(nearest, _segment_distance(points, knots[i], knots[i + 1], radii[i], radii[i + 1]), out=nearest)
        return nearest


@dataclass(frozen=True)
class HalfSpace:
    """Everything on the far side of a plane.

    Parameters
    ----------
    point : a point of the plane, mm.
    inward : direction into the solid (need not have unit length).
    """

    point: Vector
    inward: Vector

    @property
    def bounds_mm(self) -> np.ndarray:
        return np.array([[-EVERYWHERE_MM] * 3, [EVERYWHERE_MM] * 3])

    def distance_mm(self, points: Points) -> np.ndarray:
        normal = np.asarray(self.inward, float) / np.linalg.norm(self.inward)
        offset = float(normal @ np.asarray(self.point, float))
        return -(sum(np.float32(n) * p for n, p in zip(normal, points, strict=True)) - np.float32(offset))


@dataclass(frozen=True)
class Union:
    """Several shapes as one; ``blend_mm`` above 0 rounds off the grooves where they meet."""

    parts: Sequence[Shape]
    blend_mm: float = 0.0

    @property
    def bounds_mm(self) -> np.ndarray:
        boxes = np.stack([part.bounds_mm for part in self.parts])
        # A smooth union bulges by at most a quarter of the blend width.
        margin = self.blend_mm / 4
        return np.stack([boxes[:, 0].min(axis=0) - margin, boxes[:, 1].max(axis=0) + margin])

    def distance_mm(self, points: Points) -> np.ndarray:
        nearest = self.parts[0].distance_mm(points)
        for part in self.parts[1:]:
            nearest = _smooth_minimum(nearest, part.distance_mm(points), self.blend_mm)
        return nearest


@dataclass(frozen=True)
class Intersection:
    """What all the shapes have in common."""

    parts: Sequence[Shape]

    @property
    def bounds_mm(self) -> np.ndarray:
        boxes = np.stack([part.bounds_mm for part in self.parts])
        return np.stack([boxes[:, 0].max(axis=0), boxes[:, 1].min(axis=0)])

    def distance_mm(self, points: Points) -> np.ndarray:
        farthest = self.parts[0].distance_mm(points)
        for part in self.parts[1:]:
            farthest = np.maximum(farthest, part.distance_mm(points))
        return farthest


@dataclass(frozen=True)
class Difference:
    """One shape without another."""

    kept: Shape
    removed: Shape

    @property
    def bounds_mm(self) -> np.ndarray:
        return self.kept.bounds_mm

    def distance_mm(self, points: Points) -> np.ndarray:
        return np.maximum(self.kept.distance_mm(points), -self.removed.distance_mm(points))


@dataclass(frozen=True)
class Sheet:
    """A thin layer on both sides of a plane."""

    plane: HalfSpace
    half_thickness_mm: float

    @property
    def bounds_mm(self) -> np.ndarray:
        return self.plane.bounds_mm

    def distance_mm(self, points: Points) -> np.ndarray:
        return np.abs(self.plane.distance_mm(points)) - np.float32(self.half_thickness_mm)


@dataclass(frozen=True)
class Grown:
    """A shape with a layer of even thickness put on (or, negative, taken off)."""

    core: Shape
    by_mm: float

    @property
    def bounds_mm(self) -> np.ndarray:
        return self.core.bounds_mm + np.array([[-self.by_mm], [self.by_mm]])

    def distance_mm(self, points: Points) -> np.ndarray:
        return self.core.distance_mm(points) - np.float32(self.by_mm)


@dataclass(frozen=True)
class Column:
    """Upright body whose elliptic section changes with height: trunk, chest wall, belly wall.

    Below the first and above the last level the section stays the same; ``z_range`` ends the column.

    Parameters
    ----------
    levels_z : heights of the given sections, mm, ascending.
    half_widths : left-right half axes at those heights, mm.
    half_depths : front-back half axes, mm.
    centers_y : y of the section's middle, mm.
    exponent : 2 for ellipses, more for squarer sections.
    """

    levels_z: Sequence[float]
    half_widths: Sequence[float]
    half_depths: Sequence[float]
    centers_y: Sequence[float]
    exponent: float = 2.0
    z_range: tuple[float, float] = (-EVERYWHERE_MM, EVERYWHERE_MM)
    shrink_mm: float = field(default=0.0)

    @property
    def bounds_mm(self) -> np.ndarray:
        width, depth = max(self.half_widths), max(self.half_depths)
        low_y, high_y = min(self.centers_y) - depth, max(self.centers_y) + depth
        return np.array([[-width, low_y, self.z_range[0]], [width, high_y, self.z_range[1]]])

    def section(self, z: float) -> tuple[float, float, float]:
        """Half width, half depth and middle y at height z, mm, without the shrinking."""
        rows = (self.half_widths, self.half_depths, self.centers_y)
        return tuple(float(np.interp(z, self.levels_z, row)) for row in rows)

    def distance_mm(self, points: Points) -> np.ndarray:
        x, y, z = points
        rows = (self.half_widths, self.half_depths, self.centers_y)
        # A table with steps of a quarter millimetre is several times faster than interpolating at every voxel.
        ticks = np.arange(self.levels_z[0], self.levels_z[-1], 0.25)
        nearest = np.clip((z - np.float32(ticks[0])) * 4, 0, len(ticks) - 1).astype(np.int32)
        a, b, middle = (np.interp(ticks, self.levels_z, row).astype(np.float32)[nearest] for row in rows)
        n = np.float32(self.exponent)
        a, b, y = a - np.float32(self.shrink_mm), b - np.float32(self.shrink_mm), y - middle
        u, v = np.abs(x) / a, np.abs(y) / b
        size = (u**n + v**n) ** np.float32(1 / self.exponent)
        side = (size - 1) * np.sqrt(x * x + y * y) / np.maximum(size, np.float32(1e-3))
        low, high = self.z_range
        return np.maximum(np.maximum(side, np.float32(low) - z), z - np.float32(high))


def rotation(x_deg: float = 0.0, y_deg: float = 0.0, z_deg: float = 0.0) -> np.ndarray:
    """Rotation matrix about x, then y, then z, 3 x 3, right-handed, degrees."""
    rx, ry, rz = np.deg2rad([x_deg, y_deg, z_deg])
    about_x = np.array([[1, 0, 0], [0, np.cos(rx), -np.sin(rx)], [0, np.sin(rx), np.cos(rx)]])
    about_y = np.array([[np.cos(ry), 0, np.sin(ry)], [0, 1, 0], [-np.sin(ry), 0, np.cos(ry)]])
    about_z = np.array([[np.cos(rz), -np.sin(rz), 0], [np.sin(rz), np.cos(rz), 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def _to_local(points: Points, center: Vector, axes: np.ndarray | None) -> Points:
    x, y, z = (p - np.float32(c) for p, c in zip(points, center, strict=True))
    if axes is None:
        return x, y, z
    m = np.asarray(axes, np.float32)
    return tuple(m[0, i] * x + m[1, i] * y + m[2, i] * z for i in range(3))


def _segment_distance(points: Points, start: np.ndarray, end: np.ndarray, r0: np.float32, r1: np.float32) -> np.ndarray:
    along = end - start
    offsets = [p - s for p, s in zip(points, start, strict=True)]
    length2 = max(float(along @ along), 1e-6)
    t = sum(a * o for a, o in zip(along, offsets, strict=True)) / np.float32(length2)
    t = np.clip(t, 0, 1)
    gap2 = sum((o - t * a) ** 2 for o, a in zip(offsets, along, strict=True))
    return np.sqrt(gap2) - (r0 + t * (r1 - r0))


def _smooth_minimum(a: np.ndarray, b: np.ndarray, width_mm: float) -> np.ndarray:
    if width_mm <= 0:
        return np.minimum(a, b)
    h = np.clip(0.5 + 0.5 * (b - a) / np.float32(width_mm), 0, 1)
    return b + (a - b) * h - np.float32(width_mm) * h * (1 - h)
