"""Why pip has failed, in words: read from its own log, which Slicer shows in the Python console only.

What pip says of which cause is data, ``Resources/pip_failures.json``; here are the words for the user.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from slicer.i18n import tr as _
from TotalPassportLib.base.files import read_json

FAILURES_FILE = Path(__file__).parents[2] / "Resources" / "pip_failures.json"


@dataclass(frozen=True)
class Explanation:
    """What went wrong, as part of a sentence, and what to do about it."""

    reason: str
    cure: str


@dataclass(frozen=True, kw_only=True)
class _Sign:
    """Words of pip's and the cause they stand for, wherever packages come from or from one of "index", "folder"."""

    cause: str
    pattern: re.Pattern[str]
    packages_from: str


def explain(log: str, offline: bool = False) -> Explanation | None:
    """Return what pip's log gives as the cause of a failure; None where it gives none that is known.

    Parameters
    ----------
    log : str
        What pip has written with its option ``--log``, or to the console.
    offline : bool
        Pip was to take its packages from a folder.
    """
    words = explanations(offline)
    for sign in _signs():
        found = sign.pattern.search(log) if sign.packages_from in ("", "folder" if offline else "index") else None
        if found is not None:
            explanation = words[sign.cause]
            return Explanation(explanation.reason.format(**_details(found)), explanation.cure)
    return None


@cache
def _signs() -> tuple[_Sign, ...]:
    # Our own file is checked by the tests: nothing that could check it need be installed yet.
    return tuple(
        _Sign(
            cause=entry["cause"],
            pattern=re.compile("|".join(entry["patterns"])),
            packages_from=entry.get("packages_from", ""),
        )
        for entry in read_json(FAILURES_FILE)["failures"]
    )


def _details(found: re.Match[str]) -> dict[str, str]:
    details = {name: (value or "").strip() for name, value in found.groupdict().items()}
    return {**details, "python": platform.python_version(), "machine": f"{platform.system()} {platform.machine()}"}


def explanations(offline: bool) -> Mapping[str, Explanation]:
    """Return the words for every cause of the file."""
    return {**_on_disk(), **_in_files(), **_on_the_way(), **_of_what_there_is(offline)}


def _on_disk() -> dict[str, Explanation]:
    return {
        "disk_full": Explanation(_("the disk is full"), _("Free space on the disk that holds Slicer, then try again.")),
        "file_too_large": Explanation(
            _("a file became larger than this computer allows"),
            _("Ask whoever looks after this computer to raise the limit of a file's size, then try again."),
        ),
        "in_use": Explanation(
            _("a file is in use by another program"),
            _("Restart Slicer and try again before anything else; a virus scanner may hold the file, too."),
        ),
        "not_permitted": Explanation(
            _("this user may not write into Slicer's folder"),
            _(
                "Start Slicer once as the user who installed it, or install Slicer into a folder of your own; then try "
                "again."
            ),
        ),
    }


def _in_files() -> dict[str, Explanation]:
    return {
        "changed_on_its_way": Explanation(
            _("what came is not what was announced (its SHA-256 differs)"),
            _("Try again; if it repeats, a proxy changes files: install from a folder, see the section Setup."),
        ),
        "damaged": Explanation(_("a package is damaged"), _("Get it again, then try again.")),
        "held_versions": Explanation(
            _("it does not go with the versions of packages that are in this Slicer, and those stay as they are"),
            _("Look for a newer Slicer or a newer TotalPassport."),
        ),
        "no_pip": Explanation(_("this Slicer has no pip"), _("Install Slicer again.")),
    }


def _on_the_way() -> dict[str, Explanation]:
    return {
        "proxy": Explanation(
            _("the proxy does not let it through"),
            _or_from_a_folder(_("Set HTTPS_PROXY to the proxy's address (your IT knows it) and restart Slicer")),
        ),
        "not_trusted": Explanation(
            _("an encrypted connection was not trusted, as where a proxy or virus scanner opens them"),
            _or_from_a_folder(_("Set PIP_CERT to the file with your network's certificate (your IT has it)")),
        ),
        "no_connection": Explanation(
            _("there is no connection to where packages come from"),
            _or_from_a_folder(_("Connect this computer to the internet and try again")),
        ),
        "broken_off": Explanation(
            _("the connection broke off"), _or_from_a_folder(_("Try again when the network is better"))
        ),
    }


def _or_from_a_folder(cure: str) -> str:
    text = _("{cure}, or install from a folder: the section Setup says what it must hold.")
    return str(text.format(cure=cure))


def _of_what_there_is(offline: bool) -> dict[str, Explanation]:
    other_python = Explanation(
        _("none of what there is of '{what}' is for this Slicer's Python {python} on {machine}"),
        _("Get the wheels for exactly that; the section Setup says how.")
        if offline
        else _("Take Slicer 5.10 or newer, then try again."),
    )
    not_found = (
        Explanation(
            _("the folder holds no fitting wheel of '{what}'"), _("Add it to the folder; the section Setup says how.")
        )
        if offline
        else Explanation(
            _("'{what}' was not found where this computer's pip looks"),
            _("If pip is set to a mirror, ask whoever looks after it; or install from a folder: section Setup."),
        )
    )
    return {"other_python": other_python, "not_found": not_found}
