"""Batches measured: ``python dev.py bench-batch PART [--scans N] ...``.

    interrupted   a batch of phantoms (half of them in DICOM) and real scans, killed at random and continued, against
                  one that was not: with one process and with two; prints the files that differ, and ends with 1 if any
                  does
    throughput    small scans by 'batch' and by a loop of 'run', in turns; prints the ratio of their times
    memory        memory of a batch over many scans, as it goes on
    plan          what 'plan' says of a batch after its trial, and what the batch then takes

Real scans are looked for in ``../shared/data``. The demo model knows none of these scans; time and bytes are the point.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTING = Path(__file__).resolve().parents[1]
ROOT = TESTING.parents[1]
sys.path[:0] = [str(ROOT), str(TESTING.parent), str(TESTING)]

import numpy as np  # noqa: E402
from support.batch_runs import differences, run_killed  # noqa: E402
from support.dicom_files import write_slices  # noqa: E402
from support.processes import command_line, environment  # noqa: E402
from TotalPassportLib.base.memory import tree_bytes  # noqa: E402

from training.phantom import make_phantom  # noqa: E402
from training.phantom.contrast import Phase  # noqa: E402
from training.phantom.scanner import grid_around  # noqa: E402
from training.sample import write_image  # noqa: E402

SPACING_MM = (5.0, 5.0, 5.0)
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
BASES = 3
"""Bodies that are made; more scans are these with other noise, which is quicker and no other work for a batch."""


def make_scans(folder: Path, count: int, seed: int = 7, *, dicom: bool = False) -> Path:
    """Write small phantoms, each in a folder of its own, all under one file name, and return the folder.

    Where ``dicom`` is asked for, every second one is a series of DICOM slices.
    """
    dice = np.random.default_rng(seed)
    bodies = []
    for number in range(BASES):
        extent_mm = np.array((300.0, 240.0, 230.0 + 30 * number))
        grid = grid_around(np.array((0.0, 12.0, 148.0)), extent_mm, SPACING_MM, np.eye(3))
        bodies.append(
            make_phantom(seed + number, shape=grid.shape, affine=grid.affine, noise_hu=5.0, phase=Phase.PORTAL_VENOUS)
        )
    for number in range(count):
        body = bodies[number % BASES]
        place = folder / f"s{number:03}"
        place.mkdir(parents=True)
        noisy = np.round(body.ct_hu + dice.normal(0, 3, body.ct_hu.shape)).astype(np.int16)
        if dicom and number % 2:
            write_slices(place / "series", noisy, RAS_TO_LPS @ body.affine)
        else:
            write_image(noisy, body.affine, place / "ct.nii.gz")
    return folder


def real_scans() -> list[Path]:
    """Return the real CTs that are at hand, and the bundled sample."""
    shared = [ROOT.parent / "shared" / "data" / name for name in ("example_ct.nii.gz", "example_ct_sm.nii.gz")]
    sample = TESTING.parent / "TotalPassportLib" / "data" / "demo" / "demo_ct.nii.gz"
    return [path for path in (*shared, sample) if path.is_file()]


def timed(*arguments: object) -> float:
    """Return the seconds that a command of ours takes."""
    begin = time.perf_counter()
    done = subprocess.run(command_line(*arguments), env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, arguments))} has ended with {done.returncode}: {done.stderr}")
    return time.perf_counter() - begin


def interrupted(options: argparse.Namespace, folder: Path) -> int:
    """Kill batches and compare what they end with."""
    inputs = [make_scans(folder / "scans", options.scans or 30, dicom=True), *real_scans()]
    common = ["--model", options.model, "--precision", options.precision, "-q"]
    whole = timed("batch", *inputs, "-o", folder / "whole", *common)
    print(f"uninterrupted: {whole:.0f} s", flush=True)
    different = 0
    for jobs in (1, 2):
        output = folder / f"killed-{jobs}"
        command = ["batch", *inputs, "-o", output, *common, "--jobs", jobs]
        begin = time.perf_counter()
        told = run_killed(
            command, options.kills, (2.0, max(4.0, 2.5 * whole / options.kills)), seed=options.seed + jobs
        )
        names = differences(folder / "whole", output)
        different += len(names)
        signals = [each["signal"] for each in told[:-1]]
        counts = {name: signals.count(name) for name in dict.fromkeys(signals)}
        print(f"--jobs {jobs}: killed {len(signals)} times ({counts}), {time.perf_counter() - begin:.0f} s, the last "
              f"exit code {told[-1]['code']}; files that differ: {names or 'none'}", flush=True)  # fmt: skip
    return int(different > 0)


def throughput(options: argparse.Namespace, folder: Path) -> int:
    """Time a batch and a loop of single runs, in turns."""
    scans = make_scans(folder / "scans", options.scans or 20)
    common = ["--model", options.model, "--precision", options.precision, "-q"]
    ratios = []
    for turn in range(options.turns):
        times = {}
        for way in ("loop", "batch") if turn % 2 else ("batch", "loop"):
            if way == "batch":
                times[way] = timed("batch", scans, "-o", folder / f"batch-{turn}", *common)
            else:
                output = folder / f"loop-{turn}"
                times[way] = sum(
                    timed("run", scan, "-o", output / scan.parent.name, *common) for scan in sorted(scans.glob("*/*"))
                )
        ratios.append(times["loop"] / times["batch"])
        way = f"{times['batch']:.1f} s by batch, {times['loop']:.1f} s by a loop of run"
        print(f"{way}: {ratios[-1]:.2f} times as fast", flush=True)
    print(f"median: {sorted(ratios)[len(ratios) // 2]:.2f} times as fast")
    return 0


def memory(options: argparse.Namespace, folder: Path) -> int:
    """Watch the memory of a batch and of all its processes."""
    scans = make_scans(folder / "scans", options.scans or 50)
    command = command_line("batch", scans, "-o", folder / "out", "--model", options.model, "-q")
    process = subprocess.Popen([*command, "--precision", options.precision], env=environment())
    peaks: dict[int, int] = {}
    while process.poll() is None:
        done = len(list((folder / "out" / "records").glob("*.json")))
        peaks[done] = max(peaks.get(done, 0), tree_bytes(process.pid) or 0)
        time.sleep(0.1)
    for done, peak in sorted(peaks.items()):
        if done % 5 == 0:
            print(f"after {done:3} scans: {peak / 2**20:6.0f} MB at most")
    tenth = max(max(peaks) // 5, 1)
    early = max(peak for done, peak in peaks.items() if 0 < done <= tenth)
    late = max(peak for done, peak in peaks.items() if done > max(peaks) - tenth)
    print(f"the last fifth by the first: {late / early:.3f}")
    return process.returncode


def plan(options: argparse.Namespace, folder: Path) -> int:
    """Plan a batch, then run it."""
    scans = make_scans(folder / "scans", options.scans or 30)
    common = ["--model", options.model, "--precision", options.precision]
    done = subprocess.run(
        command_line("plan", scans, *common, "--scans", options.scans or 30, "--json", "-q"),
        env=environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    planned = json.loads(done.stdout)
    seconds = timed("batch", scans, "-o", folder / "out", *common, "-q")
    print(f"planned {planned['seconds']:.0f} s ({planned['seconds_low']:.0f} to {planned['seconds_high']:.0f}) from a "
          f"trial of {planned['trial_scans']} scans; taken {seconds:.0f} s: {planned['seconds'] / seconds:.2f} times",
          flush=True)  # fmt: skip
    return 0


PARTS = {"interrupted": interrupted, "throughput": throughput, "memory": memory, "plan": plan}


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--scans", type=int, help="phantoms; by default as the part needs")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--precision", default="exact")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.environ.setdefault("PYTHONUTF8", "1")
    with tempfile.TemporaryDirectory(prefix="bench-batch-") as folder:
        return PARTS[options.part](options, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
