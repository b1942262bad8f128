"""Where networks can run, and in which precision, in the words of the panel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slicer.i18n import tr as _
from TotalPassportLib.files import DATA_FOLDER, read_json

AUTO = "auto"
EXACT = "exact"


def provider_titles() -> dict[str, str]:
    """Return the providers' names and how they are called, in order of preference."""
    return {entry["name"]: entry["title"] for entry in _providers()}


def precision_titles() -> dict[str, str]:
    """Return the precisions' names and how they are called."""
    return {
        EXACT: _("Exact (same labels as TotalSegmentator)"),
        "turbo": _("Turbo (fastest; at least 99.9 % the same)"),
    }


def engine_text(result: Mapping[str, Any]) -> str:
    """Return what really ran, as the child's result tells it, such as "OpenVINO (CPU), turbo (bfloat16)"."""
    provider, precision, arithmetic = (str(result.get(key) or "") for key in ("provider", "precision", "arithmetic"))
    words = {"exact": _("exact"), "turbo": _("turbo")}.get(precision, precision)
    if words and arithmetic:
        words = f"{words} ({arithmetic})"
    titles = {entry["execution_provider"]: entry["title"] for entry in _providers()}
    return ", ".join(part for part in (titles.get(provider, provider), words or arithmetic) if part)


def _providers() -> list[dict[str, Any]]:
    # Our own file is checked by the tests, so that the panel shows before anything is installed in Slicer.
    return list(read_json(DATA_FOLDER / "engines.json")["providers"])
