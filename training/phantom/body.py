"""One body: all structures, in painting order, in the body's own frame.

The frame is RAS in millimetres: +x points to the patient's right, +y to the front, +z to the head. The origin lies in
the upper end plate of the sacrum. So the liver has positive x and the spleen negative x.
"""

from __future__ import annotations

from . import organs, skeleton, trunk
from .structure import Structure
from .variation import Jitter


def build_body(jitter: Jitter) -> list[Structure]:
    """Draw a body. What comes later in the list is painted over what came before."""
    shell = trunk.draw_trunk(jitter)
    spine = skeleton.draw_spine(jitter)
    scenery = trunk.couch(shell, jitter) if jitter.chance(0.7) else []
    scenery += trunk.arms(jitter) if jitter.chance(0.25) else []
    return [
        *scenery,
        *trunk.outer_layers(shell),
        trunk.thigh_gap(shell),
        *organs.lungs(shell, jitter),
        *organs.diaphragm(shell, jitter),
        trunk.belly_cavity(shell),
        *trunk.ribs(shell, jitter),
        *trunk.bowel(jitter),
        trunk.rectum(jitter),
        *organs.gluteal_muscles(shell, jitter),
        *organs.back_muscles(spine, jitter),
        *organs.psoas(spine, jitter),
        organs.pancreas(jitter),
        *organs.liver(jitter),
        organs.spleen(jitter),
        *organs.kidneys(jitter),
        *organs.stomach(jitter),
        organs.urinary_bladder(jitter),
        skeleton.sternum(shell, jitter),
        *skeleton.spine_structures(spine),
        *skeleton.sacrum(jitter),
        *skeleton.pelvis(jitter),
        *organs.heart_and_vessels(spine, jitter),
    ]
