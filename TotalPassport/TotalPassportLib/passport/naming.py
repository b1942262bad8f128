"""What the labels of a segmentation are called, and how that is known.

In this order: a label table that was given; the names stored in the file; for a file of one label, the file's own name
if it is that of a structure; TotalSegmentator's table ``total`` if the labels plausibly are its own, see
`bears_out`; else they are numbered. A passport records which it was, and says so where names are guessed or missing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..base.hints import Hint, HintCode
from ..base.labels import (
    Label,
    LabelTable,
    bundled_tables,
    load_label_table,
    numbered_label,
    structure_named,
    table_from_names,
    tables_by_preference,
)
from .checks import Scan, apply_checks, leads_mm, with_checks, with_finding
from .organ import OrganPassport, Passport
from .rules import Finding, load_rules

NamesFrom = Literal["given", "header", "file name", "assumed", "none"]

FEWEST_ASSUMED_LABELS = 5
"""Fewer labels may be anybody's: most label files have 1, 2 and 3."""
LEAST_HIGHEST_LABEL = 51
"""Tables of other programs and data sets end at 50 or below, version 1 aside. Of ``total`` every part of the body has a
label above that: heart, aorta, limbs, muscles of back and hip, brain, ribs."""
FEWEST_COMPARISONS = 8
"""Of which organ lies further left, up or forward; fewer come out right by chance too often."""
LEAST_AGREEMENT = 0.85
"""Part of the comparisons that must be right. Measured on three label images of TotalSegmentator and of ours, whole, in
halves and mirrored: 0.89 to 1; the same numbered as version 1: 0.67 to 0.75; numbered by chance: up to 0.82."""
MOST_IMPLAUSIBLE = 0.5
"""Part of the organs of known size that may have a volume that no adult has: a child's have, and cut ones."""

_FILLERS = re.compile(r"(?:^|[\s_.-])(?:mask|seg|segmentation|label)$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Naming:
    """Names of labels and where they come from.

    Attributes
    ----------
    table : LabelTable
        The names.
    names_from : {"given", "header", "file name", "assumed", "none"}
        How they are known.
    searched : tuple of int, optional
        Labels that are meant to be there, so that a missing one is told; None where that is not known.
    """

    table: LabelTable
    names_from: NamesFrom
    searched: tuple[int, ...] | None = None

    @property
    def remark(self) -> Finding | None:
        """What the user must be told of names that nobody stated."""
        if self.names_from == "assumed":
            sentence = f"The file does not name its labels; they were taken for those of the table '{self.table.name}'."
            return Finding(code="names_assumed", severity="note", labels=(), message=sentence)
        if self.names_from == "none":
            sentence = "Nothing says what the labels are."
            return Finding(code="names_unknown", severity="note", labels=(), message=sentence)
        return None


def what_to_do(code: str) -> Hint | None:
    """Return how names are stated, for the code of a finding that nobody has stated them; else None."""
    told = code in ("names_assumed", "names_unknown")
    return Hint(HintCode.NAME_LABELS, tables=bundled_tables()) if told else None


def name_labels(
    present: Collection[int],
    *,
    given: LabelTable | None = None,
    stored: Mapping[int, str] | None = None,
    file_stem: str = "",
) -> Naming:
    """Find names for the labels of an image; one that is ``assumed`` is to be confirmed by `settle`.

    Parameters
    ----------
    present : collection of int
        Labels that occur.
    given : LabelTable, optional
        What the user says that they are.
    stored : mapping of int to str, optional
        Names in the file.
    file_stem : str
        The file's name without its suffix.
    """
    if given is not None:
        # Nobody looks for all of a whole body in every scan; what a table of one's own names is meant to be there.
        return Naming(
            table=given, names_from="given", searched=None if given.name in bundled_tables() else tuple(given)
        )
    own = {label: name for label, name in (stored or {}).items() if label > 0}  # some programs name the background
    if any(name.strip() for name in own.values()):
        table = table_from_names(own, "stored in the file")
        return Naming(table=table, names_from="header", searched=tuple(table))
    structure = structure_named(_FILLERS.sub("", file_stem)) if len(present) == 1 else None
    if structure is not None:
        table = LabelTable("the file's name", [replace(structure, value=label) for label in present])
        return Naming(table=table, names_from="file name", searched=tuple(table))
    total = load_label_table("total")
    numbers_fit = len(present) >= FEWEST_ASSUMED_LABELS and max(present) >= LEAST_HIGHEST_LABEL
    if numbers_fit and total.keys() >= set(present):
        return Naming(table=total, names_from="assumed")
    return _numbered(present)


def name_masks(file_stems: Sequence[str], given: LabelTable | None = None) -> Naming:
    """Name masks by their files, and number them: the n-th value of ``searched`` is that of the n-th file.

    Numbers are those of the table that was given, or of the bundled one that has the most of the names; what it does
    not have comes after its last number.
    """
    exact = given.named if given is not None else lambda _stem: None
    stems = [stem if exact(stem) else _FILLERS.sub("", stem) for stem in file_stems]
    structures = [structure_named(stem) for stem in stems]
    names = [known.name if known and not exact(stem) else stem for known, stem in zip(structures, stems, strict=True)]
    tables = [given] if given else tables_by_preference()
    table = max(tables, key=lambda table: sum(table.named(name) is not None for name in names))
    next_free, labels = max(table) + 1, dict[str, Label]()
    for stem, name, known in zip(file_stems, names, structures, strict=True):
        label = table.named(name) or known or numbered_label(next_free)
        if label.name in labels or label.name != name:  # two files of one structure, or none that is known
            own = stem if name in labels else name
            label = Label(value=next_free, name=own, display_name=own, color_rgb=label.color_rgb)
        if table.named(label.name) is None:
            label, next_free = replace(label, value=next_free), next_free + 1
        labels[label.name] = label
    values = tuple(label.value for label in labels.values())
    return Naming(table=LabelTable(table.name, list(labels.values())), names_from="file name", searched=values)


def settle(passport: Passport, naming: Naming) -> tuple[Passport, Naming]:
    """Take back assumed names that the anatomy does not bear out, and add to the passport what is to be said of names.

    Parameters
    ----------
    passport : Passport
        Measured under the names of ``naming``.
    naming : Naming
        From `name_labels`.
    """
    if naming.names_from == "assumed" and not bears_out(passport.organs, naming.table):
        naming = _numbered(passport.organs)
        organs = {
            label: replace(organ, name=naming.table.describe(label).name, terminology=None)
            for label, organ in passport.organs.items()
        }
        findings = apply_checks(organs, naming.table, naming.searched)
        passport = replace(passport, organs=with_checks(organs, findings), findings=findings)
    if naming.remark is not None:
        passport = with_finding(passport, naming.remark)
    return passport, naming


def bears_out(organs: Mapping[int, OrganPassport], table: LabelTable) -> bool:
    """Tell whether organs lie to each other, and are as large, as a table's names say.

    Of all comparisons that the checks know (the spleen lies left of the liver, the heart above the bladder) nearly all
    must be right. An axis on which most are wrong counts as flipped and not as contradicted: a mirrored scan is
    something else than wrong names, and is told as such.
    """
    scan = Scan(organs, table)
    right = total = 0
    for rule in load_rules():
        if rule.kind == "orientation":
            leads = [lead for group in leads_mm(rule, scan) for lead in group.values()]
            ahead = sum(lead >= 0 for lead in leads)
            right, total = right + max(ahead, len(leads) - ahead), total + len(leads)
    return total >= FEWEST_COMPARISONS and right >= LEAST_AGREEMENT * total and _sizes_are_plausible(organs, table)


def _sizes_are_plausible(organs: Mapping[int, OrganPassport], table: LabelTable) -> bool:
    known = {name for rule in load_rules() for name in rule.settings.get("masses_g", ())}
    sized = sum(organ.name in known for organ in organs.values())
    implausible = sum(finding.code == "implausible_volume" for finding in apply_checks(organs, table))
    return implausible <= MOST_IMPLAUSIBLE * sized


def _numbered(present: Collection[int]) -> Naming:
    return Naming(table=LabelTable("none", [numbered_label(label) for label in present]), names_from="none")
