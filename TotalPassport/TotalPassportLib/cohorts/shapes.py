"""Organs of like shape: descriptors that neither size nor place nor direction changes, and distances between them.

With eigenvalues l1 <= l2 <= l3 of the covariance, volume V and surface S, the descriptors are natural logarithms of

- elongation, sqrt(l3 / l2), and flatness, sqrt(l2 / l1);
- fill, V / (4/3 pi 5^1.5 sqrt(l1 l2 l3)): the volume by that of the solid ellipsoid with the same covariance; 1 for an
  ellipsoid, less for what is hollow, bent or branched;
- roundness, pi^(1/3) (6 V)^(2/3) / S: the surface of the ball of the same volume by the organ's own; 1 for a ball.

Each is divided by its robust spread (1.4826 MAD) over the scans, so that all count alike, and the distance is the
Euclidean one. A distance of 1 is what two scans differ by in one descriptor, usually. A mirror image is alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ..base.errors import BadInput
from ..base.robust_statistics import MAD_TO_SD
from ..base.suggestions import did_you_mean
from ..base.text import shown_name
from .answers import Answer
from .questions import Selection, check_selection, notes_of

Query = Callable[[str, Sequence[Any]], Answer]
DESCRIPTORS = ("log_elongation", "log_flatness", "log_fill", "log_roundness")
_SEMI = "o.semi_axis_least_mm * o.semi_axis_middle_mm * o.semi_axis_major_mm"
SHAPES = (
    "shapes AS (SELECT o.scan, o.volume_mm3 / 1000 AS volume_ml, ln(o.semi_axis_major_mm / o.semi_axis_middle_mm) AS "
    "log_elongation, ln(o.semi_axis_middle_mm / o.semi_axis_least_mm) AS log_flatness, "
    f"ln(o.volume_mm3 / (4.18879020478639 * {_SEMI})) AS log_fill, ln(o.roundness) AS log_roundness "
    "FROM organs o JOIN scans s USING (scan) WHERE {where} AND o.name = ? AND o.volume_mm3 > 0 AND o.roundness > 0 "
    f"AND {_SEMI} > 0)"
)
"""Scan, volume and descriptors of one organ; a line or a plane has none."""


def nearest_shapes(query: Query, scan: str, organ: str, selection: Selection, number: int) -> Answer:
    """Return the scans whose organ is shaped most like one scan's, itself first.

    Parameters
    ----------
    query : callable
        Answers SQL.
    scan, organ : str
        Which organ of which scan.
    selection : Selection
        Which scans it is compared with; organs named there do not count.
    number : int
        How many are wanted.

    Raises
    ------
    BadInput
        The cohort has no such scan, the scan has no such organ, or it has no shape to compare.
    """
    require_organ(query, scan, organ)
    selection = replace(selection, organs=())
    check_selection(query, selection)
    where, parameters = selection.where()
    spreads = ", ".join(f"nullif({MAD_TO_SD} * mad({name}), 0) AS {name}" for name in DESCRIPTORS)
    squares = " + ".join(f"coalesce(((c.{name} - t.{name}) / m.{name}) ** 2, 0)" for name in DESCRIPTORS)
    answer = query(
        f"WITH {SHAPES.format(where=f'(({where}) OR o.scan = ?)')}, spread AS (SELECT {spreads} FROM shapes), "
        "target AS (SELECT * FROM shapes WHERE scan = ?) "
        f"SELECT c.scan, sqrt({squares}) AS distance, c.volume_ml, {', '.join(f'c.{name}' for name in DESCRIPTORS)} "
        "FROM shapes c, target t, spread m ORDER BY distance, c.scan LIMIT ?",
        [*parameters, scan, organ, scan, int(number) + 1],
    )
    if not answer.rows:
        raise BadInput(
            f"{shown_name(organ)} of '{shown_name(scan)}' has no shape: it is a line or a plane, or its surface is not "
            "known.",
            "Choose another one.",
        )
    return replace(answer, notes=notes_of(query, replace(selection, organs=(organ,))))


def require_organ(query: Query, scan: str, organ: str) -> None:
    """Raise `BadInput` unless a scan of the cohort has an organ."""
    scans = query("SELECT scan FROM scans WHERE scan = ?", [scan])
    if not scans.rows:
        known = query("SELECT scan FROM scans ORDER BY levenshtein(scan, ?), scan LIMIT 5", [scan]).column("scan")
        raise BadInput(
            f"The cohort has no scan '{shown_name(scan)}'.", did_you_mean(scan, known, "There are, for some,")
        )
    names = query("SELECT name FROM organs WHERE scan = ?", [scan]).column("name")
    if organ not in names:
        raise BadInput(
            f"The scan '{shown_name(scan)}' has no organ '{shown_name(organ)}'.", did_you_mean(organ, names, "It has")
        )
