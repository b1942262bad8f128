"""The benchmark of the passport runs, compares like with like, and prints one line that programs can read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from support.processes import environment


def run_benchmark(repository: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    script = repository / "TotalPassport" / "Testing" / "benchmarks" / "passport.py"
    command = [sys.executable, str(script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)


def test_the_benchmark_prints_its_ratios_in_one_line(repository: Path, shared: Path) -> None:
    process = run_benchmark(repository, "--shared", shared, "--repeats", "1", "--without-native")
    assert process.returncode == 0, process.stderr
    (line,) = process.stdout.splitlines()
    ratios = json.loads(line)
    assert {"real_61_thinned_x", "real_61_fps_x"} <= set(ratios)
    assert all(value > 0 for name, value in ratios.items() if name.endswith("_x"))


def test_without_the_real_scans_it_says_so(repository: Path, tmp_path: Path) -> None:
    process = run_benchmark(repository, "--shared", tmp_path)
    assert process.returncode == 2
    assert "--shared" in process.stderr
    assert process.stdout == ""
