#!/usr/bin/env python3
"""How long a table of many passports takes, how large it is, and how long each question to it: text, and one line JSON.

    python TotalPassport/Testing/benchmarks/cohort.py [--scans 10000] [--jobs N] [--folder FOLDER] [--keep]

The passports are synthetic: bodies of ellipsoids with the names of the task total, of 300 patients, with outliers, cut
and missing organs; each has 500 boundary points an organ, as real ones, of which a few dozen sets are used again and
again. 10,000 of them take about 9 GB of disk while this runs. Nothing is asserted: the figures are for docs/cohort.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from TotalPassportLib.base.labels import load_label_table
from TotalPassportLib.cohorts import Cohort
from TotalPassportLib.cohorts.building import BuildOptions, build_cohort
from TotalPassportLib.passport import OrganPassport, Passport
from TotalPassportLib.passport.axes import principal_axes
from TotalPassportLib.passport.document import passport_text
from TotalPassportLib.passport.fields import organ_document

ORGANS = 61
"""Organs of a scan, as in the largest real result at hand."""
BODIES = 24
PATIENTS = 300
POINTS = 500
REPEATS = 5


def main() -> int:
    """Make the passports, the table, and ask."""
    options = _options()
    folder = Path(options.folder or tempfile.mkdtemp(prefix="totalpassport-bench-"))
    try:
        passports, cohort = folder / "passports", folder / "cohort"
        made = seconds_of(lambda: make_passports(passports, options.scans))
        size = sum(path.stat().st_size for path in passports.iterdir())
        print(f"{options.scans} passports, {size / 2**30:.2f} GiB, made in {made:.0f} s", flush=True)
        how = BuildOptions(jobs=options.jobs, pattern="(?P<patient>p[0-9]+)_(?P<date>[0-9]{8})")
        figures: dict[str, Any] = {"scans": options.scans, "jobs": options.jobs, "passports_bytes": size}
        before = processor_seconds()
        figures["build_seconds"] = seconds_of(lambda: build_cohort(folder, cohort, how))
        figures["build_processor_seconds"] = processor_seconds() - before
        figures["unchanged_seconds"] = seconds_of(lambda: build_cohort(folder, cohort, how))
        _change(passports)
        figures["ten_changed_seconds"] = seconds_of(lambda: build_cohort(folder, cohort, how))
        figures["cohort_bytes"] = {path.name: path.stat().st_size for path in cohort.iterdir() if path.is_file()}
        figures["question_seconds"] = questions(cohort)
        for name, value in figures.items():
            print(f"{name:26}{value if not isinstance(value, float) else round(value, 2)}")
        print(json.dumps(figures))
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scans", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--folder", help="where the passports and the cohort are made; by default a temporary one")
    parser.add_argument("--keep", action="store_true", help="do not delete them")
    return parser.parse_args()


def seconds_of(work: Callable[[], Any]) -> float:
    """Return the wall time of a piece of work."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def processor_seconds() -> float:
    """Return the processor time of this process and of those that it has started, which other work does not change."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def make_passports(folder: Path, count: int) -> None:
    """Write synthetic passports, ``p<patient>_<date>_passport.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    bodies = [body(rng) for _ in range(BODIES)]
    texts = [[organ_text(organ) for organ in each] for each in bodies]
    for number in range(count):
        head = passport_text(header(bodies[0], number)).partition('"organs":')[0]
        organs = ",\n".join(varied(texts[number % BODIES], rng))
        text = f'{head}"organs": {{\n{organs}\n}}\n}}\n'
        day = f"20{10 + number // PATIENTS % 15:02}{1 + number % 12:02}{1 + number % 28:02}"
        (folder / f"p{number % PATIENTS:03}_{day}_{number:05}_passport.json").write_text(text, encoding="utf-8")


def organ_text(organ: OrganPassport) -> str:
    """Return an organ's line with places for what varies: writing all anew would take ten times as long."""
    document = organ_document(organ)
    document |= {"volume_mm3": "VOLUME", "hu_mean": "MEAN", "touches_border": "CUT"}
    text = json.dumps(document).replace('"VOLUME"', f"{organ.volume_mm3} VOLUME").replace('"MEAN"', "MEAN")
    return f'"{organ.label}": {text}'.replace('"CUT"', "CUT")


def body(rng: np.random.Generator) -> Passport:
    """Return a body of ellipsoids of all the sizes that organs have, the same order of sizes in every body."""
    table = load_label_table("total")
    organs = {label: ellipsoid(label, table[label].name, rng) for label in sorted(table)[:ORGANS]}
    affine = np.diag([1.5, 1.5, 1.5, 1.0])
    return Passport(organs=organs, shape=(300, 300, 400), affine=affine)


def ellipsoid(label: int, name: str, rng: np.random.Generator) -> OrganPassport:
    """Return an organ whose measures are those of an ellipsoid; its size goes by its label."""
    typical = np.sort(np.random.default_rng(label).uniform(8, 60, 3))
    semi_axes = np.sort(typical * rng.lognormal(0, 0.08, 3))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    sphere = rng.normal(size=(POINTS, 3))
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    centre = np.random.default_rng(1000 + label).uniform((-150, -80, -300), (150, 80, 300)) + rng.normal(0, 8, 3)
    covariance = turn @ np.diag(semi_axes**2 / 5) @ turn.T
    eigenvalues, eigenvectors = principal_axes(covariance)
    volume_mm3 = float(4 / 3 * np.pi * semi_axes.prod())
    p = 1.6075  # Thomsen's formula of an ellipsoid's surface
    products = [(semi_axes[i] * semi_axes[j]) ** p for i, j in ((0, 1), (0, 2), (1, 2))]
    return OrganPassport(
        label=label,
        name=name,
        voxel_count=round(volume_mm3 / 1.5**3),
        volume_mm3=volume_mm3,
        centroid_ras_mm=centre,
        covariance_mm2=covariance,
        eigenvalues_mm2=eigenvalues,
        eigenvectors=eigenvectors,
        boundary_points_ras_mm=centre + (sphere * semi_axes) @ turn.T,
        touches_border=False,
        hu_mean=float(rng.normal(60, 15)),
        hu_sd=15.0,
        hu_percentiles={percent: float(30 + percent) for percent in (5, 25, 50, 75, 95)},
        surface_area_mm2=float(4 * np.pi * (sum(products) / 3) ** (1 / p)),
        bounding_box_ras_mm=np.array([centre - semi_axes, centre + semi_axes]),
        obb_origin_ras_mm=centre,
        obb_size_mm=2 * semi_axes,
        n_components=1,
        largest_component_fraction=1.0,
        near_border=False,
    )


def header(whole: Passport, number: int) -> Passport:
    """Return a passport of no organ, of one of two models."""
    model = {"name": "fast" if number % 50 else "full", "task": "total", "version": "1"}
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    source = {"sha256": digest, "modality": "CT", "intensity_unit": "HU"}
    return replace(whole, organs={}, created="2026-01-01T00:00:00Z", source=source, model=model)


def varied(texts: Sequence[str], rng: np.random.Generator) -> Iterator[str]:
    """Yield a body's lines with volumes and intensities of its own, a few organs missing, cut, or far from usual."""
    for text in texts:
        chance = rng.random()
        if chance < 0.03:
            continue
        factor = rng.lognormal(0, 0.1) * (3 if chance > 0.999 else 1)
        before, _, rest = text.partition('"volume_mm3": ')
        volume, _, rest = rest.partition(" VOLUME")
        rest = rest.replace("MEAN", f"{rng.normal(60, 10):.9f}", 1)
        rest = rest.replace("CUT", "true" if chance > 0.95 else "false", 1)
        yield f'{before}"volume_mm3": {float(volume) * factor:.9f}{rest}'


def _change(folder: Path) -> None:
    for path in sorted(folder.iterdir())[:10]:
        path.write_bytes(path.read_bytes() + b"\n")


def questions(folder: Path, repeats: int = REPEATS) -> dict[str, tuple[float, float]]:
    """Return the median wall time of every question to a cohort just opened, of its opening, and processor times."""
    with Cohort(folder) as cohort:
        scan, patient = cohort.query("SELECT scan, patient FROM scans ORDER BY scan LIMIT 1").rows[0]
    asked: dict[str, Callable[[Cohort], Any]] = {
        "overview": lambda cohort: cohort.overview(),
        "distribution, all organs": lambda cohort: cohort.distribution("volume_mm3"),
        "distribution, one organ": lambda cohort: cohort.distribution("mean_hu", organs=("liver",)),
        "outliers, all organs": lambda cohort: cohort.outliers("volume_mm3"),
        "asymmetry, by pair": lambda cohort: cohort.asymmetry(),
        "asymmetry, by scan": lambda cohort: cohort.asymmetry(by_scan=True),
        "missing, by organ": lambda cohort: cohort.missing_organs(),
        "missing, by scan": lambda cohort: cohort.missing_organs(by_scan=True),
        "follow-up, all organs": lambda cohort: cohort.follow_up(patient),
        "nearest shapes": lambda cohort: cohort.nearest_shapes(scan, "liver"),
        "SQL, mean of a column by organ": lambda cohort: cohort.query(
            "SELECT name, avg(mean_hu) FROM organs GROUP BY name"
        ),
    }

    asked["to_dataframe"] = lambda cohort: cohort.to_dataframe()
    taken: dict[str, list[tuple[float, float]]] = {"opening": []}
    for name, ask in asked.items():
        for _ in range(repeats):
            with _timed(taken["opening"]):
                cohort = Cohort(folder)
            with cohort, _timed(taken.setdefault(name, [])):
                ask(cohort)
    return {name: tuple(np.median(times, axis=0).round(3).tolist()) for name, times in taken.items()}


@contextmanager
def _timed(times: list[tuple[float, float]]) -> Iterator[None]:
    """Add the wall and the processor time of what happens inside."""
    before, start = time.process_time(), time.perf_counter()
    yield
    times.append((time.perf_counter() - start, time.process_time() - before))


if __name__ == "__main__":
    sys.exit(main())
