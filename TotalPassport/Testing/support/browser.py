"""A real browser without a window: what a page has become after its scripts, and how it looks."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    # Whatever a page asks the network for would fail, and be told.
    *("--proxy-server=http://127.0.0.1:9", "--enable-logging=stderr"),
)


@dataclass(frozen=True)
class Opened:
    """What came of opening a page: its document after all scripts, its picture, and what the browser said."""

    document: str
    picture: Path
    log: str


def open_page(page: Path, picture: Path, width: int = 1200, height: int = 2400, dark: bool = False) -> Opened:
    """Open a page in a new browser; skip the test where there is none."""
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("there is no Chromium")
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
        command = [
            *(program, *OPTIONS, f"--user-data-dir={profile}", f"--window-size={width},{height}"),
            *(["--blink-settings=preferredColorScheme=0"] if dark else []),
            *("--dump-dom", f"--screenshot={picture}", page.as_uri()),
        ]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=120, check=True)
    return Opened(document=done.stdout, picture=picture, log=done.stderr)
