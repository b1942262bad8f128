"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Its assertions then tell what they compared, as those in test files do.
pytest.register_assert_rewrite("support.processes")

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that holds the whole project."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real scans and oracles beside the project; tests that need it must run on CI."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        message = "the folder ../shared with real scans and oracles is not there"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return folder


OPTIONAL = "optional:"
"""How the reason of a skip begins that is no loss on CI, such as a package that only training needs."""

_unexpected_skips: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Collect the tests that were skipped though they should have run."""
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not reason.removeprefix("Skipped: ").startswith(OPTIONAL):
            _unexpected_skips.append(f"{report.nodeid}: {reason}")


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Collect whole files that were skipped."""
    if report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2]
        if not reason.removeprefix("Skipped: ").startswith(OPTIONAL):
            _unexpected_skips.append(f"{report.nodeid}: {reason}")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """On CI, a skip that is not optional fails the run: what was not tested does not count as passed."""
    if os.environ.get("CI") and _unexpected_skips and session.exitstatus == 0:
        print("\nSkipped on CI though it must run:", *_unexpected_skips, sep="\n  ")
        session.exitstatus = 1
