"""Why packages could not be installed: what the real pip writes of real failures becomes a cause and a cure."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.forks import set_limits
from support.wheels import write_wheel

CLOSED = "http://127.0.0.1:9/simple"
"""Nobody listens at this port."""


@pytest.fixture
def failure(application: Any, tmp_path: Path) -> Callable[..., Any]:
    """Return a function that lets pip fail and returns what is made of its log."""
    from TotalPassportSlicer.install.pip_failures import explain

    def fail(*arguments: str, offline: bool = False, limits: dict[int, int] | None = None, **variables: str) -> Any:
        log = tmp_path / "pip.log"
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith("PIP_") and "proxy" not in key.lower()
        }
        rules = {"PIP_CONFIG_FILE": os.devnull, "PIP_LOG": str(log), "PIP_RETRIES": "0", "PIP_TIMEOUT": "5"}
        command = [sys.executable, "-m", "pip", "install", "--no-cache-dir", "--target", str(tmp_path / "target")]
        done = subprocess.run(
            [*command, *arguments],
            env={**kept, **rules, **variables},
            capture_output=True,
            check=False,
            preexec_fn=(lambda: set_limits(limits)) if limits else None,
        )
        assert done.returncode != 0
        return explain(log.read_text(encoding="utf-8"), offline)

    return fail


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels of the hospital"
    folder.mkdir()
    return folder


def from_folder(folder: Path) -> tuple[str, ...]:
    return ("--no-index", "--find-links", str(folder))


def test_no_network(failure: Any) -> None:
    found = failure("--index-url", CLOSED, "nibabel")
    assert found.reason == "there is no connection to where packages come from"
    assert "install from a folder" in found.cure


def test_a_proxy_that_does_not_answer(failure: Any) -> None:
    found = failure("--index-url", "https://packages.example/simple", "nibabel", HTTPS_PROXY="http://127.0.0.1:9")
    assert "proxy" in found.reason
    assert "HTTPS_PROXY" in found.cure


def test_a_wheel_that_was_changed_on_its_way(failure: Any, wheels: Path, tmp_path: Path) -> None:
    write_wheel(wheels, "nibabel", "5.3", {"nibabel": ""})
    wanted = tmp_path / "requirements.txt"
    wanted.write_text(f"nibabel==5.3 --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    found = failure(*from_folder(wheels), "--require-hashes", "-r", str(wanted))
    assert "SHA-256" in found.reason


def test_a_wheel_for_another_python_in_the_folder(failure: Any, wheels: Path) -> None:
    wheel = write_wheel(wheels, "onnx", "1.20", {"onnx": ""})
    wheel.rename(wheels / "onnx-1.20-cp27-cp27m-win32.whl")
    found = failure(*from_folder(wheels), "onnx", offline=True)
    assert f"none of what there is of 'onnx' is for this Slicer's Python {sys.version.split()[0]}" in found.reason
    assert "section Setup" in found.cure


def test_a_wheel_that_the_folder_lacks_although_another_one_needs_it(failure: Any, wheels: Path) -> None:
    write_wheel(wheels, "onnx", "1.20", {"onnx": ""}, "protobuf>=99")
    found = failure(*from_folder(wheels), "onnx", offline=True)
    assert found.reason == "the folder holds no fitting wheel of 'protobuf'"
    assert "Add it to the folder" in found.cure


def test_a_damaged_wheel(failure: Any, wheels: Path) -> None:
    (wheels / "onnx-1.20-py3-none-any.whl").write_bytes(b"PK, but not more")
    assert "damaged" in failure(*from_folder(wheels), "onnx", offline=True).reason


def test_packages_that_slicer_brings_and_that_would_have_to_change(failure: Any, wheels: Path, tmp_path: Path) -> None:
    write_wheel(wheels, "onnx", "1.20", {"onnx": ""}, "numpy>=999")
    write_wheel(wheels, "numpy", "999", {"numpy": ""})
    held = tmp_path / "constraints.txt"
    held.write_text("numpy==2.0.2\n", encoding="utf-8")
    found = failure(*from_folder(wheels), "-c", str(held), "onnx")
    assert "those stay as they are" in found.reason


def test_a_file_system_that_takes_no_more(failure: Any, wheels: Path) -> None:
    write_wheel(wheels, "onnx", "1.20", {"onnx": "x = 0\n" * 20_000})
    found = failure(*from_folder(wheels), "onnx", limits={resource.RLIMIT_FSIZE: 50_000})
    assert "larger than this computer allows" in found.reason


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "the disk is full"),
        ("OSError: [WinError 112] There is not enough space on the disk", "the disk is full"),
        ("ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: 'x'", "may not write"),
        (
            "ERROR: Could not install packages due to an OSError: [WinError 5] Access is denied: 'x.pyd'",
            "may not write",
        ),
        (
            "OSError: [WinError 32] The process cannot access the file because it is being used by another process",
            "in use",
        ),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] unable to get'))", "not trusted"),
        ("ProxyError('Unable to connect to proxy', OSError('Tunnel connection failed: 407 Proxy', ))", "proxy"),
        ("pip._vendor.urllib3.exceptions.ReadTimeoutError: Read timed out.", "broke off"),
        ("/opt/Slicer/bin/python-real: No module named pip", "no pip"),
        ("ERROR: Package 'onnx' requires a different Python: 3.9.10 not in '>=3.10'", "Python"),
    ],
)
def test_what_cannot_be_brought_about_here_is_known_by_pips_words(application: Any, said: str, reason: str) -> None:
    from TotalPassportSlicer.install.pip_failures import explain

    assert reason in explain(said).reason
    assert explain(said).cure.endswith(".")


def test_of_what_is_not_known_nothing_is_made_up(application: Any) -> None:
    from TotalPassportSlicer.install.pip_failures import explain

    assert explain("Segmentation fault") is None


def test_every_cause_of_the_file_has_its_words_and_every_pattern_is_one(application: Any) -> None:
    import json
    import re

    from TotalPassportSlicer.install.pip_failures import FAILURES_FILE, explanations

    failures = json.loads(FAILURES_FILE.read_text(encoding="utf-8"))["failures"]
    for offline in (False, True):
        assert {failure["cause"] for failure in failures} == set(explanations(offline))
    for failure in failures:
        for pattern in failure["patterns"]:
            names = re.compile(pattern).groupindex
            assert ("what" in names) == (failure["cause"] in ("other_python", "not_found")), pattern
