"""The rules of the checks, as data: ``data/checks.json``; what each kind of rule does is in `checks`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from ..base.files import DATA_FOLDER, read_json

SEVERITIES = ("error", "warning", "note")
"""The gravest first: something is wrong; something is probably wrong; to be known when the numbers are used."""

Pair = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One check.

    Attributes
    ----------
    code : str
        Stands in passports.
    kind : str
        Which function of `checks` applies it.
    severity : str
        One of `SEVERITIES`.
    title : str
        A few words for a table's cell.
    explanation : str
        What it means for the reader, and what to do.
    source : str
        Where its numbers come from.
    groups : tuple[tuple[Pair, ...], ...]
        Pairs of organs that are counted together.
    rows : tuple[tuple[str, ...], ...]
        Organs that follow one another from head to foot.
    pairs : tuple[Pair, ...]
        The left and the right one of paired organs, without the exempt ones.
    settings : Mapping[str, Any]
        The rule's own numbers and names.
    """

    code: str
    kind: str
    severity: str
    title: str
    explanation: str
    source: str
    groups: tuple[tuple[Pair, ...], ...]
    rows: tuple[tuple[str, ...], ...]
    pairs: tuple[Pair, ...]
    settings: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a check found: ``labels`` are the organs it concerns, none for the scan as a whole."""

    code: str
    severity: str
    labels: tuple[int, ...]
    message: str


@cache
def load_rules() -> tuple[Rule, ...]:
    """Return the bundled rules, in the order in which they are applied."""
    # Our own file is checked by the tests, so that the checks can be explained before anything is installed in Slicer.
    document = read_json(DATA_FOLDER / "checks.json")
    pairs = _pairs(document["pairs"])
    rows = {name: tuple(row) for name, row in document["rows"].items()}
    return tuple(_rule(entry, pairs, rows) for entry in document["rules"])


@cache
def rule_named(code: str) -> Rule | None:
    """Return the rule with a code; None for a code of a later version."""
    return next((rule for rule in load_rules() if rule.code == code), None)


def _rule(entry: Mapping[str, Any], pairs: tuple[Pair, ...], rows: Mapping[str, tuple[str, ...]]) -> Rule:
    known = {"pairs": pairs} | {name: tuple(pairwise(row)) for name, row in rows.items()}
    groups = tuple(known[group] if isinstance(group, str) else _pairs(group) for group in entry.get("groups", ()))
    exempt = set(entry.get("exempt", ()))
    return Rule(
        code=entry["code"],
        kind=entry["kind"],
        severity=entry["severity"],
        title=entry["title"],
        explanation=entry["explanation"],
        source=entry["source"],
        groups=groups,
        rows=tuple(rows[name] for name in entry.get("rows", ())),
        pairs=tuple(pair for pair in pairs if not exempt.intersection(pair)),
        settings=entry,
    )


def _pairs(entries: Iterable[list[str]]) -> tuple[Pair, ...]:
    return tuple((one, other) for one, other in entries)
