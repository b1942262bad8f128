"""Every task and option that the official package was run with gives its labels, headers, names and statistics."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from support.processes import run_cli
from TotalPassportLib import totalsegmentator
from TotalPassportLib.image.label_names import stored_label_names
from TotalPassportLib.models.task import load_task

from .comparison import header_differences
from .conftest import AGREEMENT
from .official_tasks import TaskCase, task_cases, weights_path

REPOSITORY = Path(__file__).resolve().parents[3]
SHARED = REPOSITORY.parent / "shared"
CASES = {case.name: case for case in task_cases(SHARED)} if SHARED.is_dir() else {}
MOST_DIFFERENT = 1e-4
MINUTES = 600.0
"""What the dearest case may take on a machine with other work, seconds."""


@pytest.fixture(scope="module", autouse=True)
def official_weights(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The official weights in the environment, converted where they are needed and kept for all cases."""
    base = tmp_path_factory.getbasetemp()
    shared_by_all = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOTALPASSPORT_HOME", str(shared_by_all / "converted"))
        patch.setenv("TOTALSEG_WEIGHTS_PATH", weights_path(shared))
        yield


def voxels(path: Path) -> np.ndarray:
    return np.asanyarray(nibabel.load(path).dataobj)


WRITTEN_BY_ITK = {
    "pixdim", "xyzt_units", "regular", "qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z", "quatern_b",
    "quatern_c", "quatern_d", "qform_code", "sform_code", "dim_info", "descrip",
}  # fmt: skip
"""Fields of a header on the network's grid in which the official one bears the marks of SimpleITK, which wrote it: the
sizes of axes that are not there, and geometry that went through quaternions and is off in the last digits."""


def assert_same_file(found: Path, expected: Path) -> int:
    """Compare labels, header and names; return how many voxels differ."""
    ours, official = voxels(found), voxels(expected)
    assert ours.dtype == official.dtype
    differences = header_differences(found, expected)
    if "save_lowres" in expected.name:
        assert differences.keys() <= WRITTEN_BY_ITK
        assert np.allclose(nibabel.load(found).affine, nibabel.load(expected).affine, rtol=0, atol=1e-4)
    else:
        assert differences == {}
    names = [stored_label_names(nibabel.load(path).header) for path in (found, expected)]
    if "v1_order" in expected.name:  # the official header also names what only version 1 looked for
        searched = {label.name for label in load_task("total").labels.values()}
        names[1] = {value: name for value, name in names[1].items() if name in searched}
    assert names[0] == names[1]
    differing = int(np.count_nonzero(ours != official))
    assert differing <= MOST_DIFFERENT * official.size
    return differing


def assert_same_files(found: Path, case: TaskCase) -> int:
    if not case.is_folder:
        return assert_same_file(found, case.expected)
    names = sorted(path.name for path in case.expected.iterdir())
    assert sorted(path.name for path in found.iterdir()) == names
    return max(assert_same_file(found / name, case.expected / name) for name in names)


def assert_same_statistics(found: Path, expected: Path | None, differing_voxels: int) -> None:
    """Compare files of statistics, byte for byte unless labels differ; such a voxel is missed in one organ, and in
    another it is one too many."""
    if expected is None:
        return
    if differing_voxels == 0:
        assert found.read_bytes() == expected.read_bytes()
        return
    ours, official = (json.loads(path.read_text(encoding="utf-8")) for path in (found, expected))
    assert list(ours) == list(official)
    assert sum(ours[name] != official[name] for name in official) <= 2 * differing_voxels


IN_OTHER_WORDS = {
    "total_mr.fast.example_mr_sm": ("--fast", "-s", "-sa", "median", "-sii", "--ml"),
    "total_mr.roi.mr_fractions": (
        "-ml", "-rs", "liver", "aorta", "iliac_vena_right", "scapula_left", "autochthon_right", "iliopsoas_right",
    ),
    "body.masks.ct_oblique": ("-f",),
    "total.fast_roi_nothing.ct_soft": ("-f", "-ml", "-rs", "pancreas"),
    "total.fast_higher_order_legacy.ct_oblique": ("-f", "-ml", "--high_order_resampling_LEGACY"),
    "total.fast_save_lowres.ct_oblique": ("-f", "-ml", "-sl", "-nr", "4", "-ns", "2", "-q", "-d", "cpu"),
}  # fmt: skip
"""Case -> the official options that ask for the same, short ones and other spellings among them."""
BY_FUNCTION = (
    "total_mr.fast.example_mr_sm",
    "body.masks.ct_oblique",
    "pleural_pericard_effusion.ct_oblique",
    "total.fast_roi_robust.ct_oblique",
    "total.fast_cubic.ct_thick",
)
"""Cases of every kind of output and argument, of those that take little time."""


def command_line(case: TaskCase) -> tuple[str, ...]:
    """Return the official options that ask for what the function's arguments do."""
    if case.name in IN_OTHER_WORDS:
        return IN_OTHER_WORDS[case.name]
    words = [] if case.is_folder else ["--ml"]
    for name, value in case.options.items():
        if value is True:
            words.append(f"--{name}")
        elif name != "ml":
            words += [f"--{name}", *map(str, value if isinstance(value, list) else [value])]
    return tuple(words)


@pytest.mark.skipif(not CASES, reason="the folder ../shared with real scans and oracles is not there")
@pytest.mark.parametrize("name", CASES)
def test_the_official_command_line_writes_the_official_files(name: str, tmp_path: Path, record_property: Any) -> None:
    case = CASES[name]
    output = tmp_path / "out" / ("masks" if case.is_folder else "labels.nii.gz")
    words = ("-i", case.scan, "-o", output, "-ta", case.task, *command_line(case))
    process = run_cli("totalsegmentator", *words, timeout=MINUTES)
    assert process.returncode == 0, process.stderr
    differing = assert_same_files(output, case)
    record_property(AGREEMENT, (name, f"{differing} voxels differ"))
    there = {path.name for path in output.parent.iterdir()}
    assert_same_statistics(output.parent / "statistics.json", case.statistics, differing)
    assert there == {output.name} | ({"statistics.json"} if case.statistics else set())


@pytest.mark.skipif(not CASES, reason="the folder ../shared with real scans and oracles is not there")
@pytest.mark.parametrize("name", BY_FUNCTION)
def test_the_official_function_does_the_same(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    output = tmp_path / ("masks" if case.is_folder else "labels.nii.gz")
    options = {"ml": True, "quiet": True, **case.options}
    if case.statistics is not None:
        options["statistics"] = tmp_path / "numbers.json"
    totalsegmentator(case.scan, output, task=case.task, **options)
    assert_same_statistics(tmp_path / "numbers.json", case.statistics, assert_same_files(output, case))


def test_a_task_for_mr_says_so_when_it_gets_a_ct(shared: Path, tmp_path: Path) -> None:
    scan = shared / "parity_tasks" / "inputs" / "ct_oblique.nii.gz"
    process = run_cli("totalsegmentator", "-i", scan, "-o", tmp_path / "out", "-ta", "total_mr", "-ff")
    assert process.returncode == 0, process.stderr
    assert "is for MR" in process.stderr
