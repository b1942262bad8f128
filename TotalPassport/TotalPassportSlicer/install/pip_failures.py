"""Why pip has failed, in words: read from its own log, which Slicer shows in the Python console only."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass

from slicer.i18n import tr as _


@dataclass(frozen=True)
class Explanation:
    """What went wrong, as part of a sentence, and what to do about it."""

    reason: str
    cure: str


def explain(log: str, offline: bool = False) -> Explanation | None:
    """Return what pip's log gives as the cause of a failure; None where it gives none that is known.

    Parameters
    ----------
    log : str
        What pip has written with its option ``--log``, or to the console.
    offline : bool
        Pip was to take its packages from a folder.
    """
    for pattern, explanation in _causes(offline):
        found = pattern.search(log)
        if found is not None:
            return Explanation(explanation.reason.format(**_details(found)), explanation.cure)
    return None


def _details(found: re.Match[str]) -> dict[str, str]:
    details = {name: (value or "").strip() for name, value in found.groupdict().items()}
    return {**details, "python": platform.python_version(), "machine": f"{platform.system()} {platform.machine()}"}


def _causes(offline: bool) -> list[tuple[re.Pattern[str], Explanation]]:
    """Return patterns of pip's words and what they mean; the first that fits is it, so the plainest come first."""
    return [*_causes_on_disk(), *_causes_in_files(), *([] if offline else _causes_on_the_way()), *_last_causes(offline)]


def _causes_on_disk() -> list[tuple[re.Pattern[str], Explanation]]:
    return [
        (
            re.compile(r"No space left on device|Errno 28\]|WinError 112\]|Disk quota exceeded"),
            Explanation(_("the disk is full"), _("Free space on the disk that holds Slicer, then try again.")),
        ),
        (
            re.compile(r"File too large|Errno 27\]"),
            Explanation(
                _("a file became larger than this computer allows"),
                _("Ask whoever looks after this computer to raise the limit of a file's size, then try again."),
            ),
        ),
        (
            re.compile(r"WinError 32\]|being used by another process|Text file busy"),
            Explanation(
                _("a file is in use by another program"),
                _("Restart Slicer and try again before anything else; a virus scanner may hold the file, too."),
            ),
        ),
        (
            re.compile(r"Read-only file system|Permission denied|Errno 13\]|Errno 30\]|WinError 5\]|Access is denied"),
            Explanation(
                _("this user may not write into Slicer's folder"),
                _(
                    "Start Slicer once as the user who installed it, or install Slicer into a folder of your own; then "
                    "try again."
                ),
            ),
        ),
    ]


def _causes_in_files() -> list[tuple[re.Pattern[str], Explanation]]:
    return [
        (
            re.compile(r"DO NOT MATCH THE HASHES|Hash mismatch|[Ee]xpected sha256"),
            Explanation(
                _("what came is not what was announced (its SHA-256 differs)"),
                _("Try again; if it repeats, a proxy changes files: install from a folder, see the section Setup."),
            ),
        ),
        (
            re.compile(r"BadZipFile|is not a zip file|has an invalid wheel|Wheel '[^']*' located at [^\n]* is invalid"),
            Explanation(_("a package is damaged"), _("Get it again, then try again.")),
        ),
        (
            re.compile(r"have conflicting dependencies|The user requested \(constraint\)"),
            Explanation(
                _("it does not go with the versions of packages that are in this Slicer, and those stay as they are"),
                _("Look for a newer Slicer or a newer TotalPassport."),
            ),
        ),
        (
            re.compile(r"No module named '?pip\b"),
            Explanation(_("this Slicer has no pip"), _("Install Slicer again.")),
        ),
    ]


def _causes_on_the_way() -> list[tuple[re.Pattern[str], Explanation]]:
    return [
        (
            re.compile(r"ProxyError|Cannot connect to proxy|407 Proxy|Tunnel connection failed"),
            Explanation(
                _("the proxy does not let it through"),
                _or_from_a_folder(_("Set HTTPS_PROXY to the proxy's address (your IT knows it) and restart Slicer")),
            ),
        ),
        (
            re.compile(r"CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerificationError"),
            Explanation(
                _("an encrypted connection was not trusted, as where a proxy or virus scanner opens them"),
                _or_from_a_folder(_("Set PIP_CERT to the file with your network's certificate (your IT has it)")),
            ),
        ),
        (
            re.compile(
                r"NewConnectionError|Failed to establish a new connection|NameResolutionError|getaddrinfo failed"
                r"|Name or service not known|Temporary failure in name resolution|Network is unreachable"
            ),
            Explanation(
                _("there is no connection to where packages come from"),
                _or_from_a_folder(_("Connect this computer to the internet and try again")),
            ),
        ),
        (
            re.compile(
                r"ReadTimeoutError|ConnectTimeoutError|Read timed out|IncompleteRead|Connection broken"
                r"|RemoteDisconnected|ConnectionResetError"
            ),
            Explanation(_("the connection broke off"), _or_from_a_folder(_("Try again when the network is better"))),
        ),
    ]


def _or_from_a_folder(cure: str) -> str:
    text = _("{cure}, or install from a folder: the section Setup says what it must hold.")
    return str(text.format(cure=cure))


def _last_causes(offline: bool) -> list[tuple[re.Pattern[str], Explanation]]:
    """Return what also stands in the log where it is not the cause, so that everything else is looked for first."""
    other_python = Explanation(
        _("none of what there is of '{what}' is for this Slicer's Python {python} on {machine}"),
        _("Get the wheels for exactly that; the section Setup says how.")
        if offline
        else _("Take Slicer 5.10 or newer, then try again."),
    )
    what = re.compile(r"(?:satisfies the requirement|matching distribution found for) (?P<what>[A-Za-z0-9_.-]+)")
    none_found = (
        Explanation(
            _("the folder holds no fitting wheel of '{what}'"), _("Add it to the folder; the section Setup says how.")
        )
        if offline
        else Explanation(
            _("'{what}' was not found where this computer's pip looks"),
            _("If pip is set to a mirror, ask whoever looks after it; or install from a folder: section Setup."),
        )
    )
    unfit = re.compile(
        r"(?:none of the wheel's tags|requires a different [Pp]ython|Requires-Python|not a supported wheel)"
    )
    return [
        (re.compile(r"Package '(?P<what>[^']+)' requires a different Python"), other_python),
        (re.compile(r"ERROR: (?P<what>\S+) is not a supported wheel on this platform"), other_python),
        *([(re.compile(unfit.pattern + r"(?s:.*)" + what.pattern), other_python)] if offline else []),
        (re.compile(r"different python version(?s:.*)" + what.pattern), other_python),
        (what, none_found),
    ]
