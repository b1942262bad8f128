"""What is told about an organ: names for people, numbers in the units that are shown, checks in a few words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from slicer.i18n import tr as _
from TotalPassportLib.base.labels import GREY_RGB, structure_named
from TotalPassportLib.models.task import task_structures

from .columns import Column
from .marks import ERROR, GOOD, OF_SEVERITIES, WARNING, Mark, grave_color

if TYPE_CHECKING:
    from TotalPassportLib.base.hints import Hint
    from TotalPassportLib.comparison.changes import OrganChange
    from TotalPassportLib.passport import OrganPassport, Passport

AXIS_COLORS = ((0.90, 0.22, 0.21), (0.26, 0.70, 0.32), (0.24, 0.48, 0.95))
"""Red, green and blue for the major, the middle and the least axis."""
FAINT = 0.25
"""Opacity of axes whose directions cannot be relied on."""
_GRAVITY = {"error": "0", "warning": "1", "note": "2"}
_UNRELIABLE_AXES = "unreliable_axes"
MOST_KINDS = 4
"""Of more kinds of findings than this a sentence names the most frequent ones."""


@dataclass(frozen=True, kw_only=True)
class OrganRow:
    """One row of the organ table.

    Attributes
    ----------
    organ : OrganPassport
        What was measured.
    name : str
        For people.
    color_rgb : tuple[int, int, int]
        As the segmentation shows it, 0 to 255.
    findings : tuple[str, ...]
        Sentences for a tooltip.
    severity : str
        That of the gravest of them; empty where there is none.
    """

    organ: OrganPassport
    name: str
    color_rgb: tuple[int, int, int]
    findings: tuple[str, ...] = ()
    severity: str = ""

    @property
    def label(self) -> int:
        """The organ's value in the label image."""
        return self.organ.label

    @property
    def checks_text(self) -> str:
        """The checks in a few words, for a cell of a table."""
        return ", ".join(_short_check(code) for code in self.organ.checks)


def organ_columns() -> tuple[Column, ...]:
    """Return the columns of the organ table, in the panel and as a table node."""
    return (
        _name_column(),
        Column(
            title="!",
            meaning=_("✖ error, ▲ warning, • note: what speaks against the numbers. Its tooltip says what."),
            value=lambda row: _sign(row.severity),
            sort_key=lambda row: _GRAVITY.get(row.severity, "3") + row.checks_text,  # the gravest first
            tip=lambda row: "\n".join(row.findings),
            color=lambda row: grave_color(row.severity),
            bold=lambda row: grave_color(row.severity) is not None,
        ),
        Column(node_title=_("Label"), value=lambda row: row.label, is_number=True, is_whole=True),
        _number(_("ml"), _("Volume (ml)"), lambda row: row.organ.volume_mm3 / 1000, _("Volume in millilitres")),
        _confidence_column(),
        *_position_columns(),
        Column(
            title=_("Semi-axes"),
            meaning=_("Major, middle and least semi-axis of the ellipsoid of the same moments, in mm"),
            value=lambda row: float(row.organ.semi_axes_mm[2]),
            text=lambda row: " × ".join(f"{length:.0f}" for length in row.organ.semi_axes_mm[::-1]),
            is_number=True,
        ),
        _number("", _("Major semi-axis (mm)"), lambda row: float(row.organ.semi_axes_mm[2])),
        _number("", _("Middle semi-axis (mm)"), lambda row: float(row.organ.semi_axes_mm[1])),
        _number("", _("Least semi-axis (mm)"), lambda row: float(row.organ.semi_axes_mm[0])),
        Column(
            title=_("Found by the checks"),
            meaning=_("What speaks against the numbers, in short; the tooltips have whole sentences"),
            node_title=_("Checks"),
            value=lambda row: row.checks_text,
            tip=lambda row: "\n".join(row.findings),
            color=lambda row: grave_color(row.severity),
        ),
    )


def _sign(severity: str) -> str:
    return OF_SEVERITIES[severity].sign if severity in OF_SEVERITIES else ""


def _name_column() -> Column:
    return Column(
        title=_("Organ"),
        meaning=_("The box shows or hides the organ, the colour is its segment's. Left and right stand together."),
        node_title=_("Organ"),
        value=lambda row: row.name,
        sort_key=lambda row: sort_name(row.name),
        tip=lambda row: row.name,
        swatch=lambda row: row.color_rgb,
    )


def _confidence_column() -> Column:
    return Column(
        title=_("Sure"),
        meaning=_("Confidence: how sure the networks are of this organ's voxels, on average; not how right they are"),
        node_title=_("Confidence"),
        value=lambda row: row.organ.confidence,
        text=lambda row: "–" if row.organ.confidence is None else f"{100 * row.organ.confidence:.0f} %",
        is_number=True,
        if_known=True,
    )


def _position_columns() -> tuple[Column, ...]:
    titles = {0: (_("R"), _("R (mm)")), 1: (_("A"), _("A (mm)")), 2: (_("S"), _("S (mm)"))}
    meanings = {
        0: _("Centre: mm to the right of the scanner's origin"),
        1: _("Centre: mm to the front of the scanner's origin"),
        2: _("Centre: mm above the scanner's origin, towards the head"),
    }

    def along(axis: int) -> Callable[[OrganRow], float]:
        return lambda row: float(row.organ.centroid_ras_mm[axis])

    return tuple(_number(*titles[axis], along(axis), meanings[axis]) for axis in range(3))


def _number(title: str, node_title: str, value: Callable[[OrganRow], float], meaning: str = "") -> Column:
    return Column(
        title=title,
        meaning=meaning,
        node_title=node_title,
        value=value,
        text=lambda row: f"{value(row):.1f}",
        is_number=True,
    )


def sort_name(name: str) -> str:
    """Return what organs are sorted by: left and right of a pair stand together, and numbers count as numbers.

    >>> sorted(["Right kidney", "Rib 10", "Rib 2", "Left kidney"], key=sort_name)
    ['Left kidney', 'Right kidney', 'Rib 2', 'Rib 10']
    """
    words = name.lower().split()
    sides = [word for word in words if word in ("left", "right")]
    both = " ".join(word for word in words if word not in sides)
    return re.sub(r"\d+", lambda number: number.group().zfill(6), " ".join([both, *sides]))


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the checks found in a whole passport, in a sentence or two, and the mark of the gravest."""

    text: str
    mark: Mark


def found_by_checks(passport: Passport) -> Found:
    """Return how many errors and warnings there are and of which kinds, the gravest first."""
    kinds: dict[str, list[str]] = {}
    for finding in passport.findings:
        kinds.setdefault(finding.severity, []).append(_short_check(finding.code))
    errors, warnings = (kinds.get(severity, []) for severity in ("error", "warning"))
    parts = [
        _counted(errors, _("1 error ({kinds})"), _("{count} errors ({kinds})")),
        _counted(warnings, _("1 warning ({kinds})"), _("{count} warnings ({kinds})")),
    ]
    told = ", ".join(part for part in parts if part)
    if not told:
        return Found(text=_("The checks found nothing that speaks against the numbers."), mark=GOOD)
    return Found(text=_("The checks found {told}.").format(told=told), mark=ERROR if errors else WARNING)


def _counted(kinds: list[str], one: str, many: str) -> str:
    """Return how many findings there are, with their kinds by frequency."""
    common = ", ".join(kind for kind, _number in Counter(kinds).most_common(MOST_KINDS))
    further = ", …" if len(set(kinds)) > MOST_KINDS else ""
    return (one if len(kinds) == 1 else many).format(count=len(kinds), kinds=common + further) if kinds else ""


@dataclass(frozen=True, kw_only=True)
class ScanNote:
    """What the checks say of a scan as a whole.

    Attributes
    ----------
    text : str
        A sentence for each finding, with the sign of its severity.
    explanations : str
        What these mean.
    severity : str
        That of the gravest.
    next_steps : tuple of Hint
        What can be done about them.
    """

    text: str
    explanations: str
    severity: str
    next_steps: tuple[Hint, ...]


def organ_rows(passport: Passport, colors: Mapping[int, tuple[int, int, int]] | None = None) -> list[OrganRow]:
    """Return the rows of a passport, in order of labels; ``colors`` by label, the label table's where there is none."""
    return [_row(organ, passport, (colors or {}).get(organ.label)) for organ in passport.organs.values()]


def scan_note(passport: Passport) -> ScanNote | None:
    """Return what concerns the scan as a whole, the gravest first; None if nothing does."""
    from TotalPassportLib.passport.naming import what_to_do  # lazily: see the package's note
    from TotalPassportLib.passport.rules import rule_named

    whole = []
    for finding in passport.findings:
        rule = rule_named(finding.code)
        if not finding.labels or (rule is not None and rule.kind in ("orientation", "told")):
            whole.append(finding)
    if not whole:
        return None
    sentences = [
        f"{_sign(finding.severity)} {_short_check(finding.code).capitalize()}: {finding.message}" for finding in whole
    ]
    explanations = [check_explanation(finding.code) for finding in whole]
    steps = tuple(step for finding in whole if (step := what_to_do(finding.code)) is not None)
    return ScanNote(
        text="\n".join(sentences),
        explanations="\n".join(explanations),
        severity=whole[0].severity,
        next_steps=steps,
    )


def has_unreliable_axes(organ: OrganPassport) -> bool:
    """Whether the organ's axes might point elsewhere in another scan of it."""
    return _UNRELIABLE_AXES in organ.checks


def _row(organ: OrganPassport, passport: Passport, own_color: tuple[int, int, int] | None) -> OrganRow:
    name, color = name_and_color(organ)
    concerning = [finding for finding in passport.findings if organ.label in finding.labels]  # the gravest first
    sentences = [f"{finding.message} {check_explanation(finding.code)}" for finding in concerning]
    return OrganRow(
        organ=organ,
        name=name,
        color_rgb=own_color or color,
        findings=tuple(sentences) or tuple(check_explanation(code) for code in organ.checks),
        severity=concerning[0].severity if concerning else _gravest(organ.checks),
    )


def name_and_color(organ: OrganPassport) -> tuple[str, tuple[int, int, int]]:
    """Return an organ's name for people and its colour, see `structure_title`."""
    return structure_title(organ.name)


def structure_title(name: str) -> tuple[str, tuple[int, int, int]]:
    """Return a structure's name for people and its colour; those of the bundled tables or of a task if they have it."""
    label = structure_named(name)
    if label is None or label.name != name:
        label = task_structures().get(name)
    return (label.display_name, label.color_rgb) if label is not None else (name, GREY_RGB)


def axis_ends(organ: OrganPassport) -> np.ndarray:
    """Return the ends of the principal axes in RAS mm, float64 ``[axis, end, coordinate]``, the major axis first.

    Each axis reaches one semi-axis, sqrt(5 lambda), from the centroid in both directions.
    """
    half = (organ.eigenvectors * organ.semi_axes_mm).T[::-1]
    return organ.centroid_ras_mm + np.stack([-half, half], axis=1)


def change_words(organ: OrganChange) -> str:
    """Return what has changed by more than the voxel grid can do, or why nothing is said of it."""
    words = {"volume": _("volume"), "position": _("position"), "shape": _("shape")}
    return ", ".join(words[kind] for kind in organ.beyond_floor) or organ.remark


def check_explanation(code: str) -> str:
    """Return what a check means, in a sentence."""
    from TotalPassportLib.passport.organ import CHECKS  # lazily: see the package's note

    return CHECKS.get(code, code)


def _gravest(codes: tuple[str, ...]) -> str:
    """Return the gravest severity of checks that came without findings, empty if none is known."""
    from TotalPassportLib.passport.rules import SEVERITIES, rule_named  # lazily: see the package's note

    found = {rule.severity for code in codes if (rule := rule_named(code)) is not None}
    return next((severity for severity in SEVERITIES if severity in found), "")


def _short_check(code: str) -> str:
    from TotalPassportLib.passport.findings_text import title  # lazily: see the package's note

    return title(code)
