"""Results are all there or none is, whatever stands at their names and whenever a run is ended."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support.processes import environment, files_below, heed_interrupts
from TotalPassportLib.base import outputs as module
from TotalPassportLib.base import temporaries
from TotalPassportLib.base.errors import BadInput, Cancelled
from TotalPassportLib.base.outputs import OutputFiles, atomic_write, check_destination, is_standard_output

AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def test_a_file_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "Dr. Größe v1.nii.gz"
    with atomic_write(path) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name.endswith(".nii.gz"), "writers choose the format by the suffix"
        temporary.write_bytes(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert files_below(tmp_path) == [path.name]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError, MemoryError])
def test_a_failure_keeps_the_old_file_and_leaves_no_other(failure: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    with pytest.raises(failure), atomic_write(path) as temporary:  # noqa: PT012 - it fails half-way
        temporary.write_bytes(b"half")
        raise failure
    assert path.read_bytes() == b"old"
    assert files_below(tmp_path) == ["a.json"]


def test_results_have_the_permissions_that_the_user_set(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    with atomic_write(tmp_path / "ours") as temporary:
        temporary.touch()
    assert (tmp_path / "ours").stat().st_mode == plain.stat().st_mode


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nowhere"), atomic_write(tmp_path / "nowhere" / "a.json"):
        pass


def test_a_full_device_is_called_a_full_disk(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("optional: only Linux has a device that is always full")
    with pytest.raises(BadInput, match="The disk is full") as caught, atomic_write(tmp_path / "a.json"):
        Path("/dev/full").write_bytes(b"x")
    assert "Free some space" in str(caught.value)
    assert files_below(tmp_path) == []


def write_both(first: Path, second: Path, **options: bool) -> None:
    with OutputFiles(**options) as outputs:
        for path in (first, second):
            outputs.path(path).write_bytes(b"new")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_bytes(b"old")
    return tmp_path / "a.json", tmp_path / "b.json"


def test_several_files_appear_together(tmp_path: Path) -> None:
    with OutputFiles() as outputs:
        first, second = outputs.path(tmp_path / "a.nii.gz"), outputs.path(tmp_path / "b.json")
        first.write_bytes(b"1")
        second.write_bytes(b"2")
        assert not (tmp_path / "a.nii.gz").exists()
    assert files_below(tmp_path) == ["a.nii.gz", "b.json"]


def test_a_folder_in_the_place_of_one_output_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"old")
    (tmp_path / "b.json").mkdir()
    with pytest.raises(BadInput, match=r"b\.json' is a folder"):
        write_both(tmp_path / "a.json", tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == b"old"
    assert files_below(tmp_path) == ["a.json"]


@pytest.mark.parametrize("there", [True, False], ids=["replacing", "new"])
def test_if_one_cannot_take_its_name_the_others_go_back(
    there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    if there:
        first.write_bytes(b"old")
    os_replace = os.replace

    def failing(source: Path, target: Path) -> None:
        if Path(target) == second:
            raise PermissionError(13, "no")
        os_replace(source, target)

    monkeypatch.setattr(module.os, "replace", failing)
    with pytest.raises(BadInput, match=r"No permission to access '.*b\.json'"):
        write_both(first, second)
    assert files_below(tmp_path) == (["a.json"] if there else [])
    assert not there or first.read_bytes() == b"old"


def test_without_hard_links_the_former_files_come_back_too(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    os_replace = os.replace

    def failing(source: Path, target: Path) -> None:
        if Path(target) == pair[1] and Path(source).read_bytes() == b"new":
            raise OSError(5, "Input/output error")
        os_replace(source, target)

    def no_links(*paths: Path) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(module.os, "replace", failing)
    monkeypatch.setattr(module.os, "link", no_links)
    with pytest.raises(BadInput, match="Input/output error"):
        write_both(*pair)
    assert [path.read_bytes() for path in pair] == [b"old", b"old"]
    assert files_below(pair[0].parent) == ["a.json", "b.json"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("at", [0, 1], ids=["at the first", "at the last"])
def test_a_signal_between_two_renames_leaves_nothing_written(
    number: signal.Signals, at: int, pair: tuple[Path, Path]
) -> None:
    """A process of its own ends itself at a rename: it says 'Nothing was written', and nothing was."""
    program = f"""
import os, signal, sys
from pathlib import Path
from TotalPassportLib.base import outputs
from TotalPassportLib.cli import main as command_line
replace, seen = os.replace, []
def ending(source, target):
    if len(seen) == {at}:
        os.kill(os.getpid(), {int(number)})
    seen.append(target)
    replace(source, target)
os.replace = ending
def call(arguments, own_process):
    with outputs.OutputFiles() as files:
        for path in sys.argv[1:]:
            files.path(Path(path)).write_bytes(b"new")
command_line._call = call
sys.exit(command_line.main())
"""
    process = subprocess.run(
        [sys.executable, "-c", program, *map(str, pair)],
        capture_output=True,
        text=True,
        env=environment(),
        preexec_fn=heed_interrupts,
        check=False,
    )
    assert (process.returncode, process.stderr) == (5, "totalpassport: Cancelled. Nothing was written.\n")
    assert [path.read_bytes() for path in pair] == [b"old", b"old"]
    assert files_below(pair[0].parent) == ["a.json", "b.json"]


def test_a_handler_that_only_takes_note_cancels_too(pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[int] = []
    former = signal.signal(signal.SIGTERM, lambda number, frame: noted.append(number))
    os_link = os.link
    monkeypatch.setattr(module.os, "link", lambda *paths: (signal.raise_signal(signal.SIGTERM), os_link(*paths)))
    try:
        with pytest.raises(Cancelled):
            write_both(*pair)
    finally:
        signal.signal(signal.SIGTERM, former)
    assert noted == [signal.SIGTERM]
    assert [path.read_bytes() for path in pair] == [b"old", b"old"]


def test_other_threads_write_as_well(tmp_path: Path) -> None:
    threads = [
        threading.Thread(target=write_both, args=(tmp_path / f"{number}.json", tmp_path / f"{number}.csv"))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(files_below(tmp_path)) == 16


KILLED = """
import os, signal, sys
from pathlib import Path
from TotalPassportLib.base.outputs import OutputFiles
with OutputFiles() as outputs:
    for path in sys.argv[1:]:
        outputs.path(Path(path)).write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_run_left_is_removed_by_the_next_run_of_that_output(tmp_path: Path) -> None:
    names = [tmp_path / "a.nii.gz", tmp_path / "b.json"]
    subprocess.run([sys.executable, "-c", KILLED, *map(str, names)], env=environment(), check=False)
    assert len(files_below(tmp_path)) == 2
    with atomic_write(tmp_path / "b.json") as temporary:
        temporary.write_bytes(b"new")
    assert len(files_below(tmp_path)) == 2, "the other output's is not ours to judge"
    check_destination(names[0])
    assert files_below(tmp_path) == ["b.json"]


def test_what_another_run_is_writing_at_this_moment_stays(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from TotalPassportLib.base.outputs import atomic_write
with atomic_write(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"theirs")
    print("ready", flush=True)
    sys.stdin.read()
"""
    path = tmp_path / "a.json"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()
    ) as other:
        other.stdout.readline()
        with atomic_write(path) as temporary, atomic_write(path) as second:
            temporary.write_bytes(b"ours")
            second.write_bytes(b"ours, too")
        assert path.read_bytes() == b"ours"
        other.stdin.close()
        assert other.wait(timeout=60) == 0
    assert path.read_bytes() == b"theirs"


def test_of_another_machine_only_what_is_a_day_old_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporaries, "_machine", lambda: "0123abcd")
    left = tmp_path / temporaries.temporary_name(tmp_path / "a.json")
    left.touch()
    monkeypatch.undo()
    check_destination(tmp_path / "a.json")
    assert left.exists()
    yesterday = left.stat().st_mtime - 25 * 3600
    os.utime(left, (yesterday, yesterday))
    check_destination(tmp_path / "a.json")
    assert not left.exists()


def test_a_former_file_without_its_successor_comes_back(tmp_path: Path) -> None:
    program = KILLED.replace("outputs.path(Path(path))", "target = Path(path); outputs.path(target)").replace(
        "    os.kill",
        "    from TotalPassportLib.base.temporaries import temporary_name\n"
        "    os.replace(target, target.with_name(temporary_name(target, mark='~')))\n    os.kill",
    )
    (tmp_path / "a.json").write_bytes(b"old")
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "a.json")], env=environment(), check=False)
    assert not (tmp_path / "a.json").exists()
    check_destination(tmp_path / "a.json")
    assert (tmp_path / "a.json").read_bytes() == b"old"
    assert files_below(tmp_path) == ["a.json"]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_results_have_the_permissions_that_the_umask_gives_now(mask: int, tmp_path: Path) -> None:
    former = os.umask(mask)
    try:
        write_both(tmp_path / "a", tmp_path / "b")
    finally:
        os.umask(former)
    assert [mode(tmp_path / name) for name in "ab"] == [0o666 & ~mask] * 2


def test_a_file_that_exists_keeps_its_permissions(pair: tuple[Path, Path]) -> None:
    pair[0].chmod(0o640)
    write_both(*pair)
    assert mode(pair[0]) == 0o640


@pytest.mark.skipif(AS_ROOT, reason="optional: the superuser may write everything")
def test_a_file_that_is_read_only_is_not_replaced(pair: tuple[Path, Path]) -> None:
    pair[0].chmod(0o444)
    with pytest.raises(BadInput, match="No permission"):
        check_destination(pair[0])


def test_a_symbolic_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link.json").symlink_to("there/real.json")
    for content in (b"first", b"second"):
        with atomic_write(tmp_path / "link.json") as temporary:
            temporary.write_bytes(content)
        assert (tmp_path / "link.json").is_symlink()
        assert (tmp_path / "there" / "real.json").read_bytes() == content
    assert files_below(tmp_path) == ["link.json", "there/real.json"]


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(BadInput, match="symbolic links"):
        check_destination(tmp_path / "a")


def test_a_pipe_is_written_through(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with subprocess.Popen(["cat", str(tmp_path / "pipe.csv")], stdout=subprocess.PIPE) as reader:
        check_destination(tmp_path / "pipe.csv")
        write_both(tmp_path / "pipe.csv", tmp_path / "b.json")
        assert reader.stdout.read() == b"new"
    assert stat.S_ISFIFO((tmp_path / "pipe.csv").stat().st_mode)
    assert (tmp_path / "b.json").read_bytes() == b"new"


STREAMED = """
import sys
from pathlib import Path
from TotalPassportLib.base.outputs import atomic_write
print("before")
with atomic_write(Path(sys.argv[1])) as temporary:
    temporary.write_text("content\\n")
print("after")
"""


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
@pytest.mark.parametrize("into_file", [True, False], ids=["into a file", "into a pipe"])
def test_standard_output_is_written_through(name: str, into_file: bool, tmp_path: Path) -> None:
    assert is_standard_output(Path(name))
    command = [sys.executable, "-c", STREAMED, name]
    if into_file:
        with (tmp_path / "out").open("wb") as file:
            subprocess.run(command, stdout=file, cwd=tmp_path, env=environment(), check=True)
        text = (tmp_path / "out").read_text()
    else:
        text = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment()).stdout
    assert text == "before\ncontent\nafter\n"
    assert files_below(tmp_path) == (["out"] if into_file else [])


def test_the_null_device_stays_what_it_is(tmp_path: Path) -> None:
    """A node of the same kind, which a mistake of ours could destroy."""
    null = Path(os.devnull)
    before = null.stat()
    write_both(null, tmp_path / "b.json")
    assert (null.stat().st_mode, null.stat().st_rdev) == (before.st_mode, before.st_rdev)


def test_a_device_is_refused() -> None:
    if not Path("/dev/zero").exists():
        pytest.skip("optional: this system has no such device")
    before = Path("/dev/zero").stat()
    with pytest.raises(BadInput, match="is a device or a socket"):
        check_destination(Path("/dev/zero"))
    assert Path("/dev/zero").stat().st_rdev == before.st_rdev


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # its name may have 107 bytes
    with socket.socket(socket.AF_UNIX) as ours:
        ours.bind("socket")
        with pytest.raises(BadInput, match="is a device or a socket"):
            check_destination(tmp_path / "socket")


def test_an_input_is_refused_under_any_of_its_names(pair: tuple[Path, Path]) -> None:
    link = pair[0].with_name("link.json")
    link.symlink_to(pair[0])
    with pytest.raises(BadInput, match="is the input itself"):
        check_destination(link, pair[0])


def test_a_name_that_is_too_long_is_told_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="too long"):
        check_destination(tmp_path / f"{'x' * 300}.json")


def test_what_is_checked_leaves_nothing(tmp_path: Path) -> None:
    check_destination(tmp_path / "a.json")
    assert files_below(tmp_path) == []


def test_what_cannot_be_made_again_is_on_the_disk_before_it_has_its_name(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    os_fsync, os_replace = os.fsync, os.replace
    monkeypatch.setattr(temporaries.os, "fsync", lambda handle: (calls.append("fsync"), os_fsync(handle)))
    monkeypatch.setattr(module.os, "replace", lambda *paths: (calls.append("replace"), os_replace(*paths)))
    write_both(*pair, durable=True)
    assert calls == ["fsync", "fsync", "replace", "replace", "fsync"]


def test_a_folder_that_a_killed_run_was_making_is_removed_by_the_next(tmp_path: Path) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from TotalPassportLib.base.temporaries import folder_beside
with folder_beside(Path(sys.argv[1])) as folder:
    (folder / "model").mkdir()
    (folder / "model" / "half.onnx").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "model")], env=environment(), check=False)
    assert len(files_below(tmp_path)) == 1
    with temporaries.folder_beside(tmp_path / "model") as folder:
        (folder / "whole").mkdir()
        (folder / "whole" / "model.json").touch()
        temporaries.rename_folder(folder / "whole", tmp_path / "model")
    assert files_below(tmp_path) == ["model/model.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
