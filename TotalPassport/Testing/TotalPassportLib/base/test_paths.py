"""Where models are kept: by the platform's conventions, or where the user says."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from TotalPassportLib.base.paths import cache_folder, home_folder, models_folder, official_folders


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without any settings."""
    for name in (
        *("TOTALPASSPORT_HOME", "XDG_DATA_HOME", "LOCALAPPDATA"),
        *("TOTALSEG_HOME_DIR", "TOTALSEG_WEIGHTS_PATH"),
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    return tmp_path


def test_the_home_can_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOTALPASSPORT_HOME", str(tmp_path / "a disk" / "päth"))
    assert home_folder() == tmp_path / "a disk" / "päth"
    assert models_folder().parent == cache_folder().parent == home_folder()
    assert not home_folder().exists(), "asking creates nothing"


def test_a_relative_home_does_not_move_with_later_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOTALPASSPORT_HOME", "models-here")
    assert home_folder() == tmp_path / "models-here"


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, ".local/share/totalpassport"),
        ("linux", {"XDG_DATA_HOME": "relative"}, ".local/share/totalpassport"),
        ("linux", {"XDG_DATA_HOME": "{user}/data"}, "data/totalpassport"),
        ("darwin", {}, "Library/Application Support/TotalPassport"),
        ("win32", {}, "AppData/Local/TotalPassport"),
        ("win32", {"LOCALAPPDATA": "{user}/Local"}, "Local/TotalPassport"),
    ],
)
def test_each_platform_has_its_own_place(
    user: Path, monkeypatch: pytest.MonkeyPatch, platform: str, variables: dict[str, str], expected: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(user=user))
    assert home_folder() == user / expected


def test_weights_of_totalsegmentator_are_looked_for_where_it_keeps_them(
    user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = user / ".totalsegmentator" / "nnunet" / "results"
    assert official_folders() == (default,)
    monkeypatch.setenv("TOTALSEG_HOME_DIR", str(user / "seg"))
    monkeypatch.setenv("TOTALSEG_WEIGHTS_PATH", str(user / "weights"))
    assert official_folders() == (user / "weights", user / "seg" / "nnunet" / "results", default)
    monkeypatch.setenv("TOTALSEG_WEIGHTS_PATH", os.pathsep.join((str(user / "weights"), str(user / "more"))))
    assert official_folders()[:2] == (user / "weights", user / "more")
