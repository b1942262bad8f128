"""Quality control: what speaks against trusting a passport. The rules are data, `rules`; here is what each kind does.

A comparison needs organs whose numbers can be trusted: those of fewer than `SPECK` voxels are passed over everywhere,
and those cut by the image's edge wherever a missing part would decide.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import TypeVar

import numpy as np

from ..base.labels import LabelTable
from ..image.stored_image import Remark
from .organ import OrganPassport, Passport
from .rules import SEVERITIES, Finding, Pair, Rule, load_rules, rule_named

SPECK = 20
"""Organs with fewer voxels take no part in comparisons."""
MOST_NAMES = 10
"""More structures without voxels than this are only counted."""
_AXES = {"left": np.array([-1.0, 0, 0]), "superior": np.array([0, 0, 1.0]), "anterior": np.array([0, 1.0, 0])}
_OTHER_SIDE = {"left": "right", "superior": "below", "anterior": "behind"}

Key = TypeVar("Key")
Found = Iterator[tuple[tuple[str, ...], str]]
"""Names of organs and the sentence about them."""


class Scan:
    """The organs of a passport by name, for the rules to ask.

    Parameters
    ----------
    organs : Mapping[int, OrganPassport]
        Label -> organ.
    table : LabelTable
        Names of labels.
    searched : Collection[int] | None
        Labels that were looked for, so that their absence means something; where that is not known, it might be any of
        the table.
    """

    def __init__(
        self, organs: Mapping[int, OrganPassport], table: LabelTable, searched: Collection[int] | None = None
    ) -> None:
        self.organs = {organ.name: organ for organ in organs.values()}
        self.looked_for = sorted(set(searched or ()) & table.keys())
        self._titles = {label.name: label.display_name for label in table.values()}
        self._table = table
        self._searched = {table[label].name for label in (table if searched is None else self.looked_for)}

    def title(self, name: str) -> str:
        """Return an organ's name for people."""
        return self._titles.get(name, name)

    def empty(self) -> list[str]:
        """Return the names of what was surely looked for and has no voxel."""
        return [name for label in self.looked_for if (name := self._table[label].name) not in self.organs]

    def comparable(self, name: str, whole: bool = False) -> OrganPassport | None:
        """Return an organ if it is there and large enough, and lies inside the image if it must be ``whole``."""
        organ = self.organs.get(name)
        if organ is None or organ.voxel_count < SPECK or (whole and organ.touches_border):
            return None
        return organ

    def overlooked(self, name: str) -> bool:
        """Tell whether an organ was looked for and not found."""
        return name in self._searched and name not in self.organs


def apply_checks(
    organs: Mapping[int, OrganPassport], table: LabelTable, searched: Collection[int] | None = None
) -> tuple[Finding, ...]:
    """Apply all rules and return what they found, the gravest first.

    Parameters
    ----------
    organs : Mapping[int, OrganPassport]
        Label -> organ, measured.
    table : LabelTable
        The label table; the rules know organs by the names of the bundled table ``total``.
    searched : Collection[int] | None
        Labels that were looked for; by default all of the table.
    """
    scan = Scan(organs, table, searched)
    findings: list[Finding] = []
    told: set[str] = set()
    for rule in load_rules():
        if rule.code in told:
            continue
        found = [_finding(rule, scan, *entry) for entry in _KINDS[rule.kind](rule, scan)]
        if found:
            told.update(rule.settings.get("replaces", ()))
        findings += found
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))


def with_checks(organs: Mapping[int, OrganPassport], findings: Collection[Finding]) -> dict[int, OrganPassport]:
    """Return the organs with the codes of the findings that concern them."""
    codes: dict[int, list[str]] = {label: [] for label in organs}
    for finding in findings:
        for label in finding.labels:
            if finding.code not in codes[label]:
                codes[label].append(finding.code)
    return {label: replace(organ, checks=tuple(codes[label])) for label, organ in organs.items()}


def with_finding(passport: Passport, finding: Finding) -> Passport:
    """Return the passport with one finding more, before those of its severity: it was told, not measured."""
    findings = sorted((finding, *passport.findings), key=lambda each: SEVERITIES.index(each.severity))
    return replace(passport, organs=with_checks(passport.organs, findings), findings=tuple(findings))


def with_remarks(passport: Passport, remarks: Iterable[Remark], image: str) -> Passport:
    """Return the passport with what was assumed about an image; ``image`` is what it is, for its name stays out."""
    for remark in remarks:
        rule = rule_named(remark.code)
        severity = SEVERITIES[-1] if rule is None else rule.severity
        finding = Finding(code=remark.code, severity=severity, labels=(), message=remark.about(image))
        passport = with_finding(passport, finding)
    return passport


def _finding(rule: Rule, scan: Scan, names: tuple[str, ...], message: str) -> Finding:
    labels = sorted(scan.organs[name].label for name in names)
    return Finding(code=rule.code, severity=rule.severity, labels=tuple(labels), message=message)


def _orientation(rule: Rule, scan: Scan) -> Found:
    """More than half of the comparisons of one group, or of all together, are wrong."""
    axis = rule.settings["axis"]
    groups = leads_mm(rule, scan)
    groups.append({pair: lead for group in groups for pair, lead in group.items()})
    for group in groups:
        wrong = [pair for pair, lead in group.items() if lead < 0]
        if len(group) >= 2 and 2 * len(wrong) > len(group):
            one, other = (scan.title(name) for name in wrong[0])
            sentence = f"{len(wrong)} of {len(group)} comparisons contradict anatomy; for one, {one} lies "
            sentence += f"{'to the right of' if axis == 'left' else _OTHER_SIDE[axis]} {other}."
            yield tuple(sorted({name for pair in wrong for name in pair})), sentence
            return


def leads_mm(rule: Rule, scan: Scan) -> list[dict[Pair, float]]:
    """Return, for each group of an orientation rule, how far the first organ of each comparison lies ahead."""
    axis = _AXES[rule.settings["axis"]]
    return [{pair: _lead_mm(scan, pair, axis) for pair in group if _both(scan, pair)} for group in rule.groups]


def _both(scan: Scan, pair: Pair) -> bool:
    return all(scan.comparable(name) is not None for name in pair)


def _lead_mm(scan: Scan, pair: Pair, axis: np.ndarray) -> float:
    """Return how far the first lies ahead of the second along an axis."""
    first, second = (scan.organs[name].centroid_ras_mm for name in pair)
    return float((first - second) @ axis)


def _sides(rule: Rule, scan: Scan) -> Found:
    for pair in rule.pairs:
        if _both(scan, pair) and (lead_mm := _lead_mm(scan, pair, _AXES["left"])) < 0:
            left, right = (scan.title(name) for name in pair)
            yield pair, f"{left} lies {-lead_mm:.0f} mm to the right of {right}."


def _order(rule: Rule, scan: Scan) -> Found:
    by_top = rule.settings["measure"] == "top"
    for row in rule.rows:
        heights_mm = {name: _height_mm(organ, by_top) for name in row if (organ := scan.comparable(name, by_top))}
        for pair in pairwise(heights_mm):
            if (lead_mm := heights_mm[pair[0]] - heights_mm[pair[1]]) < 0:
                upper, lower = (scan.title(name) for name in pair)
                yield pair, f"{lower} lies {-lead_mm:.0f} mm above {upper}."


def _height_mm(organ: OrganPassport, by_top: bool) -> float:
    """Return where an organ lies along S; of a rib the top is what tells, for it hangs from the spine."""
    if by_top and organ.bounding_box_ras_mm is not None:
        return float(organ.bounding_box_ras_mm[1, 2])
    return float(organ.centroid_ras_mm[2])


def _spacing(rule: Rule, scan: Scan) -> Found:
    for row in rule.rows:
        pairs = [pair for pair in pairwise(row) if all(scan.comparable(name, whole=True) for name in pair)]
        gaps_mm = {pair: _distance_mm(scan, pair) for pair in pairs}
        for pair, ratio in _against_neighbours(gaps_mm, rule):
            one, other = (scan.title(name) for name in pair)
            yield pair, f"{one} and {other} lie {gaps_mm[pair]:.0f} mm apart, {ratio:.1f} times as far as those around."


def _distance_mm(scan: Scan, pair: Pair) -> float:
    first, second = (scan.organs[name].centroid_ras_mm for name in pair)
    return float(np.linalg.norm(first - second))


def _against_neighbours(values: Mapping[Key, float], rule: Rule) -> Iterator[tuple[Key, float]]:
    """Yield the entries, and their ratios, that do not fit the median of the up to four entries nearest in the row."""
    keys = list(values)
    if len(keys) < 3:
        return
    for position, key in enumerate(keys):
        others = sorted((other for other in range(len(keys)) if other != position), key=lambda o: abs(o - position))
        ratio = values[key] / float(np.median([values[keys[other]] for other in others[:4]]))
        if not rule.settings["lowest_ratio"] <= ratio <= rule.settings["highest_ratio"]:
            yield key, ratio


def _row_volume(rule: Rule, scan: Scan) -> Found:
    for row in rule.rows:
        whole = {name: scan.comparable(name, whole=True) for name in row}
        volumes = {name: organ.volume_mm3 for name, organ in whole.items() if organ is not None}
        for name, ratio in _against_neighbours(volumes, rule):
            sentence = (
                f"{scan.title(name)} has {volumes[name] / 1000:.1f} ml, {ratio:.1f} times its neighbours' volume."
            )
            yield (name,), sentence


def _gap(rule: Rule, scan: Scan) -> Found:
    for row in rule.rows:
        present = [position for position, name in enumerate(row) if scan.comparable(name)]
        for above, below in pairwise(present):
            missing = [name for name in row[above + 1 : below] if scan.overlooked(name)]
            if missing:
                names = ", ".join(scan.title(name) for name in missing)
                sentence = (
                    f"Nothing was found of {names} between {scan.title(row[above])} and {scan.title(row[below])}."
                )
                yield (row[above], row[below]), sentence


def _partner(rule: Rule, scan: Scan) -> Found:
    for pair in rule.pairs:
        for present, absent in (pair, pair[::-1]):
            if scan.comparable(present, whole=True) and scan.overlooked(absent):
                yield (present,), f"{scan.title(present)} was found, {scan.title(absent)} was not."


def _islands(rule: Rule, scan: Scan) -> Found:
    for name, organ in scan.organs.items():
        fraction = organ.largest_component_fraction
        if name in rule.settings["exempt"] or fraction is None or fraction >= rule.settings["largest_fraction_below"]:
            continue
        pieces = (
            f"{scan.title(name)} is in {organ.n_components} pieces; the largest holds {100 * fraction:.0f} % of it."
        )
        yield (name,), pieces


def _volume(rule: Rule, scan: Scan) -> Found:
    density, factor = rule.settings["density_g_per_ml"], rule.settings["factor"]
    for name, masses_g in rule.settings["masses_g"].items():
        organ = scan.organs.get(name)
        if organ is None:
            continue
        volume_ml = organ.volume_mm3 / 1000
        lowest_ml, highest_ml = min(masses_g) / density / factor, max(masses_g) / density * factor
        if volume_ml > highest_ml or (volume_ml < lowest_ml and not organ.touches_border):
            sentence = f"{scan.title(name)} has {volume_ml:.1f} ml, which is not within {lowest_ml:.0f} to "
            yield (name,), f"{sentence}{highest_ml:.0f} ml."


def _symmetry(rule: Rule, scan: Scan) -> Found:
    for pair in rule.pairs:
        left, right = (scan.comparable(name, whole=True) for name in pair)
        if left is None or right is None:
            continue
        ratio = left.volume_mm3 / right.volume_mm3
        if not rule.settings["lowest_ratio"] <= ratio <= rule.settings["highest_ratio"]:
            volumes = f"{left.volume_mm3 / 1000:.1f} ml, {scan.title(pair[1])} {right.volume_mm3 / 1000:.1f} ml"
            yield pair, f"{scan.title(pair[0])} has {volumes}."


def _border(rule: Rule, scan: Scan) -> Found:
    for name, organ in scan.organs.items():
        if organ.touches_border:
            faces = ", ".join(organ.border_faces)
            yield (name,), f"{scan.title(name)} reaches the edge of the image{f': {faces}' if faces else ''}."


def _few_voxels(rule: Rule, scan: Scan) -> Found:
    for name, organ in scan.organs.items():
        if organ.voxel_count < rule.settings["fewer_than"]:
            yield (name,), f"{scan.title(name)} has only {organ.voxel_count} voxels."


def _entropy(rule: Rule, scan: Scan) -> Found:
    for name, organ in scan.organs.items():
        if organ.entropy_bits is not None and organ.entropy_bits > rule.settings["bits_above"]:
            choice = f"a choice among {2**organ.entropy_bits:.1f} equally likely structures"
            yield (name,), f"The network wavers at {scan.title(name)}: on average as at {choice}."


def _axes(rule: Rule, scan: Scan) -> Found:
    for name, organ in scan.organs.items():
        if organ.axis_separation[0] < rule.settings["separation_below"]:
            major, middle = (f"{length:.0f}" for length in organ.semi_axes_mm[:0:-1])
            yield (name,), f"The two longest semi-axes of {scan.title(name)} are {major} and {middle} mm."


def _empty(rule: Rule, scan: Scan) -> Found:
    missing = [scan.title(name) for name in scan.empty()]
    if missing and scan.organs:
        named = ", ".join(missing[:MOST_NAMES])
        further = f" and {len(missing) - MOST_NAMES} more" if len(missing) > MOST_NAMES else ""
        yield (), f"{len(missing)} of {len(scan.looked_for)} structures have no voxel: {named}{further}."


def _nothing(rule: Rule, scan: Scan) -> Found:
    if not scan.organs:
        yield (), "The label image has no organ at all."


def _told(rule: Rule, scan: Scan) -> Found:
    """Nothing that the numbers show: whoever knows it adds it, with `with_finding`."""
    return iter(())


_KINDS: Mapping[str, Callable[[Rule, Scan], Found]] = {
    "orientation": _orientation,
    "sides": _sides,
    "order": _order,
    "spacing": _spacing,
    "row_volume": _row_volume,
    "gap": _gap,
    "partner": _partner,
    "islands": _islands,
    "volume": _volume,
    "symmetry": _symmetry,
    "border": _border,
    "few_voxels": _few_voxels,
    "entropy": _entropy,
    "axes": _axes,
    "empty": _empty,
    "nothing": _nothing,
    "told": _told,
}
