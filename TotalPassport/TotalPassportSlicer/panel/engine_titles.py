"""Where networks can run, and in which precision, in the words of the panel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slicer.i18n import tr as _
from TotalPassportLib.segmentation.engines import AUTO, EXACT, TURBO, provider_entries


def provider_titles() -> dict[str, str]:
    """Return what can be asked for and how it is called: the program's own choice, then the providers."""
    return {AUTO: _("Automatic")} | {entry["name"]: entry["title"] for entry in provider_entries()}


def precision_titles() -> dict[str, str]:
    """Return the precisions' names and how they are called."""
    return {
        EXACT: _("Exact (same labels as TotalSegmentator)"),
        TURBO: _("Turbo (fastest; at least 99.9 % the same)"),
    }


def engine_text(result: Mapping[str, Any]) -> str:
    """Return what really ran, as the child's result tells it, such as "OpenVINO (CPU), turbo (bfloat16)"."""
    provider, precision, arithmetic = (str(result.get(key) or "") for key in ("provider", "precision", "arithmetic"))
    words = {EXACT: _("exact"), TURBO: _("turbo")}.get(precision, precision)
    if words and arithmetic:
        words = f"{words} ({arithmetic})"
    titles = {entry["execution_provider"]: entry["title"] for entry in provider_entries()}
    return ", ".join(part for part in (titles.get(provider, provider), words or arithmetic) if part)
