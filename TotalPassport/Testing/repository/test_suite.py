"""The suite itself: what may be skipped where, and that the public host runs what the README says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SKIPS = """
import pytest

def test_something():
    pass

def test_with_shared_files(shared):
    pass

def test_with_a_package_that_only_training_needs():
    pytest.skip("optional: it is not there")
"""
TESTING = Path(__file__).resolve().parents[1]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of the tests' own rules and of one test file, without a folder of shared files beside it."""
    tests = tmp_path / "clone" / "TotalPassport" / "Testing"
    tests.mkdir(parents=True)
    for rules in ("conftest.py", "slow.txt"):
        shutil.copyfile(TESTING / rules, tests / rules)
    (tests / "test_skips.py").write_text(SKIPS, encoding="utf-8")
    return tests


def run_suite(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "TOTALPASSPORT"))}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rs", *options, str(folder)]
    environment = {**inherited, "PYTHONPATH": str(TESTING), **environment}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("processes", ["0", "2"])
def test_without_the_shared_folder_its_tests_are_skipped_with_a_message_also_on_ci(clone: Path, processes: str) -> None:
    done = run_suite(clone, "-n", processes, CI="true")
    assert done.returncode == 0, done.stdout
    assert "1 passed, 2 skipped" in done.stdout
    assert "the folder ../shared with real scans and oracles is not there" in done.stdout


@pytest.mark.parametrize("processes", ["0", "2"])
def test_what_has_to_be_whole_fails_where_something_was_skipped(clone: Path, processes: str) -> None:
    done = run_suite(clone, "-n", processes, TOTALPASSPORT_REQUIRE_ALL_TESTS="1")
    assert done.returncode == 1, done.stdout
    told = done.stdout.partition("Skipped though it must run:")[2]
    assert "test_with_shared_files" in told
    assert "only_training" not in told


def test_the_script_of_ci_demands_everything_and_runs_the_readmes_command(repository: Path) -> None:
    script = (repository / ".ci" / "run").read_text(encoding="utf-8")
    assert "export TOTALPASSPORT_REQUIRE_ALL_TESTS=1" in script
    assert script.rstrip().endswith("make test")
    assert "make test" in (repository / "README.md").read_text(encoding="utf-8")


def test_the_public_hosts_workflow_runs_the_same_command_with_no_more_rights_than_reading(repository: Path) -> None:
    workflow = (repository / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert re.search(r"^permissions:\n  contents: read\n", workflow, re.MULTILINE)
    assert "run: make test\n" in workflow
    versions = re.findall(r'"(3\.\d+)"', workflow)
    project = (repository / "pyproject.toml").read_text(encoding="utf-8")
    assert versions[0] in project.partition("requires-python")[2].splitlines()[0]
    assert versions == ["3.11", "3.12", "3.13"]


def test_what_is_called_slow_or_long_is_there(request: pytest.FixtureRequest) -> None:
    """A file that was renamed would otherwise come back into the quick tests unseen."""
    rules = request.config.pluginmanager.get_plugin(str(TESTING / "conftest.py"))
    assert len(rules.SLOW) > 0
    assert [place for place in (*rules.SLOW, *rules.LONGEST) if not (TESTING / place).exists()] == []


def test_the_longest_files_begin(request: pytest.FixtureRequest) -> None:
    rules = request.config.pluginmanager.get_plugin(str(TESTING / "conftest.py"))
    files = list(dict.fromkeys(item.path for item in request.session.items))
    present = [TESTING / place for place in rules.LONGEST if TESTING / place in files]
    assert files[: len(present)] == present
