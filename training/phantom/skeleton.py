"""Spine, spinal cord, sacrum, hips, femurs, sternum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from .shapes import Ellipsoid, EllipticCylinder, Shape, Tube, Union, rotation
from .structure import Structure
from .trunk import Trunk
from .variation import Jitter

VERTEBRA_HEIGHTS_MM = (
    ("L5", 34.0), ("L4", 34.5), ("L3", 34.5), ("L2", 34.0), ("L1", 33.0), ("T12", 30.0), ("T11", 28.0), ("T10", 27.0),
    ("T9", 26.5), ("T8", 26.0), ("T7", 25.0), ("T6", 24.5), ("T5", 24.0), ("T4", 23.5), ("T3", 23.0), ("T2", 22.0),
    ("T1", 21.0), ("C7", 20.0),
)  # fmt: skip
"""Height of each vertebra with the disc below it, from the sacrum up."""

LABELLED_VERTEBRAE = ("L5", "L4", "L3", "L2", "L1", "T12", "T11", "T10", "T9", "T8")


@dataclass(frozen=True)
class Spine:
    """The line through the middles of the vertebral bodies."""

    curve: CubicSpline

    def at(self, z: float) -> np.ndarray:
        """Point of the line at height z, mm."""
        x, y = self.curve(z)
        return np.array([x, y, z])

    def axes(self, z: float) -> np.ndarray:
        """Directions right, anterior, up along the spine; columns of a 3 x 3."""
        dx, dy = self.curve(z, 1)
        up = np.array([dx, dy, 1.0]) / np.linalg.norm([dx, dy, 1.0])
        right = np.array([1.0, 0.0, 0.0]) - up[0] * up
        right /= np.linalg.norm(right)
        return np.column_stack([right, np.cross(up, right), up])

    def body_radii(self, z: float) -> tuple[float, float]:
        """Half width and half depth of a vertebral body at height z, mm."""
        levels = (0.0, 170.0, 300.0, 480.0)
        return float(np.interp(z, levels, (26, 22, 17.5, 14.5))), float(np.interp(z, levels, (18, 17, 15.5, 12.5)))

    def canal(self, z: float) -> np.ndarray:
        """Middle of the spinal canal at height z, mm."""
        return self.at(z) - self.axes(z)[:, 1] * (self.body_radii(z)[1] + 9.5)


def draw_spine(jitter: Jitter) -> Spine:
    """A spine with its own lordosis, kyphosis and a little scoliosis."""
    levels = np.array([-60.0, 0.0, 85.0, 170.0, 300.0, 400.0, 480.0, 560.0])
    textbook_y = np.array([-22.0, 0.0, 10.0, 0.0, -22.0, -22.0, -8.0, 6.0])
    y = textbook_y * jitter.value(1.0, 0.15)
    x = jitter.normal(2.5, len(levels))
    return Spine(CubicSpline(levels, np.column_stack([x, y])))


def spine_structures(spine: Spine) -> list[Structure]:
    """Discs, vertebrae (labelled from L5 to T8, unlabelled above) and the cord."""
    column = np.array([spine.at(z) for z in np.arange(-5.0, 540.0, 15.0)])
    radii = np.array([min(spine.body_radii(z)) * 0.92 for z in column[:, 2]])
    out = [Structure("disc", Tube(column, radii))]
    foot = 0.0
    for name, height in VERTEBRA_HEIGHTS_MM:
        label = f"vertebrae_{name}" if name in LABELLED_VERTEBRAE else None
        out.append(Structure("vertebra", _vertebra(spine, foot, height), label))
        foot += height
    canal = np.array([spine.canal(z) for z in np.arange(-30.0, 560.0, 15.0)])
    out.append(Structure("spinal_cord", Tube(canal, np.full(len(canal), 8.8)), "spinal_cord"))
    return out


def _vertebra(spine: Spine, foot_z: float, height: float) -> Shape:
    """Body, arch, spinous and transverse processes between two heights; the cord is painted over the arch."""
    disc = 8.0 if height > 31 else 6.0
    z = foot_z + disc + (height - disc) / 2
    axes, middle = spine.axes(z), spine.at(z)
    half_height = (height - disc) / 2
    half_width, half_depth = spine.body_radii(z)
    body = EllipticCylinder(tuple(middle), (half_width, half_depth), half_height, axes)

    def place(right: float, back: float, up: float) -> np.ndarray:
        return middle + axes @ np.array([right, -half_depth - back, up])

    arch = Ellipsoid(tuple(place(0, 9, 0)), (17.5, 16.0, 0.9 * half_height), axes, exponent=2.5)
    spinous = Tube(np.array([place(0, 20, -1), place(0, 34, -7)]), np.array([8.0, 7.0]))
    reach = half_width + 9
    transverse = [Tube(np.array([place(s * 10, 9, 2), place(s * reach, 11, 2)]), np.array([8.0, 7.0])) for s in (-1, 1)]
    return Union((body, arch, spinous, *transverse))


def sacrum(jitter: Jitter) -> list[Structure]:
    """Wedge below the last disc, its foot bent backwards."""
    top = Ellipsoid((0, -12, -20), jitter.radii((48, 22, 20), 0.05), rotation(-20), exponent=2.5)
    tail = Tube(np.array([(0, -22, -30), (0, -48, -75), (0, -46, -115)], float), np.array([26.0, 15.0, 7.0]))
    return [Structure("sacrum", Union((top, tail), 12.0), "sacrum")]


def pelvis(jitter: Jitter) -> list[Structure]:
    """Both hip bones and femurs with the cartilage between them; the two sides mirror each other."""
    joint = jitter.point((90, 14, -92), 3.0)
    head_mm = jitter.value(23.5, 0.05)
    flare = jitter.angle(0.0, 4.0)
    out = []
    for side, name in ((1, "right"), (-1, "left")):
        out.append(Structure("hip", _hip(side, joint, head_mm, flare), f"hip_{name}"))
    for side, name in ((1, "right"), (-1, "left")):
        center = (side * joint[0], joint[1], joint[2])
        out.append(Structure("cartilage", Ellipsoid(center, (head_mm + 4.0,) * 3)))
        out.append(Structure("femur", _femur(side, joint, head_mm), f"femur_{name}"))
    return out


def _hip(side: int, joint: tuple[float, float, float], head_mm: float, flare_deg: float) -> Shape:
    x, y, z = joint
    wing_axes = rotation(12, side * (-16 + flare_deg), -side * 35)
    wing = Ellipsoid((side * (x - 6), y - 8, z + 70), (12.5, 60.0, 52.0), wing_axes)
    socket = Ellipsoid((side * (x - 4), y, z + 4), (head_mm + 10.0,) * 3)
    lines = (
        ([(x - 12, y - 18, z - 8), (x - 22, y - 34, z - 48)], [17.0, 14.0]),
        ([(x - 22, y - 34, z - 48), (x - 52, y + 10, z - 48)], [13.0, 7.0]),
        ([(x - 18, y + 12, z - 2), (14, y + 42, z - 30)], [14.0, 9.0]),
        ([(14, y + 42, z - 30), (x - 52, y + 10, z - 48)], [9.0, 7.0]),
    )
    tubes = [Tube(np.array(knots) * (side, 1, 1), np.array(radii)) for knots, radii in lines]
    return Union((wing, socket, *tubes), 6.0)


def _femur(side: int, joint: tuple[float, float, float], head_mm: float) -> Shape:
    x, y, z = joint
    head = Ellipsoid((side * x, y, z), (head_mm,) * 3)
    neck = [(x, y, z), (x + 38, y - 8, z - 28)]
    shaft = [(x + 38, y - 8, z - 18), (x + 34, y, z - 120), (x + 22, y + 4, z - 260)]
    tubes = (
        Tube(np.array(neck, float) * (side, 1, 1), np.array([15.0, 16.0])),
        Tube(np.array(shaft, float) * (side, 1, 1), np.array([20.0, 15.0, 14.0])),
    )
    return Union((head, *tubes), 6.0)


def sternum(trunk: Trunk, jitter: Jitter) -> Structure:
    """Flat bone that follows the front wall."""
    depth = trunk.fat_mm + 8.0
    out: list[Shape] = []
    for z, half_width, half_height in ((405.0, 25.0, 24.0), (350.0, 18.0, 45.0), (300.0, 11.0, 16.0)):
        tilt = np.rad2deg(np.arctan2(trunk.front_y(z + 20, depth) - trunk.front_y(z - 20, depth), 40.0))
        radii = (jitter.value(half_width, 0.06), 9.0, half_height)
        out.append(Ellipsoid((0, trunk.front_y(z, depth), z), radii, rotation(-tilt), exponent=3.0))
    return Structure("sternum", Union(out, 4.0), "sternum")
