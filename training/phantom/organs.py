"""Organs of the chest and the belly, and the big muscles."""

from __future__ import annotations

import numpy as np

from .shapes import (
    EVERYWHERE_MM,
    Column,
    Ellipsoid,
    Grown,
    HalfSpace,
    Intersection,
    Shape,
    Sheet,
    Tube,
    Union,
    rotation,
)
from .skeleton import Spine
from .structure import Structure
from .trunk import Trunk
from .variation import Jitter

SIDES = ((1, "right"), (-1, "left"))
"""+x is the patient's right."""


def lungs(trunk: Trunk, jitter: Jitter) -> list[Structure]:
    """Both lungs, cut into lobes by the fissures, then what lies between them."""
    chest = trunk.inside(trunk.fat_mm + trunk.wall_mm + 2.0)
    out: list[Structure] = []
    for side, _ in SIDES:
        # The left lung is the narrower one: the heart takes its room.
        center = (side * jitter.value(78.0 if side > 0 else 80.0, 0.02), 4.0, 325.0)
        radii = jitter.radii((56.0 if side > 0 else 52.0, 92.0, 128.0), 0.03)
        lung = Intersection((Ellipsoid(center, radii, exponent=2.6), chest))
        out += _right_lobes(lung, jitter) if side > 0 else _left_lobes(lung, jitter)
    middle = Column((200.0, 460.0), (26.0, 24.0), (75.0, 75.0), (15.0, 5.0), 2.5, (200.0, EVERYWHERE_MM))
    out.append(Structure("mediastinum", Intersection((middle, chest))))
    return out


def _oblique_fissure(jitter: Jitter) -> HalfSpace:
    """The side of the oblique fissure where the upper lobe is: in front and above."""
    point = (0.0, 8.0 + float(jitter.normal(4.0)), 318.0 + float(jitter.normal(5.0)))
    angle = np.deg2rad(jitter.angle(46.0, 3.0))
    return HalfSpace(point, (0.0, np.cos(angle), np.sin(angle)))


def _fissure(lung: Shape, *sides: HalfSpace) -> Structure:
    """The visible film, 2.4 mm thick, on the first of the planes, as far as it lies within the others."""
    return Structure("fissure", Intersection((lung, Sheet(sides[0], 1.2), *sides[1:])))


def _left_lobes(lung: Shape, jitter: Jitter) -> list[Structure]:
    upper = _oblique_fissure(jitter)
    return [
        Structure("lung_lower", lung, "lung_lower_lobe_left"),
        Structure("lung_upper", Intersection((lung, upper)), "lung_upper_lobe_left"),
        _fissure(lung, upper),
    ]


def _right_lobes(lung: Shape, jitter: Jitter) -> list[Structure]:
    front = _oblique_fissure(jitter)
    height = 338.0 + float(jitter.normal(5.0))
    below = HalfSpace((0.0, 0.0, height), (0.0, 0.05, -1.0))
    return [
        Structure("lung_lower", lung, "lung_lower_lobe_right"),
        Structure("lung_upper", Intersection((lung, front)), "lung_upper_lobe_right"),
        Structure("lung_middle", Intersection((lung, front, below)), "lung_middle_lobe_right"),
        _fissure(lung, front),
        _fissure(lung, below, front),
    ]


def diaphragm(trunk: Trunk, jitter: Jitter) -> list[Structure]:
    """Two domes that push the bases of the lungs up; fat below them, until organs fill it."""
    chest = trunk.inside(trunk.fat_mm + trunk.wall_mm)
    domes = (
        Ellipsoid(jitter.point((70, 12, 185), 2.0), jitter.radii((76, 100, 86), 0.02)),
        Ellipsoid(jitter.point((-70, 12, 185), 2.0), jitter.radii((74, 98, 76), 0.02)),
    )
    both = Intersection((Union(domes, 20.0), chest))
    return [Structure("muscle_wall", both), Structure("visceral_fat", Grown(both, -4.0))]


def heart_and_vessels(spine: Spine, jitter: Jitter) -> list[Structure]:
    """Heart, aorta from valve to bifurcation, inferior vena cava, trachea, esophagus."""
    center = np.array(jitter.point((-16, 56, 306), 3.0))
    heart = Ellipsoid(tuple(center), jitter.radii((56, 40, 48), 0.05), rotation(0, jitter.angle(25), jitter.angle(-18)))
    root = center + np.array([16, -2, 28])
    return [
        _esophagus(spine),
        *_trachea(spine, jitter),
        Structure("inferior_vena_cava", _vena_cava(spine, center, jitter), "inferior_vena_cava"),
        Structure("aorta", _aorta(spine, root, jitter), "aorta"),
        Structure("heart", heart, "heart"),
    ]


def _aorta(spine: Spine, root: np.ndarray, jitter: Jitter) -> Tube:
    wide = jitter.value(13.5, 0.07)
    top = 392.0 + float(jitter.normal(4.0))
    descent = []
    for z in np.linspace(365.0, 48.0, 12):
        left = np.interp(z, (48, 170, 260, 365), (-6, -8, -17, -22))
        ahead = np.interp(z, (48, 170, 260, 365), (13, 13, 9, 6))
        descent.append(spine.at(z) + np.array([left, spine.body_radii(z)[1] + ahead - (4 if z > 250 else 0), 0]))
    arch = [root, root + np.array([4, -2, 38]), (4, 28, top), (-12, 6, top)]
    knots = np.array([*arch, *descent], float)
    radii = np.concatenate([[wide * 1.12] * 2, [wide] * 2, np.linspace(wide * 0.95, wide * 0.75, len(descent))])
    return Tube(knots, radii)


def _vena_cava(spine: Spine, heart: np.ndarray, jitter: Jitter) -> Tube:
    radius = jitter.value(12.0, 0.08)
    knots = []
    for z in np.linspace(48.0, 235.0, 7):
        ahead = np.interp(z, (48, 130, 235), (10, 12, 22))
        knots.append(spine.at(z) + np.array([22.0, spine.body_radii(z)[1] + ahead, 0]))
    knots += [np.array([25.0, 34.0, 262.0]), heart + np.array([36, -14, -16])]
    return Tube(np.array(knots, float), np.full(len(knots), radius))


def _trachea(spine: Spine, jitter: Jitter) -> list[Structure]:
    radius = jitter.value(10.5, 0.06)
    fork = np.array([3.0, spine.at(362)[1] + 30, 362.0])
    top = np.array([0.0, spine.at(540)[1] + 38, 540.0])
    ends = [fork + np.array([side * 34, -4, -24]) for side, _ in SIDES]
    bronchi = [Tube(np.array([fork, end]), np.array([radius * 0.9, radius * 0.75])) for end in ends]
    tree = Union((Tube(np.array([top, fork]), np.full(2, radius)), *bronchi), 3.0)
    return [Structure("airway_wall", Grown(tree, 2.5)), Structure("trachea", tree, "trachea")]


def _esophagus(spine: Spine) -> Structure:
    knots = []
    for z in np.linspace(540.0, 250.0, 9):
        left = np.interp(z, (250, 290, 360, 540), (-16, -8, -4, -2))
        ahead = np.interp(z, (250, 290, 360, 540), (26, 18, 13, 14))
        knots.append(spine.at(z) + np.array([left, spine.body_radii(z)[1] + ahead, 0]))
    return Structure("esophagus", Tube(np.array(knots), np.full(len(knots), 10.5)), "esophagus")


def liver(jitter: Jitter) -> list[Structure]:
    """Liver under the right dome with its left lobe across the midline; gallbladder at its lower edge."""
    right = Ellipsoid(jitter.point((76, 20, 195), 3.0), jitter.radii((62, 78, 68), 0.04), rotation(jitter.angle(-8)))
    left = Ellipsoid(jitter.point((8, 66, 222), 3.0), jitter.radii((66, 36, 30), 0.06), rotation(0, jitter.angle(10)))
    bladder = Ellipsoid(jitter.point((48, 76, 142), 4.0), jitter.radii((16, 19, 27), 0.1), rotation(jitter.angle(20)))
    return [
        Structure("liver", Union((right, left), 15.0), "liver"),
        Structure("gallbladder", bladder, "gallbladder"),
    ]


def stomach(jitter: Jitter) -> list[Structure]:
    """Stomach under the left dome, with a bubble of gas at its front. The bubble belongs to the stomach."""
    fundus = Ellipsoid(jitter.point((-58, 22, 222), 3.0), jitter.radii((34, 40, 34), 0.07))
    path = np.array([(-58, 35, 205), (-52, 62, 165), (-22, 78, 140), (18, 72, 138)], float) + jitter.normal(3.0, 3)
    body = Tube(path, np.array([30.0, 26.0, 20.0, 14.0]) * jitter.value(1.0, 0.07))
    whole = Union((fundus, body), 12.0)
    bubble = Ellipsoid(tuple(path[0] + (0, 12, 8)), jitter.radii((18, 14, 20), 0.2))
    inside = Intersection((bubble, Grown(whole, -4.0)))
    return [Structure("stomach", whole, "stomach"), Structure("gas", inside, "stomach")]


def spleen(jitter: Jitter) -> Structure:
    """Spleen behind the stomach at the left chest wall."""
    axes = rotation(jitter.angle(-25), 0, jitter.angle(-20))
    shape = Ellipsoid(jitter.point((-97, -18, 205), 4.0), jitter.radii((25, 46, 48), 0.08), axes)
    return Structure("spleen", shape, "spleen")


def kidneys(jitter: Jitter) -> list[Structure]:
    """Kidneys on both sides of the spine, upper poles towards it; the right one lies lower."""
    out = []
    for side, name in SIDES:
        center = jitter.point((side * 66, -14, 112 if side > 0 else 124), 4.0)
        axes = rotation(jitter.angle(8), -side * jitter.angle(14), side * 25)
        out.append(Structure("kidney", Ellipsoid(center, jitter.radii((27, 25, 54), 0.07), axes), f"kidney_{name}"))
    return out


def pancreas(jitter: Jitter) -> Structure:
    """Pancreas in front of the spine; scenery only, because it is too slim for the demo model's grid."""
    knots = np.array([(36, 52, 128), (14, 56, 140), (-24, 44, 155), (-62, 8, 175)], float) + jitter.normal(3.0, 3)
    return Structure("pancreas", Tube(knots, np.array([13.0, 11.0, 10.0, 9.0])))


def urinary_bladder(jitter: Jitter) -> Structure:
    """Bladder behind the pubic bones, filled more or less."""
    shape = Ellipsoid(jitter.point((0, 40, -92), 3.0), jitter.radii((40, 32, 32), 0.12))
    return Structure("urinary_bladder", shape, "urinary_bladder")


def psoas(spine: Spine, jitter: Jitter) -> list[Structure]:
    """Iliopsoas from the lumbar spine over the front of the hip to the femur."""
    scale = jitter.value(1.0, 0.06)
    out = []
    for side, name in SIDES:
        beside = [(z, side * (spine.body_radii(z)[0] + gap)) for z, gap in ((155, 9), (90, 17), (30, 28))]
        upper = [tuple(spine.at(z) + np.array([x, 2, 0])) for z, x in beside]
        lower = [(side * 72, 22, -30), (side * 88, 48, -85), (side * 104, 26, -135)]
        radii = np.array([9.0, 17.0, 20.0, 21.0, 17.0, 12.0]) * scale
        out.append(Structure("iliopsoas", Tube(np.array([*upper, *lower], float), radii), f"iliopsoas_{name}"))
    return out


def back_muscles(spine: Spine, jitter: Jitter) -> list[Structure]:
    """Autochthonous muscles in the groove on both sides of the spinous processes."""
    scale = jitter.value(1.0, 0.06)
    out = []
    for side, name in SIDES:
        heights = np.linspace(-50.0, 470.0, 12)
        beside = np.interp(heights, (-50, 80, 300, 470), (18, 29, 24, 20))
        behind = np.interp(heights, (-50, 80, 300, 470), (30, 27, 24, 22))
        radii = np.interp(heights, (-50, 0, 80, 200, 330, 470), (14, 21, 25, 23, 19, 14)) * scale
        knots = [
            spine.at(z) + np.array([side * b, -spine.body_radii(z)[1] - back, 0])
            for z, b, back in zip(heights, beside, behind, strict=True)
        ]
        out.append(Structure("back_muscle", Tube(np.array(knots), radii), f"autochthon_{name}"))
    return out


def gluteal_muscles(trunk: Trunk, jitter: Jitter) -> list[Structure]:
    """Gluteus maximus under the fat of the buttocks."""
    within = trunk.inside(trunk.fat_mm + 1.0)
    radii = jitter.radii((56, 27, 78), 0.06)
    turn = jitter.angle(30.0)
    out = []
    for side, name in SIDES:
        axes = rotation(12, -side * 18, side * turn)
        shape = Intersection((Ellipsoid((side * 82, -64, -95), radii, axes), within))
        out.append(Structure("gluteus", shape, f"gluteus_maximus_{name}"))
    return out
