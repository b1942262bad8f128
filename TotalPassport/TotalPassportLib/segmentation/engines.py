"""The ways of running a network: where, in which arithmetic, and in which order they are tried.

``data/engines.json`` lists them; what is decided here is only which of them this machine can take.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..base.errors import BadInput
from ..base.files import DATA_FOLDER, read_json
from ..base.hints import Hint, HintCode
from ..base.runtime import onnxruntime_module
from ..base.suggestions import did_you_mean

AUTO = "auto"
EXACT, TURBO = "exact", "turbo"
PRECISIONS = (EXACT, TURBO)
"""``exact`` gives TotalSegmentator's labels, ``turbo`` the fastest result that differs in at most 0.1 % of voxels."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """One way of running a network.

    Attributes
    ----------
    provider : str
        Name by which users choose it.
    execution_provider : str
        Onnxruntime's name of it.
    arithmetic : str
        What the network computes in, such as ``float32``.
    options : Mapping[str, str]
        Of the execution provider.
    """

    provider: str
    execution_provider: str
    arithmetic: str
    options: Mapping[str, str]


def provider_names() -> tuple[str, ...]:
    """Return the names of all providers, in order of preference."""
    return tuple(entry["name"] for entry in provider_entries())


def provider_choices() -> tuple[str, ...]:
    """Return what users can ask for: ``auto`` and the providers."""
    return (AUTO, *provider_names())


def engines(provider: str = AUTO, precision: str = EXACT) -> list[Engine]:
    """Return the engines of this machine that suit a provider and a precision, the preferred one first.

    Parameters
    ----------
    provider : str
        One of `provider_choices`; ``auto`` means those that have been measured to be worth it.
    precision : str
        One of `PRECISIONS`.

    Raises
    ------
    BadInput
        The provider or the precision is unknown, or the installed onnxruntime cannot use the provider.
    """
    if precision not in PRECISIONS:
        raise BadInput(f"There is no precision '{precision}'.", did_you_mean(precision, PRECISIONS))
    entries = [
        entry for entry in provider_entries() if provider == entry["name"] or (provider == AUTO and entry["auto"])
    ]
    if not entries:
        raise BadInput(f"There is no provider '{provider}'.", did_you_mean(provider, provider_choices()))
    available = set(onnxruntime_module().get_available_providers())
    found = [
        engine for entry in entries if entry["execution_provider"] in available for engine in _of(entry, precision)
    ]
    if not found:
        raise BadInput(
            f"The installed onnxruntime cannot use the provider '{provider}'.",
            Hint(HintCode.INSTALL_PROVIDER, other_provider="cpu"),
        )
    return found


def plain_engine() -> Engine:
    """Return onnxruntime's own implementation in float32: it is always there, and the judge of the others."""
    return next(engine for engine in engines("cpu") if engine.arithmetic == "float32")


def version_of_onnxruntime() -> str:
    """Return the version of the onnxruntime that is installed."""
    return str(onnxruntime_module().__version__)


def _of(entry: Mapping[str, Any], precision: str) -> Iterator[Engine]:
    for arithmetic in entry["arithmetics"]:
        needed = set(arithmetic.get("needs_cpu_flags", ()))
        if precision in arithmetic["precisions"] and (not needed or needed & processor_flags()):
            yield Engine(
                provider=entry["name"],
                execution_provider=entry["execution_provider"],
                arithmetic=arithmetic["arithmetic"],
                options=dict(arithmetic["options"]),
            )


def processor_flags() -> frozenset[str]:
    """Return the processor's abilities as Linux names them; none where the system does not tell."""
    return frozenset(processor_field("flags").split())


@cache
def processor_field(name: str) -> str:
    """Return a field of the first processor in Linux' list of them; empty where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    fields = (line.partition(":") for line in lines)
    return next((value.strip() for key, _, value in fields if key.strip() == name), "")


@cache
def provider_entries() -> list[dict[str, Any]]:
    """Return the providers as ``data/engines.json`` lists them; nothing needs to be installed for that."""
    # Our own file is checked by the tests.
    return list(read_json(DATA_FOLDER / "engines.json")["providers"])
