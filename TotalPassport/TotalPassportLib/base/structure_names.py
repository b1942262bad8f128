"""Structures as people ask for them: by name, by display name, in any case, by a group, and several at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cache

from .errors import BadInput
from .files import DATA_FOLDER, read_json
from .labels import LabelTable, name_words, structure_named
from .suggestions import did_you_mean


def structures_meant(asked: Iterable[str], table: LabelTable, values: Collection[int], finder: str) -> list[int]:
    """Return the label values of structures that somebody asks for, ascending.

    Parameters
    ----------
    asked : iterable of str
        Names, display names, groups (``data/structure_groups.json``), or several of them with commas between.
    table : LabelTable
        What the values mean.
    values : collection of int
        The values that can be asked for.
    finder : str
        What finds them, as it begins a sentence, such as ``The model 'fast'``.

    Raises
    ------
    BadInput
        There is no such structure.
    """
    known = {table[value].name: value for value in values}
    by_words = {name_words(table[value].display_name): value for value in values}
    by_words |= {name_words(name): value for name, value in known.items()}
    found: set[int] = set()
    for text in asked:
        # A table of one's own may have commas in its names.
        names = [text] if text in known else [name for name in map(str.strip, text.split(",")) if name]
        if not names:
            raise BadInput(f"'{text}' names no structure.", f"Name some of {', '.join(known)}.")
        for name in names:
            found.update(_meant_by(name, known, by_words, finder))
    return sorted(found)


@cache
def structure_groups(file: str = "structure_groups.json") -> Mapping[str, tuple[str, ...]]:
    """Return what groups of structures a data file has, and the names of their members."""
    document = read_json(DATA_FOLDER / file)  # our own files are checked by the tests
    return {group: tuple(members) for group, members in document["groups"].items()}


def _meant_by(
    name: str, known: Mapping[str, int], by_words: Mapping[tuple[str, ...], int], finder: str
) -> Collection[int]:
    if name in known:
        return [known[name]]
    words = name_words(name)
    if words in by_words:
        return [by_words[words]]
    usual = structure_named(name)
    if usual is not None and usual.name in known:
        return [known[usual.name]]
    group = next((group for group in structure_groups() if name_words(group) == words), None)
    members = [known[member] for member in structure_groups().get(group or "", ()) if member in known]
    if members:
        return members
    if group is not None:
        raise BadInput(f"{finder} finds no structure of the group '{group}'.", f"It finds {', '.join(known)}.")
    groups = [group for group, names in structure_groups().items() if len(known.keys() & set(names)) > 1]
    raise BadInput(f"{finder} finds no structure called '{name}'.", did_you_mean(name, [*known, *groups], "It finds"))
