"""Runs the official package and ours on the same scans with the same weights: labels, time and memory.

python3 dev.py parity [--oracle PYTHON] [--weights FOLDER] [--mode MODE ...] [SCAN ...]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
from TotalPassportLib.benchmark.contenders import OFFICIAL_SCRIPT, foreign_environment
from TotalPassportLib.benchmark.measured_process import ProcessUsage, run_measured

from .cases import Case
from .comparison import SHARE, Agreement, allowed_differences, compare_labels, header_differences

TESTING = Path(__file__).resolve().parents[1]
LIBRARY = TESTING.parent
SHARED_DATA = LIBRARY.parents[1] / "shared" / "data"
ORACLE_VARIABLE = "TOTALPASSPORT_ORACLE"
HOW_TO = f"""\
There is no environment with the official package, or it is not complete. It is for comparison only and takes
2.5 GB. To make it, with Python 3.11 (PyTorch first and alone, else a build for CUDA replaces it):

    python3.11 -m venv oracle
    oracle/bin/pip install torch==2.13.0
    echo torch==2.13.0 > constraints.txt
    oracle/bin/pip install -c constraints.txt nnunetv2==2.6.0 dynamic-network-architectures==0.3.1
    oracle/bin/pip install -c constraints.txt TotalSegmentator==2.18.0
    python3 dev.py parity --oracle oracle/bin/python

{ORACLE_VARIABLE} may hold the path of that python, too."""
CONVERT = (
    "import sys; from TotalPassportLib.models.transfer.weights import weights_model; "
    "print(weights_model(*sys.argv[1:]))"
)
MEBIBYTE = 2**20
LARGEST_LOGIT_DIFFERENCE = 1e-4
"""In standard deviations of the logits: between float32 sums in another order. A wrong layer makes 1000 times that."""
COLUMNS = (28, 9, 11, 12, 8, 7, 12, 9)


def main() -> int:
    """Compare, print a table, and return 0 if everything agrees as well as it must."""
    options = _options()
    oracle = _checked_oracle(options.oracle)
    with tempfile.TemporaryDirectory(prefix="totalpassport-parity-") as folder:
        work = Path(folder)
        os.environ["TOTALPASSPORT_HOME"] = str(work / "home")  # the user's own models stay as they are
        weights = options.weights or _random_weights(oracle, work / "weights", options.modes)
        _print_row("case", "differing", "alike", "official s", "ours s", "ratio", "official MB", "ours MB")
        alike = []
        for mode in options.modes:
            model = _output_of(sys.executable, "-c", CONVERT, mode, str(weights)).splitlines()[-1]
            for scan in options.scans:
                name = f"{scan.name.removesuffix('.gz').removesuffix('.nii')}.{mode}"
                case = Case(name, scan, weights, mode, work / f"{name}.nii.gz")
                alike.append(_compare(case, oracle, model, work))
        if "fast" in options.modes:
            alike.append(_compare_network(oracle, weights, work))
    return 0 if all(alike) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="dev.py parity", description="Run the official TotalSegmentator and TotalPassport side by side."
    )
    oracle_help = f"python of an environment with the official package (default: ${ORACLE_VARIABLE})"
    weights_help = "weights in official layout; by default random ones of the official size are made"
    scans_help = "NIfTI files; by default the bundled sample and the scans in ../shared/data"
    parser.add_argument("--oracle", default=os.environ.get(ORACLE_VARIABLE), metavar="PYTHON", help=oracle_help)
    parser.add_argument("--weights", type=Path, metavar="FOLDER", help=weights_help)
    parser.add_argument("--mode", dest="modes", action="append", choices=("fast", "fastest", "full"), help="repeatable")
    parser.add_argument("scans", nargs="*", type=Path, metavar="SCAN", help=scans_help)
    options = parser.parse_args()
    options.scans = [scan.absolute() for scan in options.scans] or _sample_scans()
    options.weights = options.weights and options.weights.absolute()
    options.modes = options.modes or ["fast", "fastest"]
    return options


def _sample_scans() -> list[Path]:
    bundled = LIBRARY / "TotalPassportLib" / "data" / "demo" / "demo_ct.nii.gz"
    return [bundled, *sorted(SHARED_DATA.glob("example_ct*.nii.gz"))]


def _checked_oracle(oracle: str | None) -> str:
    """Return the absolute path of the official package's python, or say how to come by one."""
    if not oracle or not Path(oracle).is_file():
        sys.exit(HOW_TO)
    oracle = os.path.abspath(oracle)  # not resolved: the link is what makes it the environment's python
    imports = [oracle, "-c", "import importlib.metadata as m; m.version('TotalSegmentator'); m.version('nnunetv2')"]
    if subprocess.run(imports, capture_output=True, check=False).returncode != 0:
        sys.exit(HOW_TO)
    return oracle


def _random_weights(oracle: str, folder: Path, modes: Sequence[str]) -> Path:
    print("Making random weights of the official size ...", flush=True)
    _output_of(oracle, "-m", "parity.networks", "write", str(folder), "--modes", *modes)
    return folder


def _compare(case: Case, oracle: str, model: str, work: Path) -> bool:
    paths = [str(path) for path in (case.weights, case.scan, case.labels)]
    theirs = _effort([oracle, str(OFFICIAL_SCRIPT), case.mode, *paths], foreign_environment())
    run = ["-m", "TotalPassportLib", "run", paths[1], "-o", str(work), "--model", model]
    ours = _effort([sys.executable, *run], _environment())
    labels = work / f"{case.name.removesuffix('.' + case.mode)}_segmentation.nii.gz"
    agreement = compare_labels(labels, case.labels)
    _print_row(
        case.name, f"{agreement.differing}", f"{agreement.share:.5%}", f"{theirs.seconds:.1f}", f"{ours.seconds:.1f}",
        f"{theirs.seconds / ours.seconds:.1f}", _megabytes(theirs), _megabytes(ours),
    )  # fmt: skip
    differences = header_differences(labels, case.labels)
    for field, (our_value, official_value) in differences.items():
        print(f"    header field {field}: {our_value} instead of {official_value}")
    return agreement.differing <= allowed_differences(case) and not differences


def _compare_network(oracle: str, weights: Path, work: Path) -> bool:
    """Compare the logits of one patch: PyTorch's network and the ONNX one made of it."""
    from TotalPassportLib.models.nnunet.layout import find_datasets
    from TotalPassportLib.models.reading import read_model
    from TotalPassportLib.models.transfer.weights import weights_model
    from TotalPassportLib.segmentation.engines import plain_engine
    from TotalPassportLib.segmentation.session import NetworkSession

    (part,) = read_model(weights_model("fast", weights)).parts
    patch = np.random.default_rng(1).standard_normal(part.patch_size_zyx).astype(np.float32)
    np.save(work / "patch.npy", patch)
    trainer = find_datasets(weights)[297]
    _output_of(oracle, "-m", "parity.networks", "logits", str(trainer), str(work / "patch.npy"), str(work / "out.npy"))
    session = NetworkSession(part, plain_engine())
    output = session.run(patch)
    logits = output if session.head is None else output @ session.head[:, :-1].T + session.head[:, -1]
    theirs, ours = np.load(work / "out.npy", mmap_mode="r"), np.moveaxis(logits, -1, 0)
    largest = max(float(np.abs(one - other).max()) for one, other in zip(theirs, ours, strict=True))
    largest /= float(np.mean([channel.std() for channel in theirs]))
    flips = Agreement(int(np.count_nonzero(theirs.argmax(0) != ours.argmax(0))), patch.size)
    print(f"network 297 on noise: logits differ by at most {largest:.1e} of their spread; highest class: {flips}")
    return largest <= LARGEST_LOGIT_DIFFERENCE and flips.share >= SHARE


def _effort(command: Sequence[str], environment: Mapping[str, str]) -> ProcessUsage:
    """Run a command and return what it took; end with its own words if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        usage = run_measured(command, Path(folder), environment)
    if usage.exit_code != 0:
        _fail(command, usage.log)
    return usage


def _output_of(*command: str) -> str:
    done = subprocess.run(command, cwd=TESTING, env=_environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        _fail(command, done.stderr)
    return done.stdout


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (LIBRARY, TESTING)))}


def _fail(command: Sequence[str], log: str) -> NoReturn:
    sys.exit(f"{' '.join(command)} failed:\n{log[-3000:]}")


def _megabytes(usage: ProcessUsage) -> str:
    return "-" if usage.peak_bytes is None else f"{usage.peak_bytes / MEBIBYTE:.0f}"


def _print_row(first: str, *others: str) -> None:
    cells = [first.ljust(COLUMNS[0]), *(cell.rjust(width) for cell, width in zip(others, COLUMNS[1:], strict=True))]
    print(" ".join(cells), flush=True)


if __name__ == "__main__":
    sys.exit(main())
