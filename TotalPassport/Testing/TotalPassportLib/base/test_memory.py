"""Work that does not fit into memory is refused before it begins."""

from __future__ import annotations

from pathlib import Path

import pytest
from TotalPassportLib.base.errors import OutOfMemory
from TotalPassportLib.base.memory import _cgroup_room, available_bytes, require_memory


def test_this_machine_tells_its_memory() -> None:
    assert 2**20 < available_bytes() < 2**50


def test_what_fits_is_allowed_and_what_does_not_is_named() -> None:
    require_memory(1000, "A thing")
    with pytest.raises(OutOfMemory, match=r"^A thing needs about 1048576.0 GB of memory, but only [0-9.]+ GB are free"):
        require_memory(2.0**50, "A thing")


def cgroup(folder: Path, limit: str) -> Path:
    for name, text in (("max", limit), ("current", "900\n"), ("stat", "anon 200\ninactive_file 600\nslab 9\n")):
        (folder / f"memory.{name}").write_text(text, encoding="ascii")
    return folder


def test_a_containers_limit_counts_without_files_that_were_only_read(tmp_path: Path) -> None:
    assert _cgroup_room(cgroup(tmp_path, "1000\n")) == 700


def test_a_container_without_limit_has_none(tmp_path: Path) -> None:
    assert _cgroup_room(cgroup(tmp_path, "max\n")) is None
    assert _cgroup_room(tmp_path / "nowhere") is None
