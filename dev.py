#!/usr/bin/env python3
"""Every developer task, with nothing but Python 3.11 or newer: ``python3 dev.py TASK``.

    demo             run the main job on the bundled sample CT with the bundled demo model
    test             run the tests, as many at a time as there are cores (further arguments go to pytest)
    test --quick     run those that are fast, of every room: a minute
    test-slicer      run them with the packages of Slicer 5.10, then of 5.12, each in an environment of its own (--quick
                     as above)
    lint             check style and types
    parity           run the official TotalSegmentator and TotalPassport side by side (--help tells the options)
    bench-passport   measure passports against their definition computed plainly, label by label
    bench-alignment  measure alignments of scans against known motions
    bench-window     measure how quickly 117 organs appear in the scene and leave it, in the test host
    bench-faults     spoil runs in the test host at random moments, and list what is left behind (--help tells more)
    bench-tasks      run every task on a small scan, from weights in official layout to its passport, and print a table
    bench-monai      run MONAI's whole-body bundle by MONAI and by us, side by side (--help tells the options)
    bench-confidence measure whether low confidence finds the poor structures of unseen phantoms
    bench-cohort     measure how long a table of 10,000 synthetic passports takes, and each question to it
    bench-batch      measure batches: interrupted ones against whole ones, throughput, memory, plans (--help tells more)
    screenshots      make the README's pictures again
    docs             build the documentation as a site, into build/site
    setup            only make the environment for development
    system-packages  name the system packages that the tests need on Debian and Ubuntu

The environment is the folder ``.venv``; each task makes it or brings it up to date first. ``make`` calls this file.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
# Slicer's own Python is 3.12; the MRML libraries of the tests exist for 3.11 to 3.13. The demo runs on newer ones too.
VERSIONS = ((3, 12), (3, 13), (3, 11))
# What these versions of Slicer bring along; their Python is 3.12.
SLICERS_PACKAGES = {
    "5.10": ["numpy==2.0.2", "scipy==1.13.1", "SimpleITK==2.5.2"],
    "5.12": ["numpy==2.4.6", "scipy==1.17.1", "SimpleITK==2.5.5"],
}
# What rendering off screen and Qt need and a bare Debian or Ubuntu lacks, and a browser to open reports in.
SYSTEM_PACKAGES = [
    "libegl1",
    "libgl1-mesa-dri",
    "libosmesa6",
    "libxkbcommon0",
    "libdbus-1-3",
    "libfontconfig1",
    "fonts-dejavu-core",
    "chromium",
]
# A file's tests share what is dear to make, so a file stays with one process; the longest files begin, as
# TotalPassport/Testing/conftest.py sorts them.
IN_PARALLEL = ("-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder")
# Its wheel carries Slicer's terminology files; its dependencies (a web framework) are not needed.
WITHOUT_DEPENDENCIES = ["trame-slicer==2.0.0"]

BENCHMARKS = ("passport", "alignment", "tasks", "confidence", "monai", "window", "cohort", "batch", "faults")


def main() -> int:
    """Run the task named on the command line."""
    tasks = {"setup": setup, "demo": demo, "test": test, "lint": lint, "parity": parity, "screenshots": screenshots}
    tasks |= {"docs": docs, "test-slicer": test_with_slicers_packages, "system-packages": name_system_packages}
    tasks |= {f"bench-{name}": partial(benchmark, name) for name in BENCHMARKS}
    name, *rest = sys.argv[1:] or ["help"]
    if name not in tasks:
        print(__doc__)
        return 0 if name == "help" else 2
    return tasks[name](rest)


def setup(arguments: list[str]) -> int:
    """Make the environment for development."""
    if PYTHON.exists() and version_of(str(PYTHON)) not in VERSIONS:
        sys.exit(
            f"{ENVIRONMENT.name} has a Python that the tests cannot use. Install 3.12 and remove {ENVIRONMENT.name}."
        )
    make_environment("dev", WITHOUT_DEPENDENCIES)
    return 0


def demo(arguments: list[str]) -> int:
    """Run the bundled sample CT through the bundled demo model."""
    make_environment("", [])
    output = ROOT / "demo-output"
    return run(PYTHON, "-m", "TotalPassportLib", "demo", "-o", output, *arguments)


def test(arguments: list[str]) -> int:
    """Run the tests, or the quick ones; an option of pytest, such as ``-n 0`` for one process, comes after ours."""
    setup([])
    install_system_packages()
    return run(PYTHON, "-m", "pytest", *pytest_options(arguments))


def test_with_slicers_packages(arguments: list[str]) -> int:
    """Run the tests with what each version of Slicer brings along."""
    install_system_packages()
    codes = []
    for version, packages in SLICERS_PACKAGES.items():
        python = make_slicers_environment(version, packages)
        print(f"With the packages of Slicer {version}: {', '.join(packages)}", flush=True)
        codes.append(run(python, "-m", "pytest", *pytest_options(arguments)))
    return max(codes)


def pytest_options(arguments: list[str]) -> list[str]:
    """Return what pytest is given: several processes, and our own ``--quick`` in its words."""
    rest = [argument for argument in arguments if argument != "--quick"]
    return [*IN_PARALLEL, *(["-m", "not slow"] if len(rest) < len(arguments) else []), *rest]


def lint(arguments: list[str]) -> int:
    """Check style and types, as the tests do."""
    setup([])
    commands = (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",))
    return max(run(PYTHON, "-m", *command) for command in commands)


def parity(arguments: list[str]) -> int:
    """Compare labels, time and memory with the official package, which has an environment of its own."""
    setup([])
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "TotalPassport" / "Testing")}
    # In the folder of the user, whose paths may be relative.
    return subprocess.run([PYTHON, "-m", "parity.side_by_side", *arguments], env=environment, check=False).returncode


def benchmark(name: str, arguments: list[str]) -> int:
    """Run one of the benchmarks, in the folder of the user."""
    setup([])
    script = ROOT / "TotalPassport" / "Testing" / "benchmarks" / f"{name}.py"
    return subprocess.run([PYTHON, script, *arguments], check=False).returncode


def screenshots(arguments: list[str]) -> int:
    """Render the README's pictures through the test host."""
    setup([])
    install_system_packages()
    return run(PYTHON, ROOT / "TotalPassport" / "Testing" / "screenshots.py", *arguments)


def docs(arguments: list[str]) -> int:
    """Build the site of the documentation; a dead link fails it."""
    setup([])
    return run(PYTHON, "-m", "mkdocs", "build", *arguments)


def make_environment(extra: str, without_dependencies: list[str]) -> None:
    """Create ``.venv`` if need be and install the project into it, unless that was done for these very requirements."""
    requirements = (ROOT / "pyproject.toml").read_bytes() + "".join(without_dependencies).encode()
    stamp = ENVIRONMENT / f"installed-{extra or 'run'}-{hashlib.sha256(requirements).hexdigest()[:16]}"
    if stamp.exists() and PYTHON.exists():
        return
    if not PYTHON.exists():
        subprocess.run([find_python(), "-m", "venv", ENVIRONMENT], check=True)
    project = f"{ROOT}[{extra}]" if extra else str(ROOT)
    print(f"Setting up {ENVIRONMENT.name} (once; some minutes on a slow network) ...", flush=True)
    pip("-e", project)
    if without_dependencies:
        pip("--no-deps", *without_dependencies)
    install_engine()
    stamp.touch()


def make_slicers_environment(version: str, packages: list[str]) -> Path:
    """Create the environment with the packages of a version of Slicer if need be; return its Python."""
    environment = ROOT / f".venv-slicer-{version}"
    python = environment / PYTHON.relative_to(ENVIRONMENT)
    requirements = (ROOT / "pyproject.toml").read_bytes() + "".join([*packages, *WITHOUT_DEPENDENCIES]).encode()
    stamp = environment / f"installed-{hashlib.sha256(requirements).hexdigest()[:16]}"
    if stamp.exists():
        return python
    if not python.exists():
        base = find_python()
        if version_of(base) != (3, 12):
            sys.exit("Slicer's Python is 3.12, and none was found. Install it and try again.")
        subprocess.run([base, "-m", "venv", environment], check=True)
    print(f"Setting up {environment.name} (once; some minutes on a slow network) ...", flush=True)
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, "-e", f"{ROOT}[dev,cpu]", *packages], check=True)
    subprocess.run([*command, "--no-deps", *WITHOUT_DEPENDENCIES], check=True)
    stamp.touch()
    return python


def install_engine() -> None:
    """Install the distribution of onnxruntime that suits this machine, or the plain one where it cannot be had."""
    # Asked in the environment itself, for whose Python and processor there has to be a wheel.
    code = (
        "import json; from TotalPassportLib.base import distributions as d; wanted = (d.suitable(), d.plain()); "
        "print(json.dumps([list(d.installed()), [[w.package, w.requirements, w.libraries] for w in wanted]]))"
    )
    answer = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=True).stdout
    present, wanted = json.loads(answer)
    package, requirements, libraries = wanted[0]
    if not can_install(*requirements):
        package, requirements, libraries = wanted[1]
        print(f"{wanted[0][0]} cannot be installed here; {package} runs the networks, more slowly.", flush=True)
    if present not in ([], [package]):  # they exclude one another, and removing one takes files of the others
        subprocess.run([PYTHON, "-m", "pip", "uninstall", "--quiet", "--yes", *present], check=True)
    pip(*requirements)
    if libraries:
        pip("--no-deps", *libraries)


def can_install(*requirements: str) -> bool:
    """Tell whether pip finds packages for this environment."""
    command = [PYTHON, "-m", "pip", "install", "--quiet", "--dry-run", *requirements]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def pip(*arguments: str) -> None:
    """Install into the environment."""
    command = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True)


def find_python() -> str:
    """Return the Python to build the environment with: this one's or a neighbour's, of the versions that fit."""
    found: dict[tuple[int, int], str] = {}
    for candidate in candidate_pythons():
        version = version_of(candidate)
        if version is not None:
            found.setdefault(version, candidate)
    newer = sorted(version for version in found if version > max(VERSIONS))
    for version in (*VERSIONS, *newer):
        if version in found:
            return found[version]
    sys.exit("Python 3.11, 3.12 or 3.13 is needed, with its modules venv and pip. Install one of them and try again.")


def candidate_pythons() -> Iterator[str]:
    """Yield interpreters worth asking for their version."""
    yield sys.executable
    for major, minor in VERSIONS:
        command = shutil.which(f"python{major}.{minor}")
        if command:
            yield command
    pyenv = shutil.which("pyenv")
    if pyenv:
        root = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=False).stdout.strip()
        yield from map(str, sorted(Path(root, "versions").glob("3.*/bin/python")))


def version_of(python: str) -> tuple[int, int] | None:
    """Return the version of an interpreter, or None if it does not run."""
    code = "import sys, venv, ensurepip; print(*sys.version_info[:2])"
    result = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        return None
    major, minor = result.stdout.split()
    return int(major), int(minor)


def name_system_packages(arguments: list[str]) -> int:
    """Print the system packages that the tests need."""
    print(*SYSTEM_PACKAGES)
    return 0


def install_system_packages() -> None:
    """Install what rendering needs where that is possible, else name it."""
    if not sys.platform.startswith("linux") or shutil.which("dpkg-query") is None:
        return
    missing = [name for name in SYSTEM_PACKAGES if not is_installed(name)]
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(f"The tests that render need these system packages: {' '.join(missing)}", flush=True)
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], env=environment, check=False)
    subprocess.run(["apt-get", "install", "-y", "-qq", *missing], env=environment, check=True)


def is_installed(package: str) -> bool:
    """Tell whether a Debian package is installed."""
    query = ["dpkg-query", "-W", "-f", "${Status}", package]
    return "install ok installed" in subprocess.run(query, capture_output=True, text=True, check=False).stdout


def run(*command: str | Path) -> int:
    """Run a command in the project's folder and return its exit code."""
    return subprocess.run([str(part) for part in command], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
