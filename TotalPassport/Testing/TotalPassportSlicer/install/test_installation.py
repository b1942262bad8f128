"""Missing packages are asked for, installed without touching Slicer's own, or explained."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def installation(application: Any) -> Any:
    from TotalPassportSlicer.install import installation

    return installation


@pytest.fixture
def requirements(tmp_path: Path) -> Any:
    """Return a function that writes a requirements file."""

    def write(*lines: str) -> Path:
        path = tmp_path / "requirements.txt"
        path.write_text("\n".join(lines), encoding="utf-8")
        return path

    return write


class PipInstall:
    """Stands for slicer.util.pip_install: keeps what it was called with, and the constraints while they exist."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.arguments: list[str] = []
        self.constraints: list[str] = []
        self._failure = failure

    def __call__(self, arguments: list[str]) -> None:
        self.arguments = arguments
        self.constraints = Path(arguments[arguments.index("-c") + 1]).read_text(encoding="utf-8").splitlines()
        if self._failure is not None:
            raise self._failure


@pytest.fixture
def pip_install(monkeypatch: pytest.MonkeyPatch, installation: Any) -> PipInstall:
    import slicer.util

    pip = PipInstall()
    monkeypatch.setattr(slicer.util, "pip_install", pip, raising=False)
    monkeypatch.setattr(installation.pip_commands, "_slicer_packaging", lambda: None)
    return pip


def test_what_is_needed_has_lower_bounds_and_is_small(installation: Any) -> None:
    lines = installation.REQUIREMENTS_FILE.read_text(encoding="utf-8").splitlines()
    needed = [line for line in lines if line and not line.startswith("#")]
    assert all(">=" in line and "==" not in line for line in needed)
    assert {line.split(">=")[0] for line in needed} == {"onnxruntime", "nibabel", "fastjsonschema"}


def test_converting_weights_needs_one_package_more_and_running_a_model_does_not(installation: Any) -> None:
    lines = installation.CONVERSION_FILE.read_text(encoding="utf-8").splitlines()
    assert [line.split(">=")[0] for line in lines if line and not line.startswith("#")] == ["onnx"]
    assert installation.missing_requirements(installation.CONVERSION_FILE) == []


def test_nothing_is_missing_where_everything_is_installed(installation: Any) -> None:
    assert installation.missing_requirements() == []


def test_a_package_that_is_missing_or_too_old_is_found_without_importing_it(
    installation: Any, requirements: Any
) -> None:
    file = requirements("# a comment", "nibabel>=999", "no_such_package_at_all>=1.0", "numpy>=1.0")
    assert installation.missing_requirements(file) == ["nibabel>=999", "no_such_package_at_all>=1.0"]


def test_installing_holds_every_other_package_where_it_is(
    installation: Any, requirements: Any, pip_install: PipInstall
) -> None:
    file = requirements("nibabel>=1")
    installation.install_missing(["nibabel>=1"], file)
    assert "--only-binary=:all:" in pip_install.arguments
    assert "nibabel>=1" in pip_install.arguments
    assert f"numpy=={importlib.metadata.version('numpy')}" in pip_install.constraints
    assert f"scipy=={importlib.metadata.version('scipy')}" in pip_install.constraints
    assert not any(line.startswith("nibabel==") for line in pip_install.constraints)


@pytest.mark.slow
def test_pip_accepts_the_constraints(installation: Any) -> None:
    with installation.pip_commands._constraints_file(()) as path:
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", "-q", "-c", str(path), "numpy"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_failure_is_one_sentence_with_the_next_step(
    installation: Any, requirements: Any, monkeypatch: pytest.MonkeyPatch, pip_install: PipInstall
) -> None:
    import slicer.util

    failing = PipInstall(subprocess.CalledProcessError(1, "pip"))
    monkeypatch.setattr(slicer.util, "pip_install", failing)
    with pytest.raises(installation.InstallationError, match="internet connection"):
        installation.install_missing(["nibabel>=999"], requirements("nibabel>=999"))


def test_an_installation_that_changed_nothing_is_a_failure(
    installation: Any, requirements: Any, pip_install: PipInstall
) -> None:
    with pytest.raises(installation.InstallationError, match="still missing"):
        installation.install_missing(["nibabel>=999"], requirements("nibabel>=999"))


def test_newer_slicers_install_by_their_own_means(
    installation: Any, requirements: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: dict[str, Any] = {}

    def pip_ensure(needed: Any, **options: Any) -> None:
        import os

        calls.update(options, needed=needed, only_binary=os.environ.get("PIP_ONLY_BINARY"))

    packaging = types.SimpleNamespace(pip_ensure=pip_ensure, load_requirements=lambda path: [f"from {path.name}"])
    monkeypatch.setattr(installation.pip_commands, "_slicer_packaging", lambda: packaging)
    installation.install_missing(["nibabel>=1"], requirements("nibabel>=1"))
    assert calls["needed"] == ["from requirements.txt"]
    assert calls["prompt_install"] is False
    assert calls["skip_in_testing"] is False
    assert calls["only_binary"] == ":all:"
    assert calls["constraints"].name == "constraints.txt"
