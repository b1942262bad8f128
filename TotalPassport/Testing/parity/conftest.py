"""Shows in the log how many voxels differ in each case, also when all is well."""

from __future__ import annotations

import pytest

AGREEMENT = "agreement"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the agreement that the tests recorded."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    recorded = [dict(getattr(report, "user_properties", ())) for report in reports]
    rows = [properties[AGREEMENT] for properties in recorded if AGREEMENT in properties]
    if rows:
        terminalreporter.section("parity with the official package")
        for case, agreement in sorted(rows):
            terminalreporter.write_line(f"{case:<42} {agreement}")
