"""Skin, fat, muscle wall, cavities, ribs, arms and couch: the scenery that the organs lie in."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .shapes import Column, Difference, Ellipsoid, Grown, Intersection, Tube, Union, rotation
from .structure import Structure
from .variation import Jitter

LEVELS_Z_MM = (-260.0, -130.0, -60.0, 20.0, 90.0, 170.0, 260.0, 340.0, 420.0, 480.0, 540.0)
"""Heights at which the trunk's section is given; 0 is the upper end plate of the sacrum."""

HALF_WIDTHS_MM = (168.0, 172.0, 172.0, 160.0, 146.0, 150.0, 160.0, 164.0, 158.0, 150.0, 146.0)
HALF_DEPTHS_MM = (100.0, 106.0, 110.0, 106.0, 106.0, 108.0, 108.0, 106.0, 98.0, 86.0, 80.0)
CENTERS_Y_MM = (-8.0, -6.0, 0.0, 18.0, 30.0, 26.0, 16.0, 8.0, 2.0, 0.0, 0.0)


@dataclass(frozen=True)
class Trunk:
    """The trunk's outer surface and how much fat and muscle lie under it (mm)."""

    skin: Column
    fat_mm: float
    wall_mm: float

    def inside(self, depth_mm: float) -> Column:
        """The surface ``depth_mm`` below the skin."""
        skin = self.skin
        return replace(skin, shrink_mm=depth_mm)

    def front_y(self, z: float, depth_mm: float) -> float:
        """y of the front wall in the midline, ``depth_mm`` below the skin, mm."""
        _, depth, middle = self.skin.section(z)
        return middle + depth - depth_mm


def draw_trunk(jitter: Jitter) -> Trunk:
    """A trunk with its own amount of fat. The cavity inside keeps its size; fat is put on outside."""
    fat = float(np.clip(jitter.value(14.0, 0.35), 6.0, 26.0))
    extra = fat - 12.0
    skin = Column(
        LEVELS_Z_MM,
        tuple(w + 1.3 * extra for w in HALF_WIDTHS_MM),
        tuple(d + extra for d in HALF_DEPTHS_MM),
        CENTERS_Y_MM,
        exponent=2.3,
    )
    return Trunk(skin, fat, jitter.value(11.0, 0.12))


def outer_layers(trunk: Trunk) -> list[Structure]:
    """Skin, fat, muscle wall and the fat inside it, to be painted first."""
    return [
        Structure("skin", trunk.skin),
        Structure("fat", trunk.inside(2.5)),
        Structure("muscle_wall", trunk.inside(trunk.fat_mm)),
    ]


def thigh_gap(trunk: Trunk) -> Structure:
    """The air between the thighs."""
    _, _, middle = trunk.skin.section(-260.0)
    return Structure("air", Ellipsoid((0.0, middle, -300.0), (16.0, 120.0, 125.0)))


def belly_cavity(trunk: Trunk) -> Structure:
    """The fat-filled cavity below the diaphragm."""
    column = replace(trunk.inside(trunk.fat_mm + trunk.wall_mm), z_range=(-115.0, 190.0))
    return Structure("visceral_fat", Intersection((column, Ellipsoid((0, 25, 40), (150, 120, 190), exponent=3.0))))


def ribs(trunk: Trunk, jitter: Jitter) -> list[Structure]:
    """Ten pairs of ribs that run down and forward along the chest wall."""
    slope_mm = jitter.value(55.0, 0.15)
    heights = np.linspace(205.0, 445.0, 10)
    return [Structure("rib", _rib(trunk, side, z, slope_mm)) for z in heights for side in (-1, 1)]


def _rib(trunk: Trunk, side: int, back_z: float, slope_mm: float) -> Tube:
    depth = trunk.fat_mm + 7.0
    angles = np.deg2rad(np.linspace(-72.0, 55.0, 9))
    knots = []
    for t, angle in enumerate(angles):
        z = back_z - slope_mm * t / (len(angles) - 1)
        half_width, half_depth, middle = trunk.skin.section(z)
        x = side * (half_width - depth) * np.cos(angle)
        y = middle + (half_depth - depth) * np.sin(angle)
        knots.append((x, y, z))
    return Tube(np.array(knots), np.full(len(knots), 4.8))


def arms(jitter: Jitter) -> list[Structure]:
    """Arms beside the trunk, for patients who cannot lift them."""
    out = []
    for side in (-1, 1):
        knots = np.array([(side * 205, -10, 520), (side * 218, -15, 250), (side * 222, 5, -60)], float)
        knots += jitter.normal(5.0, 3)
        out.append(Structure("fat", Tube(knots, np.array([44.0, 40.0, 34.0]))))
        out.append(Structure("muscle_wall", Tube(knots, np.array([38.0, 33.0, 28.0]))))
        out.append(Structure("arm_bone", Tube(knots, np.array([12.0, 10.0, 9.0]))))
    return out


def couch(trunk: Trunk, jitter: Jitter) -> list[Structure]:
    """The scanner's table: a curved board behind the back."""
    backs = [trunk.skin.section(z) for z in (-60.0, 340.0)]
    back_y = min(middle - depth for _, depth, middle in backs) - 2.0
    radius = jitter.value(420.0, 0.1)
    shell = Ellipsoid((0.0, back_y - 20.0, 100.0), (215.0, 20.0, 2000.0), exponent=3.0)
    bowl = Ellipsoid((0.0, back_y + radius - 6.0, 100.0), (radius * 1.3, radius, 2000.0))
    cut = Difference(shell, bowl)
    return [Structure("couch_shell", cut), Structure("couch_foam", Grown(cut, -2.5))]


def bowel(jitter: Jitter) -> list[Structure]:
    """Colon as a frame, loops of small bowel inside it, here and there some gas. Never labelled."""
    out = []
    ascending = [(92, 15, -20), (96, 15, 60), (88, 50, 105), (40, 88, 100)]
    descending = [(-40, 88, 105), (-92, 25, 130), (-98, 5, 60), (-88, 5, -10)]
    colon = np.array([*ascending, *descending], float)
    colon += jitter.normal(5.0, 3) + np.array([jitter.normal(3.0, 3) for _ in colon])
    radii = np.array([jitter.value(19.0, 0.12) for _ in colon])
    out.append(Structure("colon", Tube(colon, radii)))
    for _ in range(16):
        center = jitter.rng.uniform((-60, 35, -75), (60, 95, 85))
        size = jitter.rng.uniform(10, 22, 3)
        axes = rotation(*jitter.rng.uniform(-60, 60, 3))
        out.append(Structure("bowel", Ellipsoid(tuple(center), tuple(size), axes)))
    chosen = colon[jitter.rng.permutation(len(colon))[:3]]
    bubbles = [Ellipsoid((x, y + 5, z), jitter.radii((12, 8, 14), 0.2)) for x, y, z in chosen]
    return out + [Structure("gas", bubble) for bubble in bubbles]


def rectum(jitter: Jitter) -> Structure:
    """Rectum and what lies around it, in front of the sacrum."""
    knots = np.array([(0, 8, -45), (0, -18, -80), (0, -15, -130)], float) + jitter.normal(3.0, 3)
    return Structure("bowel", Union((Tube(knots, np.full(3, 16.0)), Ellipsoid((0, 12, -135), (28, 24, 20))), 10.0))
