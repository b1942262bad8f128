"""The named questions, as SQL: each is one statement on the tables ``scans`` and ``organs``.

Organs that the image's edge cuts are left out unless asked for, for a part of them is missing; how many those were is
among the notes. So is that scans come from several models: their labels need not mean quite the same.

Robust z-scores are ``(value - median) / (1.4826 MAD)`` over the scans, organ by organ; MAD is the median distance from
the median, and 1.4826 makes it the standard deviation of a normal distribution (Iglewicz and Hoaglin, How to Detect and
Handle Outliers, 1993, who call 3.5 an outlier).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..base.errors import BadInput
from ..base.robust_statistics import FEWEST_VALUES, MAD_TO_SD
from ..base.suggestions import did_you_mean
from ..base.text import counted, shown_name
from ..passport.rules import load_rules
from .answers import Answer
from .record import Record
from .table_columns import NUMBERS

Query = Callable[[str, Sequence[Any]], Answer]
USUAL_PERCENT = 90.0
"""An organ that so many of a model's scans have is missed in the others."""
MOST_DAMAGED = 20
"""Damaged passports that are named."""
_WITHOUT_UNIT = "intensity_"
_RELATIVE = ("volume_mm3", "voxel_count", "surface_area_mm2", "semi_axis_", "obb_")
"""Fields whose left and right are compared as parts of their mean; the others by their difference."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which rows a question is about.

    Attributes
    ----------
    organs : tuple of str
        Names; all organs where there are none.
    model : str | None
        Only scans of this model.
    with_cut : bool
        Also organs that the image's edge cuts.
    """

    organs: tuple[str, ...] = ()
    model: str | None = None
    with_cut: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.organs, str):
            object.__setattr__(self, "organs", (self.organs,))

    def where(self) -> tuple[str, list[Any]]:
        """Return the condition on ``organs o`` and ``scans s``, and its parameters."""
        conditions, parameters = ["true"], []
        if self.organs:
            conditions.append(f"o.name IN ({', '.join('?' * len(self.organs))})")
            parameters += list(self.organs)
        if self.model is not None:
            conditions.append("s.model = ?")
            parameters.append(self.model)
        if not self.with_cut:
            conditions.append("NOT o.touches_border")
        return " AND ".join(conditions), parameters


def require_field(field: str) -> str:
    """Return a field's name as SQL has it.

    Raises
    ------
    BadInput
        There is no such field, or its numbers mean something else in every scan.
    """
    if field not in NUMBERS:
        raise BadInput(f"There is no field '{shown_name(field)}'.", did_you_mean(field, NUMBERS, "Fields are"))
    if field.startswith(_WITHOUT_UNIT):
        raise BadInput(
            f"'{field}' has no unit: intensities of an MR mean something else in every scan.",
            "Ask for a field with a unit; SQL still reaches these numbers.",
        )
    return f'"{field}"'


def check_selection(query: Query, selection: Selection) -> None:
    """Raise `BadInput` if a selection names what the cohort does not have."""
    if selection.model is not None:
        models = query("SELECT DISTINCT model FROM scans ORDER BY model", ()).column("model")
        if selection.model not in models:
            hint = did_you_mean(selection.model, models, "It has")
            raise BadInput(f"The cohort has no scan of the model '{shown_name(selection.model)}'.", hint)
    if selection.organs:
        names = query("SELECT DISTINCT name FROM organs ORDER BY name", ()).column("name")
        for organ in selection.organs:
            if organ not in names:
                hint = did_you_mean(organ, names, "It has")
                raise BadInput(f"No scan of the cohort has an organ '{shown_name(organ)}'.", hint)


def notes_of(query: Query, selection: Selection, field: str | None = None) -> tuple[str, ...]:
    """Return what has to be known of an answer: several models, and what was left out."""
    notes = []
    if selection.model is None:
        models = query("SELECT model, count(*) AS n FROM scans GROUP BY model ORDER BY n DESC, model", ())
        if len(models) > 1:
            listed = ", ".join(f"{shown_name(name)} ({count})" for name, count in models.rows[:5])
            more = " and more" if len(models) > 5 else ""
            notes.append(
                f"The scans come from {len(models)} models, {listed}{more}, whose labels need not mean the same; "
                "choose one of them to be sure."
            )
    if not selection.with_cut:
        whole, parameters = replace(selection, with_cut=True).where()
        known = f" AND o.{field} IS NOT NULL" if field else ""
        sql = f"SELECT count(*) AS n FROM organs o JOIN scans s USING (scan) WHERE {whole} AND o.touches_border{known}"
        cut = query(sql, parameters).rows[0][0]
        if cut:
            notes.append(f"{counted(cut, 'organ')} cut by an image's edge {'was' if cut == 1 else 'were'} left out.")
    return tuple(notes)


def overview(query: Query, record: Record) -> Answer:
    """Return scans and organs of each model, task and unit of intensity; damaged passports are among the notes."""
    answer = query(
        "SELECT s.model, s.task, s.intensity_unit, count(*) AS scans, sum(s.n_organs)::BIGINT AS organs, "
        "count(DISTINCT s.patient) AS patients, min(s.date) AS first_date, max(s.date) AS last_date, "
        "sum((s.n_errors > 0)::INTEGER)::BIGINT AS scans_with_errors "
        "FROM scans s GROUP BY ALL ORDER BY scans DESC, s.model",
        (),
    )
    twice = query(
        "SELECT count(*) AS n FROM (SELECT source_sha256, model FROM scans WHERE source_sha256 IS NOT NULL "
        "GROUP BY ALL HAVING count(*) > 1)",
        (),
    ).rows[0][0]
    damaged = list(record.damaged.items())
    notes = [f"Damaged: {shown_name(path, 200)}: {shown_name(why, 300)}" for path, why in damaged[:MOST_DAMAGED]]
    if len(damaged) > MOST_DAMAGED:
        notes.append(f"and {len(damaged) - MOST_DAMAGED} more damaged passports")
    if twice:
        notes.append(
            f"{counted(twice, 'image')} of the same model {'is' if twice == 1 else 'are'} there more than once."
        )
    if len({row["intensity_unit"] for row in answer} - {None}) > 1:
        notes.append(
            "Some scans have Hounsfield units and some no unit; they are in columns of their own, never mixed."
        )
    return replace(answer, notes=tuple(notes))


def distribution(query: Query, field: str, selection: Selection) -> Answer:
    """Return how a field is distributed over the scans, organ by organ.

    Parameters
    ----------
    query : callable
        Answers SQL.
    field : str
        A numeric column of ``organs``.
    selection : Selection
        Which rows.

    Raises
    ------
    BadInput
        There is no such field, organ or model.
    """
    column = require_field(field)
    check_selection(query, selection)
    where, parameters = selection.where()
    answer = query(
        f"SELECT o.name AS organ, count(*) AS scans, avg(o.{column}) AS mean, stddev_samp(o.{column}) AS sd, "
        f"min(o.{column}) AS lowest, quantile_cont(o.{column}, 0.05) AS p5, quantile_cont(o.{column}, 0.25) AS p25, "
        f"median(o.{column}) AS median, quantile_cont(o.{column}, 0.75) AS p75, "
        f"quantile_cont(o.{column}, 0.95) AS p95, max(o.{column}) AS highest, mad(o.{column}) AS mad "
        f"FROM organs o JOIN scans s USING (scan) WHERE {where} AND o.{column} IS NOT NULL "
        "GROUP BY o.name ORDER BY min(o.label), organ",
        parameters,
    )
    return replace(answer, notes=notes_of(query, selection, column))


def outliers(query: Query, field: str, selection: Selection, least_z: float) -> Answer:
    """Return the organs whose robust z-score is at least ``least_z`` on either side, the farthest first.

    Organs of fewer than `FEWEST_VALUES` scans, and those of which more than half are equal, have no score.

    Raises
    ------
    BadInput
        There is no such field, organ or model.
    """
    column = require_field(field)
    check_selection(query, selection)
    where, parameters = selection.where()
    answer = query(
        f"WITH chosen AS (SELECT o.scan, o.name, o.{column} AS value FROM organs o JOIN scans s USING (scan) "
        f"WHERE {where} AND o.{column} IS NOT NULL), middle AS (SELECT name, count(*) AS n, median(value) AS median, "
        "mad(value) AS mad FROM chosen GROUP BY name) "
        "SELECT c.scan, c.name AS organ, c.value, m.median, "
        f"(c.value - m.median) / ({MAD_TO_SD} * m.mad) AS robust_z, m.n AS scans "
        "FROM chosen c JOIN middle m USING (name) "
        f"WHERE m.n >= {FEWEST_VALUES} AND m.mad > 0 AND abs(c.value - m.median) >= ? * {MAD_TO_SD} * m.mad "
        "ORDER BY abs(robust_z) DESC, c.scan, organ",
        [*parameters, float(least_z)],
    )
    return replace(answer, notes=notes_of(query, selection, column))


def pairs() -> list[tuple[str, str]]:
    """Return the left and the right one of all paired organs that the checks know."""
    return list(dict.fromkeys(pair for rule in load_rules() for pair in rule.pairs))


def asymmetry(query: Query, field: str, selection: Selection, by_scan: bool) -> Answer:
    """Return how left and right differ: left minus right, of sizes in per cent of their mean.

    Both have to be whole. By pair of organs: how the difference is distributed over the scans. By scan: each
    difference with its robust z-score among those of the pair, the farthest first; scores as for `outliers`.

    Raises
    ------
    BadInput
        There is no such field, organ or model, or it is a position.
    """
    column = require_field(field)
    if field.startswith(("centroid_", "bounding_box_", "label")) or "_axis_" in field.replace("semi_axis", ""):
        raise BadInput(f"'{field}' says where an organ lies; left and right differ in it.", "Ask for a size or shape.")
    check_selection(query, selection)
    sides = [(pair[0], pair[1]) for pair in pairs() if not selection.organs or set(pair) & set(selection.organs)]
    if not sides:
        raise BadInput("None of these organs has a left and a right one.", "Ask for kidney_left, for one.")
    relative = field.startswith(_RELATIVE)
    measure = "200 * (l.value - r.value) / (l.value + r.value)" if relative else "l.value - r.value"
    name = f"{field}_left_minus_right{'_percent' if relative else ''}"
    table = ", ".join("(?, ?)" for _ in sides)
    values = [side for pair in sides for side in pair]
    selection = replace(selection, organs=tuple(values))
    where, parameters = selection.where()
    chosen = (
        f"WITH sides(lefty, righty) AS (VALUES {table}), chosen AS (SELECT o.scan, o.name, o.{column} AS value "
        f"FROM organs o JOIN scans s USING (scan) WHERE {where} AND o.{column} IS NOT NULL), "
        f"both_sides AS (SELECT l.scan, sides.lefty AS left_organ, l.value AS left_value, r.value AS right_value, "
        f"{measure} AS difference FROM sides JOIN chosen l ON l.name = sides.lefty "
        "JOIN chosen r ON r.name = sides.righty AND r.scan = l.scan "
        f"{'WHERE l.value + r.value > 0' if relative else ''}), "
        "middle AS (SELECT left_organ, count(*) AS n, median(difference) AS median, mad(difference) AS mad "
        "FROM both_sides GROUP BY left_organ) "
    )
    if by_scan:
        sql = chosen + (
            f"SELECT b.scan, b.left_organ, b.left_value, b.right_value, b.difference AS {name}, "
            f"CASE WHEN m.n >= {FEWEST_VALUES} AND m.mad > 0 THEN (b.difference - m.median) / ({MAD_TO_SD} * m.mad) "
            "END AS robust_z FROM both_sides b JOIN middle m USING (left_organ) "
            "ORDER BY abs(robust_z) DESC NULLS LAST, abs(b.difference) DESC, b.scan"
        )
    else:
        sql = chosen + (
            "SELECT b.left_organ, count(*) AS scans, quantile_cont(b.difference, 0.05) AS p5, "
            "quantile_cont(b.difference, 0.25) AS p25, median(b.difference) AS median, "
            "quantile_cont(b.difference, 0.75) AS p75, quantile_cont(b.difference, 0.95) AS p95, "
            "mad(b.difference) AS mad FROM both_sides b GROUP BY b.left_organ ORDER BY abs(median) DESC, b.left_organ"
        )
    answer = query(sql, [*values, *parameters])
    unit = " in per cent of their mean" if relative else ""
    notes = (f"Differences of {field} are left minus right{unit}.", *notes_of(query, selection, column))
    return replace(answer, notes=notes)


def missing_organs(query: Query, selection: Selection, by_scan: bool) -> Answer:
    """Return which organs are missing: how many scans lack each, or which scan lacks which usual ones.

    Scans are compared with those of the same model only. A usual organ is one that `USUAL_PERCENT` of them have.
    Whether it is missing because the image does not reach there, a passport does not say.

    Raises
    ------
    BadInput
        There is no such organ or model.
    """
    check_selection(query, selection)
    where, parameters = replace(selection, with_cut=True).where()
    # A scan's number instead of its name, and each of its organs once: joins and groups of these take half of the time.
    counts = (
        "WITH numbered AS MATERIALIZED (SELECT scan, model, row_number() OVER () AS number FROM scans), "
        "own AS MATERIALIZED (SELECT s.number, s.model, o.name, bool_or(o.touches_border) AS cut, "
        f"min(o.label) AS label FROM organs o JOIN numbered s USING (scan) WHERE {where} "
        "GROUP BY s.number, s.model, o.name), "
        "totals AS (SELECT model, count(*) AS scans FROM scans GROUP BY model), "
        "present AS (SELECT model, name, count(*) AS present, count(*) FILTER (cut) AS cut, min(label) AS label "
        "FROM own GROUP BY model, name), "
        "counts AS (SELECT p.*, t.scans, 100.0 * (t.scans - p.present) / t.scans AS missing_percent "
        "FROM present p JOIN totals t USING (model)) "
    )
    if by_scan:
        sql = counts + (
            "SELECT s.scan, c.name AS organ, s.model, 100 - c.missing_percent AS others_have_percent FROM numbered s "
            "JOIN counts c USING (model) ANTI JOIN own o ON o.number = s.number AND o.name = c.name "
            f"WHERE c.missing_percent <= {100 - USUAL_PERCENT} AND c.scans >= {FEWEST_VALUES} "
            "ORDER BY others_have_percent DESC, s.scan, c.label"
        )
    else:
        sql = counts + (
            "SELECT name AS organ, model, scans, present, scans - present AS missing, missing_percent, cut "
            "FROM counts ORDER BY missing_percent DESC, model, label"
        )
    return query(sql, parameters)
