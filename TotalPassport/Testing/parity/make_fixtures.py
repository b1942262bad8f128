"""Makes the committed fixtures: tiny random networks, small synthetic scans, and what the official package says.

Needs an environment with the official package (docs/parity.md tells how to make it). From TotalPassport/Testing:

    ORACLE/bin/python -m parity.make_fixtures

The same versions give the same files; the manifest tells which versions made those that are there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from . import official
from .cases import FIXTURES, MANIFEST
from .synthetic import SCANS, write_scan

SEED = 20261121


@dataclass(frozen=True)
class Wanted:
    """One run of the official package."""

    scan: str
    mode: str
    statistics: bool = False
    remove_small_blobs: bool = False
    roi: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.scan}.{self.mode}" + (".blobs" if self.remove_small_blobs else "") + (".roi" if self.roi else "")


ROI = ("spleen", "liver", "stomach", "pancreas", "kidney_left", "colon", "heart", "aorta")
ROI += ("portal_vein_and_splenic_vein",)
"""Of the parts 291 and 293: the other three parts of the full model do not run for them."""
WANTED = (
    Wanted("oblique_lpi", "fast", statistics=True),
    Wanted("oblique_lpi", "fast", statistics=True, remove_small_blobs=True),
    Wanted("oblique_lpi", "fastest", statistics=True),
    Wanted("anisotropic_psl", "fast"),
    Wanted("anisotropic_psl", "fastest", statistics=True, remove_small_blobs=True),
    Wanted("zero_border_float32", "fast", statistics=True),
    Wanted("zero_border_float32", "fastest"),
    Wanted("zero_border_float32", "fast", statistics=True, roi=ROI),
    Wanted("thin", "fast"),
    Wanted("thin", "full", statistics=True),
    Wanted("thin", "full", statistics=True, roi=ROI),
    Wanted("scaled", "fast", statistics=True),
    Wanted("qform_only", "fast"),
    Wanted("oblique_3mm", "fast", statistics=True),
    Wanted("small_fov", "full", statistics=True),
    Wanted("small_fov", "full", statistics=True, remove_small_blobs=True),
)


def main() -> None:
    """Make all fixtures anew."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--folder", type=Path, default=FIXTURES)
    options = parser.parse_args()
    shutil.rmtree(options.folder, ignore_errors=True)
    for name in ("scans", "expected"):
        (options.folder / name).mkdir(parents=True)
    with tempfile.TemporaryDirectory() as home:
        official.set_up_environment(options.folder / "weights", Path(home))
        _write_weights(options.folder / "weights", options.seed)
        for number, (name, scan) in enumerate(SCANS.items()):
            write_scan(options.folder / "scans" / f"{name}.nii.gz", scan, options.seed + number)
        cases = [_run(options.folder, wanted) for wanted in WANTED]
    _write_manifest(options.folder, options.seed, cases)


def _write_weights(folder: Path, seed: int) -> None:
    from .networks import MODES, TINY, write_weights  # nnU-Net wants its environment before it is imported

    write_weights(folder, TINY, MODES, seed)


def _run(folder: Path, wanted: Wanted) -> dict[str, object]:
    scan, labels = f"scans/{wanted.scan}.nii.gz", f"expected/{wanted.name}.nii.gz"
    statistics = f"expected/{wanted.name}.json" if wanted.statistics else None
    print(wanted.name, flush=True)
    paths = (folder / scan, folder / labels, wanted.mode)
    if wanted.roi:
        official.run_official_subset(*paths, list(wanted.roi), folder / f"expected/{wanted.name}.json")
    else:
        statistics_path = folder / statistics if statistics else None
        official.run_official(*paths, statistics_path, small_blobs=not wanted.remove_small_blobs)
    return {**asdict(wanted), "name": wanted.name, "scan": scan, "labels": labels, "statistics": statistics}


def _write_manifest(folder: Path, seed: int, cases: list[dict[str, object]]) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    hashes = {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    manifest = {"seed": seed, "versions": official.versions(), "cases": cases, "sha256": hashes}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
