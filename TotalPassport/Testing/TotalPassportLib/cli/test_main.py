"""The command line as users meet it: real processes, exit codes, one sentence, and nothing half-written."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from parity.cases import FIXTURES
from PIL import Image
from support.bad_scans import BAD_SCANS, OUT_OF_MEMORY, SPACING, named
from support.networks import (
    edit_model,
    model_document,
    part_document,
    save_network,
    threshold_layers,
    write_model,
)
from support.processes import (
    assert_one_sentence,
    command_line,
    environment,
    eventually,
    files_below,
    heed_interrupts,
    run_cli,
    sentences,
)
from support.scans import save_nifti
from TotalPassportLib import __version__
from TotalPassportLib.base.files import DATA_FOLDER
from TotalPassportLib.passport import read_passport

ADDRESS_SPACE = 4 * 2**30
"""Room for the libraries, but not for claims of many gigabytes."""


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", BAD_SCANS)
def test_a_scan_that_cannot_be_used_ends_in_one_sentence(name: str, threshold_model: Path, tmp_path: Path) -> None:
    scan = BAD_SCANS[name].make(tmp_path)
    inputs = files_below(tmp_path)
    before = digest(scan) if scan.is_file() else None
    process = run_cli(
        "run", scan, "-o", tmp_path / "out", "--model", threshold_model, limits={resource.RLIMIT_AS: ADDRESS_SPACE}
    )
    assert_one_sentence(process, 3 if name in OUT_OF_MEMORY else 2, BAD_SCANS[name].says)
    assert files_below(tmp_path) == inputs, "a failure leaves no file behind"
    assert before is None or digest(scan) == before


@pytest.mark.parametrize(("dtype", "highest"), [(np.uint8, 256), (np.uint16, 3000)], ids=["8-bit", "MR-like"])
def test_a_scan_that_is_hardly_a_ct_is_segmented_with_a_warning(
    dtype: type, highest: int, threshold_model: Path, tmp_path: Path
) -> None:
    voxels = np.random.default_rng(0).integers(0, highest, (24, 24, 24)).astype(dtype)
    scan = save_nifti(tmp_path / "scan.nii.gz", voxels, SPACING)
    process = run_cli("run", scan, "-o", tmp_path / "out", "--model", threshold_model)
    assert process.returncode == 0, process.stderr
    assert sentences(process.stderr)[0].startswith("totalpassport: warning: The values of 'scan.nii.gz' go from 0 to")
    assert len(files_below(tmp_path / "out")) == 2


def not_onnx(folder: Path) -> Path:
    return named("model.onnx", b"this is no network" * 100)(folder)


def without_description(folder: Path) -> Path:
    return save_network(folder / "model.onnx", threshold_layers())


def wrong_hash(folder: Path) -> Path:
    return edit_model(write_model(folder / "m"), lambda document: document["parts"][0].update(sha256="0" * 64))


def wrong_rank(folder: Path) -> Path:
    (folder / "m").mkdir()
    network = save_network(folder / "m" / "network.onnx", threshold_layers(rank=4), rank=4)
    (folder / "m" / "model.json").write_text(json.dumps(model_document([part_document(network)])), encoding="utf-8")
    return folder / "m"


def damaged_network(folder: Path) -> Path:
    model = write_model(folder / "m", part={"sha256": None})
    network = model / "network.onnx"
    network.write_bytes(network.read_bytes()[:-40])
    return model


def without_network(folder: Path) -> Path:
    model = write_model(folder / "m")
    (model / "network.onnx").unlink()
    return model


BAD_MODELS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (lambda folder: folder / "nowhere", "There is no model"),
    "not ONNX": (not_onnx, "is not an ONNX network"),
    "no description": (without_description, "carries no description"),
    "empty folder": (lambda folder: folder, "There is no model at"),
    "wrong sha256": (wrong_hash, "SHA-256 differs"),
    "network missing": (without_network, "is missing"),
    "network damaged": (damaged_network, "is not an ONNX network"),
    "wrong rank": (wrong_rank, "dimensions instead of 5"),
    "wrong channels": (lambda folder: write_model(folder / "m", part={"label_values": [0, 5]}), "instead of"),
    "description not JSON": (lambda folder: named("model.json", b"{")(folder), "is not valid JSON"),
    "description of the future": (
        lambda folder: write_model(folder / "m", schema="totalpassport-model/2"),
        "is not a valid model document",
    ),
}


@pytest.mark.parametrize("name", BAD_MODELS)
def test_a_model_that_cannot_be_used_ends_in_one_sentence(name: str, phantom_ct: Path, tmp_path: Path) -> None:
    make, says = BAD_MODELS[name]
    (tmp_path / "models").mkdir()
    model = make(tmp_path / "models")
    process = run_cli("run", phantom_ct, "-o", tmp_path / "out", "--model", model)
    assert_one_sentence(process, 4, says)
    assert files_below(tmp_path / "out") == []


def test_an_unknown_provider_is_refused(threshold_model: Path, phantom_ct: Path, tmp_path: Path) -> None:
    arguments = ("run", phantom_ct, "-o", tmp_path / "out", "--model", threshold_model, "--provider", "abacus")
    assert_one_sentence(run_cli(*arguments), 2, "There is no provider 'abacus'")


def test_an_output_folder_that_is_a_file_is_refused(threshold_model: Path, phantom_ct: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"precious")
    for folder in (tmp_path / "out", tmp_path / "out" / "below"):
        process = run_cli("run", phantom_ct, "-o", folder, "--model", threshold_model)
        assert_one_sentence(process, 2, "out")
    assert (tmp_path / "out").read_bytes() == b"precious"


def test_an_output_folder_that_cannot_be_written_to_is_refused(threshold_model: Path, phantom_ct: Path) -> None:
    # /proc refuses new files even to root.
    process = run_cli("run", phantom_ct, "-o", "/proc/self", "--model", threshold_model)
    assert_one_sentence(process, 2, "'/proc/self'")


def test_a_file_that_grows_beyond_the_limit_leaves_nothing_behind(
    threshold_model: Path, phantom_ct: Path, tmp_path: Path
) -> None:
    process = run_cli(
        *("run", phantom_ct, "-o", tmp_path / "out", "--model", threshold_model),
        limits={resource.RLIMIT_FSIZE: 1000},
    )
    assert_one_sentence(process, 2, "writing")
    assert files_below(tmp_path / "out") == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4k", "none", folder]
    mounted = subprocess.run(command, capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("optional: only root can make a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_named_and_nothing_is_left_on_it(
    small_disk: Path, threshold_model: Path, phantom_ct: Path
) -> None:
    process = run_cli("run", phantom_ct, "-o", small_disk, "--model", threshold_model)
    assert_one_sentence(process, 2, "The disk is full")
    assert files_below(small_disk) == []


def test_a_run_does_not_write_over_its_input(threshold_model: Path, phantom_ct: Path, tmp_path: Path) -> None:
    scan = tmp_path / "ct.nii.gz"
    scan.write_bytes(phantom_ct.read_bytes())
    (tmp_path / "ct_segmentation.nii.gz").symlink_to(scan)
    process = run_cli("run", scan, "-o", tmp_path, "--model", threshold_model)
    assert_one_sentence(process, 2, "is the input itself")
    assert digest(scan) == digest(phantom_ct)


def test_a_passport_does_not_replace_its_segmentation(tmp_path: Path) -> None:
    segmentation = save_nifti(tmp_path / "seg.nii.gz", np.ones((9, 9, 9), np.uint8), SPACING)
    before = digest(segmentation)
    assert_one_sentence(run_cli("passport", segmentation, "-o", segmentation), 2, "is the input itself")
    assert digest(segmentation) == before


@pytest.mark.parametrize(
    ("table", "says"),
    [("totall", "There is no label table 'totall'"), ("missing.json", "missing.json"), ("seg.nii.gz", "seg.nii.gz")],
)
def test_labels_that_are_no_table_are_refused(table: str, says: str, tmp_path: Path) -> None:
    segmentation = save_nifti(tmp_path / "seg.nii.gz", np.ones((9, 9, 9), np.uint8), SPACING)
    process = run_cli("passport", segmentation, "-o", "p.json", "--labels", table, cwd=tmp_path)
    assert_one_sentence(process, 2, says)
    assert files_below(tmp_path) == ["seg.nii.gz"]


def test_a_passport_uses_the_names_in_the_header(shared: Path, tmp_path: Path) -> None:
    segmentation = shared / "data" / "example_seg_fast.nii.gz"
    output = tmp_path / "passports" / "p.json"
    process = run_cli("passport", segmentation, "-o", output)
    assert process.returncode == 0, process.stderr
    assert sentences(process.stderr) == []
    assert process.stdout.startswith("40 organs")
    assert str(output) in process.stdout
    assert read_passport(output).organs[5].name == "liver"


def test_a_run_with_a_preview_writes_a_picture_of_the_right_size(
    threshold_model: Path, phantom_ct: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "Ergebnisse für Übung 1"
    process = run_cli("run", phantom_ct, "-o", folder, "--model", threshold_model, "--preview")
    assert process.returncode == 0, process.stderr
    assert "3 organs" in process.stdout
    assert all(name in process.stdout for name in files_below(folder))
    assert len(files_below(folder)) == 3
    with Image.open(folder / "phantom_preview.png") as picture:
        picture.load()
        # 62 x 62 x 50 voxels of 2 x 2 x 2.5 mm are 124 x 124 x 125 pixels of 1 mm; three panels, two gaps of 8.
        assert picture.size == (3 * 124 + 2 * 8, 125)
        colours = np.unique(np.asarray(picture).reshape(-1, 3), axis=0)
    assert (np.ptp(colours.astype(int), axis=1) > 20).any(), "the organs are in colour"


def test_a_network_that_carries_its_description_runs_alone(phantom_ct: Path, tmp_path: Path) -> None:
    text = json.dumps(model_document([part_document(None)]))
    network = save_network(tmp_path / "alone.onnx", threshold_layers(), metadata=text)
    process = run_cli("run", phantom_ct, "-o", tmp_path / "out", "--model", network)
    assert process.returncode == 0, process.stderr
    assert len(read_passport(tmp_path / "out" / "phantom_passport.json").organs) == 3
    onnx.checker.check_model(onnx.load(network))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_run_that_is_interrupted_in_its_middle_leaves_nothing(
    number: signal.Signals, slow_model: Path, phantom_ct: Path, tmp_path: Path
) -> None:
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        command_line("run", phantom_ct, "-o", tmp_path / "out", "--model", slow_model),
        stdout=subprocess.PIPE,
        stderr=terminal,
        env=environment(),
        preexec_fn=heed_interrupts,
    )
    os.close(terminal)
    shown = bytearray()

    def inferring() -> bool:
        shown.extend(os.read(controller, 4096))
        return b" infer" in shown

    assert eventually(inferring)
    process.send_signal(number)
    stdout, _ = process.communicate(timeout=120)
    while True:
        try:
            shown.extend(os.read(controller, 4096))
        except OSError:  # Linux reports the end of a terminal as an error
            break
    os.close(controller)
    assert process.returncode == 5
    assert stdout == b""
    text = shown.decode()
    assert "%" in text, "a terminal is shown the progress"
    assert "totalpassport: Cancelled. Nothing was written." in text
    assert "Traceback" not in text
    assert files_below(tmp_path / "out") == []


def test_the_version_is_told() -> None:
    process = run_cli("--version", fresh=True)
    assert (process.returncode, process.stdout.strip()) == (0, f"totalpassport {__version__}")


@pytest.mark.parametrize("command", [[], ["run"], ["passport"], ["demo"]], ids=["top", "run", "passport", "demo"])
def test_help_names_the_exit_codes(command: list[str]) -> None:
    process = run_cli(*command, "--help", fresh=True)
    assert process.returncode == 0
    assert "exit codes" in process.stdout
    assert "cancelled" in process.stdout


def test_a_mistyped_command_is_bad_input() -> None:
    process = run_cli("segment", "ct.nii.gz")
    assert process.returncode == 2
    assert "Traceback" not in process.stderr


def test_the_demo_shows_everything(tmp_path: Path) -> None:
    if not (DATA_FOLDER / "demo" / "model.json").exists():
        pytest.skip("the demo model is not there")
    process = run_cli("demo", "-o", tmp_path / "demo", fresh=True)
    assert process.returncode == 0, process.stderr
    written = files_below(tmp_path / "demo")
    assert [name.rsplit("_", 1)[1] for name in written] == ["passport.json", "preview.png", "segmentation.nii.gz"]
    passport = read_passport(tmp_path / "demo" / written[0])
    assert len(passport.organs) >= 20
    for organ in passport.organs.values():
        assert organ.name in process.stdout
    assert "no medical model" in process.stdout
    assert "Next:" in process.stdout
    assert not any(finding.code == "unknown_scan" for finding in passport.findings), "it is the very scan that it knows"


def test_the_demo_model_on_any_other_scan_says_that_its_organs_mean_nothing(tmp_path: Path) -> None:
    ct = FIXTURES / "scans" / "oblique_3mm.nii.gz"
    process = run_cli("run", ct, "-o", tmp_path, "--model", "demo", "--preview")
    assert process.returncode == 0, process.stderr
    (line,) = [line for line in process.stdout.splitlines() if "error: model does not know this scan:" in line]
    assert "The model 'demo' knows only the sample that comes with it" in line
    passport = read_passport(tmp_path / "oblique_3mm_passport.json")
    assert passport.findings[0].code == "unknown_scan"
    assert passport.findings[0].severity == "error"
    run_cli("export", tmp_path / "oblique_3mm_passport.json", "-o", tmp_path / "table.csv")
    rows = (tmp_path / "table.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert len(rows) == len(passport.organs)
    assert all("unknown_scan" in row for row in rows)
