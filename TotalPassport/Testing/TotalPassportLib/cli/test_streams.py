"""The command line keeps its word wherever its output goes, and whoever and wherever its user is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from parity.cases import FIXTURES
from support.processes import command_line, environment, files_below, heed_interrupts, sentences
from TotalPassportLib.base.files import DATA_FOLDER

LONG_RUN = ["run", str(DATA_FOLDER / "demo" / "demo_ct.nii.gz"), "-o", "out", "--model"]
DEMO = ["run", "-o", "out", "--model", "demo"]
RUN = ["run", str(FIXTURES / "scans" / "thin.nii.gz"), "-o", "out", "--model"]
needs_full = pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="optional: only Linux has a device that is always full"
)
CANCELLED = "totalpassport: Cancelled. Nothing was written."
RESULTS = ["out/thin_passport.json", "out/thin_segmentation.nii.gz"]


def shell(
    folder: Path, arguments: list[str], redirections: str, **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """Run our command line as a shell connects it; what it ends with is the exit code."""
    script = f'set -o pipefail; "$@" {redirections}'
    return subprocess.run(
        ["bash", "-c", script, "bash", *command_line(*arguments)],
        capture_output=True,
        cwd=folder,
        env=environment(**variables),
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    "redirections",
    ["2>&-", ">&-", "<&- >&- 2>&-", pytest.param("2>/dev/full", marks=needs_full), "| head -n 1 >&2"],
    ids=["error closed", "output closed", "all closed", "error full", "reader gone"],
)
def test_results_are_kept_and_the_exit_code_is_0(redirections: str, threshold_model: Path, tmp_path: Path) -> None:
    process = shell(tmp_path, [*RUN, str(threshold_model)], redirections)
    assert process.returncode == 0, process.stderr
    assert b"Traceback" not in process.stderr
    assert b"ignored" not in process.stderr
    assert files_below(tmp_path) == RESULTS


@needs_full
def test_output_that_is_full_is_told_and_the_results_are_kept(threshold_model: Path, tmp_path: Path) -> None:
    process = shell(tmp_path, [*RUN, str(threshold_model)], ">/dev/full")
    assert process.returncode == 2
    (sentence,) = sentences(process.stderr.decode())
    assert sentence.startswith("totalpassport: The disk is full; writing 'standard output' failed.")
    assert files_below(tmp_path) == RESULTS


@pytest.mark.parametrize("arguments", [["--help"], ["models", "list"], ["run", "--help"], ["--version"]])
def test_a_reader_that_leaves_early_is_no_failure(arguments: list[str], tmp_path: Path) -> None:
    process = shell(tmp_path, arguments, "| true")
    assert (process.returncode, process.stderr) == (0, b"")


@pytest.mark.parametrize("redirections", ["2>&-", pytest.param("2>/dev/full", marks=needs_full)])
@pytest.mark.parametrize("arguments", [[*DEMO, "nowhere.nii"], ["run"], ["compare", "a", "b"]])
def test_an_error_that_nobody_can_read_still_has_its_exit_code(
    arguments: list[str], redirections: str, tmp_path: Path
) -> None:
    process = shell(tmp_path, arguments, redirections)
    assert (process.returncode, process.stdout) == (2, b"")


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "cp437", "utf-16"])
def test_a_terminal_of_few_letters_shows_the_rest_as_escapes(encoding: str, tmp_path: Path) -> None:
    process = shell(tmp_path, [*DEMO, "肝 größe.nii"], "", PYTHONIOENCODING=encoding)
    assert process.returncode == 2
    text = process.stderr.decode(encoding)
    assert text.startswith("totalpassport: There is no file '")
    assert text.count("\n") == 1
    assert ("肝" if encoding == "utf-16" else "\\u809d") in text


def test_a_file_name_that_is_no_text_is_shown_as_it_can_be(tmp_path: Path) -> None:
    process = shell(tmp_path, [*DEMO, os.fsdecode(b"a\xff\x1b[31m\n.nii")], "")
    assert process.returncode == 2
    assert b"'a\\udcff\\x1b[31m .nii'" in process.stderr
    assert process.stderr.count(b"\n") == 1


def test_what_cannot_be_understood_is_shown_without_acting(tmp_path: Path) -> None:
    process = shell(tmp_path, ["run", "a", "-o", "b", "\x1b[2Jc"], "")
    assert process.returncode == 2
    assert b"\x1b" not in process.stderr


WITHOUT_HOME = """
import pwd, sys
def unknown(number):
    raise KeyError(f"getpwuid(): uid not found: {number}")
pwd.getpwuid = unknown
from TotalPassportLib.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("arguments", [["models", "list"], RUN], ids=["models list", "run"])
def test_a_user_without_home_and_account_can_work(arguments: list[str], threshold_model: Path, tmp_path: Path) -> None:
    variables = environment(TMPDIR=str(tmp_path))
    for name in ("HOME", "XDG_DATA_HOME", "TOTALPASSPORT_HOME"):
        variables.pop(name, None)
    given = [*arguments, str(threshold_model)] if arguments is RUN else arguments
    process = subprocess.run(
        [sys.executable, "-c", WITHOUT_HOME, *given], capture_output=True, env=variables, cwd=tmp_path, check=False
    )
    assert process.returncode == 0, process.stderr
    private = tmp_path / f"totalpassport-{os.getuid()}"
    assert private.stat().st_mode & 0o077 == 0


def test_a_folder_of_somebody_else_is_not_taken_for_the_home(tmp_path: Path) -> None:
    variables = environment(TMPDIR=str(tmp_path))
    for name in ("HOME", "XDG_DATA_HOME", "TOTALPASSPORT_HOME"):
        variables.pop(name, None)
    folder = tmp_path / f"totalpassport-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    process = subprocess.run(
        [sys.executable, "-c", WITHOUT_HOME, "models", "list"], capture_output=True, env=variables, check=False
    )
    assert process.returncode == 2
    assert b"belongs to somebody else. Set TOTALPASSPORT_HOME" in process.stderr
    assert b"Traceback" not in process.stderr


@pytest.mark.parametrize("kilobytes", [60_000, 100_000, 150_000, 250_000])
def test_a_limit_so_low_that_libraries_cannot_be_loaded_is_a_sentence(kilobytes: int, tmp_path: Path) -> None:
    process = subprocess.run(
        ["bash", "-c", f'ulimit -v {kilobytes}; exec "$@"', "bash", *command_line(*LONG_RUN, "demo")],
        capture_output=True,
        cwd=tmp_path,
        env=environment(),
        check=False,
    )
    assert process.returncode == 3, process.stderr
    (sentence,) = sentences(process.stderr.decode())
    assert sentence.startswith("totalpassport: ")
    assert [name for name in files_below(tmp_path) if "demo_ct" in name] == []


def test_too_few_open_files_are_a_sentence(tmp_path: Path) -> None:
    process = subprocess.run(
        ["bash", "-c", 'ulimit -n 4; exec "$@"', "bash", *command_line(*LONG_RUN, "demo")],
        capture_output=True,
        cwd=tmp_path,
        env=environment(),
        check=False,
    )
    assert process.returncode == 2
    assert sentences(process.stderr.decode())[-1].startswith("totalpassport: The system allows no more open files.")


INTERRUPTED = """
import os, signal, sys
seen = 0
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        global seen
        if name == {module!r} and not seen:
            seen += 1
            for _ in range({times}):
                os.kill(os.getpid(), {number})
sys.meta_path.insert(0, Interrupting())
"""


@pytest.mark.parametrize("module", ["argparse", "TotalPassportLib.base.streams", "numpy", "nibabel", "onnxruntime"])
@pytest.mark.parametrize(("number", "times"), [(signal.SIGINT, 1), (signal.SIGINT, 2)], ids=["once", "twice"])
def test_an_interrupt_while_libraries_are_loaded_ends_in_a_sentence(
    module: str, number: int, times: int, threshold_model: Path, tmp_path: Path
) -> None:
    noise = tmp_path / "noise"
    noise.mkdir()
    program = INTERRUPTED.format(module=module, times=times, number=int(number))
    (noise / "sitecustomize.py").write_text(program, encoding="utf-8")
    variables = environment()
    variables["PYTHONPATH"] = f"{noise}{os.pathsep}{variables['PYTHONPATH']}"
    process = subprocess.run(
        command_line(*RUN, threshold_model),
        capture_output=True,
        cwd=tmp_path,
        env=variables,
        preexec_fn=heed_interrupts,
        check=False,
    )
    assert (process.returncode, sentences(process.stderr.decode())) == (5, [CANCELLED])
    assert files_below(tmp_path / "out") == []


def test_interrupting_again_and_again_leaves_nothing_half(slow_model: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        command_line(*LONG_RUN, slow_model),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=environment(),
        preexec_fn=heed_interrupts,
    )
    try:
        assert process.stderr.readline().startswith(b"  "), "a stage is over, and the next is the network's"
        for _ in range(20):
            process.send_signal(signal.SIGINT)
            time.sleep(0.01)
        _, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert (process.returncode, sentences(err.decode())) == (5, [CANCELLED])
    assert files_below(tmp_path / "out") == []


WARNING = """
import sys
class Warning_:
    def find_spec(self, name, path=None, target=None):
        if name == "nibabel.nifti1":
            import logging, warnings
            warnings.warn("old library", DeprecationWarning)
            warnings.warn("invalid value encountered in cast", RuntimeWarning)
            logging.getLogger("nibabel.global").critical("extension size is not a multiple of 16")
sys.meta_path.insert(0, Warning_())
"""


@pytest.mark.parametrize("debug", [True, False], ids=["debugging", "as users do"])
def test_what_libraries_say_to_developers_reaches_only_those(
    debug: bool, threshold_model: Path, tmp_path: Path
) -> None:
    noise = tmp_path / "noise"
    noise.mkdir()
    (noise / "sitecustomize.py").write_text(WARNING, encoding="utf-8")
    variables = environment(**({"TOTALPASSPORT_DEBUG": "1"} if debug else {}))
    variables["PYTHONPATH"] = f"{noise}{os.pathsep}{variables['PYTHONPATH']}"
    process = subprocess.run(
        command_line(*RUN, threshold_model), capture_output=True, cwd=tmp_path, env=variables, check=False
    )
    assert process.returncode == 0, process.stderr
    assert (b"extension size" in process.stderr) == debug
    assert debug or sentences(process.stderr.decode()) == []
