"""Whatever moment a run is ended in, nothing of what it was making stays."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from TotalPassportLib.base import outputs, temporaries


@pytest.fixture
def interrupted() -> Iterator[Callable[[], None]]:
    """What asks this process to end, as its command does that is told to: by an interrupt."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGTERM, interrupt)
    yield lambda: signal.raise_signal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, former)


def write_with_outputs(path: Path) -> None:
    with outputs.OutputFiles() as files:
        files.path(path).write_bytes(b"labels")


def make_folder_beside(path: Path) -> None:
    with temporaries.folder_beside(path):
        pass


@pytest.mark.parametrize(
    ("make", "owner", "last_step"),
    [
        (outputs.check_destination, outputs.os, "close"),
        (write_with_outputs, outputs.os, "close"),
        (make_folder_beside, Path, "mkdir"),
    ],
)
def test_a_run_ended_right_after_a_temporary_file_was_made_leaves_none(
    make: Callable[[Path], None],
    owner: Any,
    last_step: str,
    interrupted: Callable[[], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Path] = []
    step = getattr(owner, last_step)

    def step_and_end(*arguments: Any) -> None:
        monkeypatch.undo()
        step(*arguments)
        made.extend(tmp_path.iterdir())
        interrupted()

    monkeypatch.setattr(owner, last_step, step_and_end)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "ct_segmentation.nii.gz")
    assert len(made) == 1, "it was ended while there was one"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_exchanged_while_the_run_is_ended_is_the_new_one(
    interrupted: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    destination, rename = tmp_path / "logits.zarr", Path.rename
    destination.mkdir()
    (destination / "old").touch()

    def rename_and_end(path: Path, target: Path) -> None:
        rename(path, target)
        interrupted()

    def exchange() -> None:
        with temporaries.folder_beside(destination) as folder:
            array = folder / destination.name
            array.mkdir()
            (array / "new").touch()
            monkeypatch.setattr(Path, "rename", rename_and_end)
            temporaries.replace_folder(array, destination)

    with pytest.raises(KeyboardInterrupt):
        exchange()
    assert [path.name for path in destination.iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["logits.zarr"]
