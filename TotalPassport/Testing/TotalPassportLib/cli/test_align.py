"""``totalpassport align`` as users meet it: real processes, a table and a verdict, or one sentence."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
from support.passports import VERTEBRAE, body, moved, swapped
from support.processes import assert_one_sentence, files_below, run_cli
from TotalPassportLib.cli.main import main
from TotalPassportLib.passport import write_passport
from TotalPassportLib.passport.document import passport_text

SHIFT_RAS_MM = (12.0, -30.0, 45.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two passports of one body; in the moving one everything lies elsewhere, and the thighs are mixed up."""
    folder = tmp_path_factory.mktemp("passports")
    shift = np.eye(4)
    shift[:3, 3] = SHIFT_RAS_MM
    write_passport(body(), folder / "fixed.json")
    write_passport(swapped(moved(body(), shift), (75, 76)), folder / "moving.json")
    return folder


def align(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return run_cli("align", folder / "fixed.json", folder / "moving.json", *arguments)


def test_align_writes_the_transform_and_prints_a_residual_for_every_organ_and_a_verdict(
    folder: Path, tmp_path: Path
) -> None:
    outputs = [tmp_path / name for name in ("t.tfm", "t.h5", "t.json")]
    process = align(folder, *(argument for path in outputs for argument in ("-o", path)))
    assert process.returncode == 0, process.stderr
    lines = process.stdout.splitlines()
    assert lines[0].split() == ["label", "organ", "residual", "mm", "weight", "remarks"]
    assert {line.split()[1] for line in lines[1:21]} == {organ.name for organ in body().organs.values()}
    assert {line.split()[1] for line in lines if line.endswith("moved or mislabelled")} == {"femur_left", "femur_right"}
    assert "Good: the centres of 20 organs lie 0.0 mm apart" in process.stdout
    assert files_below(tmp_path) == ["t.h5", "t.json", "t.tfm"]
    for path in outputs[:2]:
        transform = SimpleITK.ReadTransform(str(path))
        # From fixed to moving, and LPS: the first two coordinates are those of RAS with the sign turned.
        assert np.allclose(transform.TransformPoint((0.0, 0.0, 0.0)), np.multiply(SHIFT_RAS_MM, (-1, -1, 1)), atol=0.01)
    assert np.allclose(
        np.array(json.loads(outputs[2].read_text())["moving_from_fixed"])[:3, 3], SHIFT_RAS_MM, atol=0.01
    )


@pytest.mark.parametrize("options", [("--kind", "similarity"), ("--kind", "affine"), ("--no-icp",)], ids=" ".join)
def test_kinds_and_methods_are_options(options: tuple[str, ...], folder: Path, tmp_path: Path) -> None:
    process = align(folder, "-o", tmp_path / "t.json", *options)
    assert process.returncode == 0, process.stderr
    document = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))
    assert document["kind"] == (options[1] if options[0] == "--kind" else "rigid")
    assert (document["surface_distance_mm"] is None) == ("--no-icp" in options)


def test_an_output_that_no_program_would_read_is_refused_before_any_work(folder: Path, tmp_path: Path) -> None:
    assert_one_sentence(
        align(folder, "-o", tmp_path / "good.tfm", "-o", tmp_path / "t.mat"), 2, "no name for a transform"
    )
    assert_one_sentence(align(folder, "-o", tmp_path / "nowhere" / "t.tfm"), 2, "There is no file or folder")
    assert files_below(tmp_path) == []


def test_what_cannot_be_told_is_refused_and_an_older_result_is_kept(folder: Path, tmp_path: Path) -> None:
    write_passport(body(VERTEBRAE[:2]), tmp_path / "two.json")
    (tmp_path / "t.tfm").write_text("an older result")
    process = run_cli("align", folder / "fixed.json", tmp_path / "two.json", "-o", tmp_path / "t.tfm")
    assert_one_sentence(process, 2, "2 organs in common; an alignment needs 3. Segment more organs")
    assert (tmp_path / "t.tfm").read_text() == "an older result"
    assert files_below(tmp_path) == ["t.tfm", "two.json"]


def organ_field(field: str, value: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda document: document["organs"]["5"].update({field: value})


def geometry(field: str, value: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda document: document["geometry"].update({field: value})


def many_organs(document: dict[str, Any]) -> None:
    """Add 5,000 organs that both passports have, piled up on one point."""
    organ = document["organs"]["5"] | {"boundary_points": [], "centroid": [0.0, 0.0, 0.0], "voxel_count": 10**9}
    document["organs"] |= {str(label): organ | {"name": f"label_{label}"} for label in range(200, 5_200)}


EDITS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "NaN": (organ_field("volume_mm3", float("nan")), "NaN is not a JSON number"),
    "an infinite point": (organ_field("boundary_points", [[float("inf"), 0, 0]]), "Infinity is not a JSON number"),
    "a centroid of text": (organ_field("centroid", ["a", "b", "c"]), "must be number"),
    "a centroid of one number": (organ_field("centroid", [1.0]), "must contain at least 3 items"),
    "a centroid beyond the solar system": (organ_field("centroid", [1e300, 0, 0]), "which no organ in a scan does"),
    "a point beyond the solar system": (organ_field("boundary_points", [[0, -1e250, 0]]), "no organ in a scan does"),
    "no volume": (organ_field("volume_mm3", 0), "has 0 mm3"),
    "a volume of next to nothing": (organ_field("volume_mm3", 5e-324), "has 4.94066e-324 mm3"),
    "a singular affine": (geometry("affine", [[0, 0, 0, 0]] * 3 + [[0, 0, 0, 1]]), "an image grid that no scan has"),
    "a projective affine": (
        geometry("affine", [[3, 0, 0, 0], [0, 3, 0, 0], [0, 0, 3, 0], [0, 1, 0, 1]]),
        "no scan has",
    ),
    "an enormous image": (geometry("shape", [10**15, 10**15, 10**15]), "an image grid that no scan has"),
    "an image beyond all numbers": (geometry("shape", [10**308] * 3), "an image grid that no scan has"),
    "organs missing": (lambda document: document.pop("organs"), "must contain"),
    "no organs": (lambda document: document.update(organs={}), "no organ in common"),
    "organs in a list": (lambda document: document.update(organs=[1, 2]), "must be object"),
    "a later version": (
        lambda document: document.update(schema="totalpassport-passport/9"),
        "format 9",
    ),
    "a name like a novel": (organ_field("name", "x" * 1_000_000), "no organ"),
}


@pytest.fixture
def kept_signals() -> Iterator[None]:
    """Undo what the command line does to the signals of its process."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.filterwarnings("error")
@pytest.mark.usefixtures("kept_signals")
@pytest.mark.parametrize("name", EDITS)
def test_a_hostile_passport_ends_in_one_sentence(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit, says = EDITS[name]
    document = json.loads(passport_text(body((5, 6))))
    edit(document)
    (tmp_path / "bad.json").write_text(json.dumps(document), encoding="utf-8")
    write_passport(body((6,)) if name == "a name like a novel" else body(), tmp_path / "good.json")
    paths = [tmp_path / "bad.json", tmp_path / "good.json"]
    files = [str(path) for path in (paths if len(name) % 2 else reversed(paths))]
    assert main(["align", *files, "-o", str(tmp_path / "t.tfm")]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("totalpassport: ")
    assert printed.err.count("\n") == 1
    assert len(printed.err) < 1000
    assert ("1 organ in common" if name == "a name like a novel" else says) in printed.err
    assert not (tmp_path / "t.tfm").exists()


TEXTS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not valid JSON"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "not valid JSON"),
    "200,000 arrays deep": (b'{"organs": ' + b"[" * 200_000, "nested too deeply"),
    "a key twice": (b'{"schema": 1, "schema": "totalpassport-passport/1"}', "a key stands twice"),
    "a number of a million digits": (b'{"schema": ' + b"9" * 1_000_000 + b"}", "is too large"),
    "a million small things": (b"[" + b"{}," * 1_000_000 + b"{}]", "is not a valid passport document"),
    "65 MB of nothing": (b" " * 65 * 2**20, "is larger than 64 MB"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_file_that_is_no_passport_ends_in_one_sentence(name: str, folder: Path, tmp_path: Path) -> None:
    content, says = TEXTS[name]
    (tmp_path / "bad.json").write_bytes(content)
    process = run_cli("align", folder / "fixed.json", tmp_path / "bad.json", "-o", tmp_path / "t.tfm")
    assert_one_sentence(process, 2, says)
    assert files_below(tmp_path) == ["bad.json"]


def test_names_from_a_file_neither_steer_the_terminal_nor_flood_it(tmp_path: Path) -> None:
    document = json.loads(passport_text(body()))
    document["organs"]["5"]["name"] = "liver\x1b[2J\r\n" + "x" * 1_000_000
    (tmp_path / "odd.json").write_text(json.dumps(document), encoding="utf-8")
    process = run_cli("align", tmp_path / "odd.json", tmp_path / "odd.json", "-o", tmp_path / "t.tfm")
    assert process.returncode == 0, process.stderr
    assert r"liver\x1b[2J\r\nxxx" in process.stdout
    assert "\x1b" not in process.stdout
    assert max(map(len, process.stdout.splitlines())) < 200


def test_five_thousand_organs_are_no_reason_to_hang(tmp_path: Path) -> None:
    document = json.loads(passport_text(body()))
    many_organs(document)
    (tmp_path / "many.json").write_text(json.dumps(document), encoding="utf-8")
    process = run_cli("align", tmp_path / "many.json", tmp_path / "many.json", "-o", tmp_path / "t.tfm")
    assert "Traceback" not in process.stderr
    assert process.returncode in (0, 2), process.stderr


def test_a_passport_is_never_overwritten_by_the_transform(folder: Path) -> None:
    before = (folder / "moving.json").read_bytes()
    assert_one_sentence(align(folder, "-o", folder / "moving.json"), 2, "is the input itself")
    assert (folder / "moving.json").read_bytes() == before


def test_a_poor_alignment_is_written_said_to_be_poor_and_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    """A rigid transform cannot lay two scans onto one another that differ by a tenth in scale."""
    larger = np.diag([1.1, 1.1, 1.1, 1.0])
    write_passport(body(), tmp_path / "a.json")
    write_passport(moved(body(), larger), tmp_path / "b.json")
    process = run_cli("align", "a.json", "b.json", "-o", "t.tfm", "--no-icp", cwd=tmp_path)
    assert process.returncode == 6, process.stderr
    assert "Poor: the centres" in process.stdout
    assert process.stderr.startswith("totalpassport: The alignment is poor")
    assert "--kind similarity" in process.stderr
    assert process.stderr.count("\n") == 1
    assert (tmp_path / "t.tfm").exists()
    process = run_cli("align", "a.json", "b.json", "-o", "t.tfm", "--no-icp", "--kind", "similarity", cwd=tmp_path)
    assert process.returncode == 0, process.stderr
