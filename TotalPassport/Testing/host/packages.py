"""Slicer's pip: what ``slicer.util.pip_install`` and ``slicer.packaging`` take, and what happens while they work.

Nothing is ever installed or removed: a test says what doing so means. As in the application the event loop goes on
meanwhile, so that whatever can be clicked then is clicked in the tests, too.
"""

from __future__ import annotations

import importlib.metadata
import shlex
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: Options of ``pip install`` that modules may hand over, without their values.
PIP_OPTIONS = frozenset(
    (
        "-c",
        "-r",
        "-U",
        "--constraint",
        "--dry-run",
        "--extra-index-url",
        "--find-links",
        "--force-reinstall",
        "--index-url",
        "--no-build-isolation",
        "--no-cache-dir",
        "--no-deps",
        "--no-index",
        "--only-binary",
        "--pre",
        "--prefer-binary",
        "--quiet",
        "--requirement",
        "--upgrade",
    )
)


class Packaging:
    """Behind Slicer's functions for packages: nothing is installed unless a test says what installing means.

    A test sets `installer` to a function that gets the list of arguments for ``pip install``, `uninstaller` to one that
    gets the packages to remove, and may set `is_installed`. Events are delivered before and after each.
    """

    def __init__(self) -> None:
        self.installer: Callable[[list[str]], None] | None = None
        self.uninstaller: Callable[[list[str]], None] | None = None
        self.is_installed: Callable[[Any], bool] = requirement_is_met
        self.calls: list[tuple[list[str], dict[str, Any]]] = []
        self._util: Any = None

    def install_in(self, slicer: Any) -> None:
        """Put the functions into the modules ``slicer.util`` and ``slicer.packaging``."""
        self._util = slicer.util
        slicer.packaging = sys.modules["slicer.packaging"] = _build_module(self)
        slicer.util.pip_install, slicer.util.pip_uninstall = self.install, self.uninstall

    def be_slicer_5_10(self) -> None:
        """Until the end of the test there is no ``slicer.packaging``, and pip takes nothing beside its arguments."""

        def pip_install(requirements: Any) -> None:
            self.install(requirements, show_progress=False)

        def pip_uninstall(requirements: Any) -> None:
            self.uninstall(requirements)

        sys.modules["slicer.packaging"] = None  # type: ignore[assignment]  # what makes an import fail
        self._util.pip_install, self._util.pip_uninstall = pip_install, pip_uninstall

    def reset(self) -> None:
        """Back to installing nothing, by the newest means."""
        import slicer

        self.__init__()
        self.install_in(slicer)

    def install(
        self,
        requirements: Any,
        constraints: Any = None,
        no_deps_requirements: Any = None,
        blocking: bool = True,
        show_progress: bool = True,
        requester: str | None = None,
    ) -> None:
        """``pip_install``, as far as it waits for the end."""
        names = _arguments(requirements)
        unknown = [name for name in names if name.startswith("-") and name.split("=")[0] not in PIP_OPTIONS]
        if unknown:
            raise ValueError(f"pip install has no option {unknown[0]!r}")
        if no_deps_requirements is not None or not blocking:
            raise NotImplementedError("the host installs in one step, and waits for it")
        self.calls.append((names, {"constraints": constraints, "show_progress": show_progress, "requester": requester}))
        if self.installer is None:
            raise RuntimeError(f"a module wanted to install {names}, and the test did not say what happens then")
        _with_events(self.installer, names)

    def uninstall(self, requirements: Any, blocking: bool = True) -> None:
        """``pip_uninstall``, as far as it waits for the end."""
        names = _arguments(requirements)
        if not blocking:
            raise NotImplementedError("the host waits for the end")
        if self.uninstaller is None:
            raise RuntimeError(f"a module wanted to uninstall {names}, and the test did not say what happens then")
        _with_events(self.uninstaller, names)

    def check(self, requirements: Any) -> bool:
        """``pip_check``: whether all requirements are met."""
        return not self.missing(requirements)

    def missing(self, requirements: Any) -> list[Any]:
        """Return the requirements that are not met."""
        several = isinstance(requirements, list)
        return [r for r in (requirements if several else [requirements]) if not self.is_installed(r)]

    def ensure(
        self,
        requirements: Any,
        constraints: Any = None,
        prompt_install: bool = True,
        prompt_restart: bool = True,
        requester: str | None = None,
        skip_in_testing: bool = True,
        show_progress: bool = True,
    ) -> None:
        """``pip_ensure``: check, ask, install. The host has imported nothing that would need a restart."""
        import slicer

        missing = self.missing(requirements)
        if not missing or (skip_in_testing and slicer.app.testingEnabled()):
            return
        question = f"{requester} needs {', '.join(str(m) for m in missing)}. Install?"
        if prompt_install and not slicer.util.confirmOkCancelDisplay(question):
            raise RuntimeError("User declined package installation")
        names = [str(requirement) for requirement in missing]
        self.install(names, constraints, show_progress=show_progress, requester=requester)


def _arguments(requirements: Any) -> list[str]:
    """Return the arguments for pip, which the application takes as a text or as a list, and as nothing else."""
    if type(requirements) is str:
        return shlex.split(requirements)
    if type(requirements) is not list:
        raise ValueError(f"requirements must be a string or a list, not {requirements!r}")
    if not all(isinstance(name, str) for name in requirements):
        raise TypeError(f"pip's arguments must be texts: {requirements!r}")
    return list(requirements)


def _with_events(work: Callable[[list[str]], None], names: list[str]) -> None:
    """Do the work of pip while the window lives: the application processes events for every line of its output."""
    import slicer

    slicer.app.processEvents()
    try:
        work(names)
    finally:
        slicer.app.processEvents()


def _requirement(value: Any) -> Any:
    from packaging.requirements import Requirement

    return value if isinstance(value, Requirement) else Requirement(value)


def requirement_is_met(value: Any) -> bool:
    """Whether an installed distribution satisfies a requirement such as ``numpy>=1.26``."""
    requirement = _requirement(value)
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return bool(requirement.specifier.contains(version, prereleases=True))


def _build_module(packaging: Packaging) -> types.ModuleType:
    """Make ``slicer.packaging``."""
    module = types.ModuleType("slicer.packaging", "Package installation that tests control")

    def load_requirements(path: Any) -> list[Any]:
        lines = (line.split("#")[0].strip() for line in Path(path).read_text(encoding="utf-8").splitlines())
        return [_requirement(line) for line in lines if line]

    module.load_requirements = load_requirements
    module.pip_check = packaging.check
    module.pip_install = packaging.install
    module.pip_ensure = packaging.ensure
    module.pip_uninstall = packaging.uninstall
    return module
