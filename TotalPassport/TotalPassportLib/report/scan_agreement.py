"""One scan against its ground truth, structure by structure, and what is not counted and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from ..base.errors import BadInput
from ..base.events import StepCallback
from ..image.same_grid import grid_difference
from .named_structures import NamedStructures, joint_box
from .overlap import Overlap, overlap

Outcome = Literal["both", "missed", "extra", "neither", "not annotated", "not searched"]
BOTH: Final = "both"
MISSED: Final = "missed"
EXTRA: Final = "extra"
NEITHER: Final = "neither"
NOT_ANNOTATED: Final = "not annotated"
NOT_SEARCHED: Final = "not searched"
COUNTED: tuple[Outcome, ...] = (BOTH, MISSED, EXTRA)
"""Outcomes that enter the statistics; with one side empty Dice is 0 and the distance infinite."""
OUTCOME_MEANINGS: dict[Outcome, str] = {
    BOTH: "in both",
    MISSED: "true, and not found: Dice 0, infinite distance",
    EXTRA: "found, and not true: Dice 0, infinite distance",
    NEITHER: "in neither: agreed, and not counted, for Dice has no value there",
    NOT_ANNOTATED: "found, but the ground truth does not speak of such a structure: not counted",
    NOT_SEARCHED: "true, but the model does not look for such a structure: not counted",
}


@dataclass(frozen=True, kw_only=True)
class StructureAgreement:
    """One structure of one scan; ``truth_says`` tells whether the ground truth states which structures it covers."""

    name: str
    outcome: Outcome
    overlap: Overlap | None
    truth_says: bool


def compare_structures(
    found: NamedStructures,
    truth: NamedStructures,
    tolerance_mm: float,
    on_structure: StepCallback = lambda done, total: None,
) -> list[StructureAgreement]:
    """Compare two segmentations of a scan.

    Parameters
    ----------
    found, truth : NamedStructures
        What was found, and what is true.
    tolerance_mm : float
        Of the surface Dice.
    on_structure : callable
        Called with (finished, all) structures.

    Raises
    ------
    BadInput
        Their grids differ, or they have no structure of one name.
    """
    difference = grid_difference(found.grid, truth.grid)
    if difference:
        raise BadInput(f"Its ground truth lies on another grid: {difference}.", "Resample it onto the scan's grid.")
    names = sorted({*found.boxes, *truth.boxes, *(found.known or ()), *(truth.known or ())})
    agreements = []
    for number, name in enumerate(names):
        on_structure(number, len(names))
        outcome = _outcome(name, found, truth)
        if outcome is None:
            continue
        result = None
        if outcome in COUNTED:
            box = joint_box(found.boxes.get(name), truth.boxes.get(name))
            result = overlap(found.mask(name, box), truth.mask(name, box), found.grid.affine, tolerance_mm)
        agreements.append(
            StructureAgreement(name=name, outcome=outcome, overlap=result, truth_says=truth.known is not None)
        )
    return agreements


def _outcome(name: str, found: NamedStructures, truth: NamedStructures) -> Outcome | None:
    """Return what became of a structure; None for one that is in neither and that one of them says nothing of."""
    is_found, is_true = name in found.boxes, name in truth.boxes
    if is_found and is_true:
        return BOTH
    if is_true:
        return MISSED if found.known is None or name in found.known else NOT_SEARCHED
    if is_found:
        return EXTRA if truth.known is None or name in truth.known else NOT_ANNOTATED
    both_looked = name in (found.known or ()) and name in (truth.known or ())
    return NEITHER if both_looked else None


def with_annotations_settled(scans: Sequence[Sequence[StructureAgreement]]) -> list[list[StructureAgreement]]:
    """Return the agreements of all scans, where truth that states no names is taken to cover what some truth has.

    A ground truth without names in its header does not say which structures somebody has looked for. What no scan's
    truth has was not annotated, and finding it there is no mistake.
    """
    annotated = {each.name for scan in scans for each in scan if each.outcome in (BOTH, MISSED)}
    return [[_settled(each, annotated) for each in scan] for scan in scans]


def _settled(agreement: StructureAgreement, annotated: Iterable[str]) -> StructureAgreement:
    if agreement.outcome != EXTRA or agreement.truth_says or agreement.name in annotated:
        return agreement
    return replace(agreement, outcome=NOT_ANNOTATED, overlap=None)
