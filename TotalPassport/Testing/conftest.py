"""What all tests share."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from support.forks import read_at_the_start

# Our processes keep their compiled modules, also where this one was told not to: hundreds of them are started.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def _keep_to_a_share_of_the_cores() -> None:
    """Give each of several processes of tests cores of its own, which what it starts inherits.

    Networks take every core that they may use: two at a time on the same two took twice as long as one after the other.
    """
    worker, count = os.environ.get("PYTEST_XDIST_WORKER"), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if worker is not None and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[int(worker.removeprefix("gw")) % len(cores) :: count])


# Before numpy is loaded, which counts the cores.
_keep_to_a_share_of_the_cores()

# Its assertions then tell what they compared, as those in test files do.
pytest.register_assert_rewrite("support.processes")

TESTING = Path(__file__).resolve().parent
REPOSITORY = TESTING.parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that holds the whole project."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real scans and oracles beside the project; tests that need it are skipped where it is not."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the folder ../shared with real scans and oracles is not there")
    return folder


@pytest.fixture(scope="session")
def certificate_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server's certificate is kept, so that it is made once."""
    return tmp_path_factory.mktemp("certificate")


REQUIRE_ALL = "TOTALPASSPORT_REQUIRE_ALL_TESTS"
"""Set by ``.ci/run``: a skip that is not optional fails the run, for what was not tested does not count as passed."""
OPTIONAL = "optional:"
"""How the reason of a skip begins that is no loss anywhere, such as a package that only training needs."""

_unexpected_skips: list[str] = []

SLOW = tuple(
    line for line in (TESTING / "slow.txt").read_text(encoding="utf-8").splitlines() if line and line[0] != "#"
)
"""What the quick tests leave out: folders, and files whose tests take more than one and a half seconds together."""
LONGEST = (
    "parity/test_tasks.py",
    "parity/test_parity.py",
    "TotalPassportLib/cli/test_benchmark.py",
    "TotalPassportSlicer/test_demo_model.py",
    "TotalPassportSlicer/panel/test_passport_from_segmentation.py",
    "TotalPassportLib/cli/test_main.py",
    "TotalPassportSlicer/nodes/test_alignment_nodes.py",
    "TotalPassportSlicer/test_faults.py",
    "TotalPassportSlicer/panel/test_setup_panel.py",
    "TotalPassportSlicer/panel/test_download_offer.py",
    "TotalPassportLib/test_job.py",
    "TotalPassportLib/cli/test_study.py",
    "TotalPassportSlicer/panel/test_scans_panel.py",
    "TotalPassportLib/cli/test_streams.py",
    "TotalPassportSlicer/test_scripting_page.py",
    "TotalPassportLib/test_drop_in.py",
    "TotalPassportLib/image/test_rectangular.py",
    "TotalPassportLib/test_verification.py",
    "TotalPassportLib/test_job_models.py",
    "TotalPassportSlicer/panel/test_models_panel.py",
    "TotalPassportLib/cli/test_hostile_networks.py",
    "TotalPassportSlicer/panel/test_compare_panel.py",
    "TotalPassportLib/cli/test_odd_files.py",
    "TotalPassportSlicer/panel/test_bad_input.py",
)
"""What begins, the longest file first, so that no process still has one of them when the others have ended."""
_SLOW_PATHS = frozenset(TESTING / place for place in SLOW)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Spare the quick tests the reading of what they leave out."""
    quick = config.getoption("markexpr") == "not slow"
    return True if quick and collection_path in _SLOW_PATHS else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what lies in the slow folders and files; elsewhere single tests mark themselves. Begin with them."""
    for item in items:
        if not _SLOW_PATHS.isdisjoint((item.path, *item.path.parents)):
            item.add_marker(pytest.mark.slow)
    ranks = {TESTING / place: rank for rank, place in enumerate(LONGEST)}
    slow_files = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: ranks.get(item.path, len(LONGEST) + (item.path not in slow_files)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Take back what libraries put into the environment when they are loaded, as OpenCV and Dask do.

    Commands of later tests would else see it, and be started in full, see `support.forks`.
    """
    before = read_at_the_start(os.environ)
    done = yield
    for name in read_at_the_start(os.environ).keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)
    return done


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
    """Fail a run that has to be whole and is not; with several processes the one that collects their reports does."""
    if os.environ.get(REQUIRE_ALL) and _unexpected_skips and session.exitstatus == 0:
        print("\nSkipped though it must run:", *_unexpected_skips, sep="\n  ")
        session.exitstatus = 1
