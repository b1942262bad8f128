"""Bringing in models through the child process: the same contract as a run, and nothing left half-done."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.processes import Child, assert_contract, files_below
from support.web import Site, cut_after, serve, status, trickle, trust
from support.weights import FAST, FASTEST, dataset_document, isolate, model_entry, write_catalogue, zip_folder
from TotalPassportLib.models.catalogue import find_entry
from TotalPassportLib.models.store import check_integrity, read_record
from TotalPassportLib.models.transfer.intake import DOWNLOAD_SHARES, IMPORT_SHARES


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, on a machine without any weights."""
    return isolate(monkeypatch, tmp_path)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: Path) -> Iterator[Site]:
    """A server on this machine with the small networks of ``fast``, and the catalogue that leads there."""
    with serve(tmp_path) as site:
        trust(monkeypatch, site)
        url = site.put(f"{FAST}.zip", zip_folder(shared / "parity" / "weights" / FAST))
        catalogue = write_catalogue(tmp_path / "catalogue.json", model_entry("fast", [dataset_document(FAST, url)]))
        monkeypatch.setenv("TOTALPASSPORT_CATALOGUE", str(catalogue))
        yield site


@pytest.fixture
def start(scratch: Path, children: list[Child]) -> Any:
    """Return a function that starts a child with a job."""

    def begin(action: str, **fields: Any) -> Child:
        job = {"schema": "totalpassport-job/1", "action": action, **fields}
        child = Child(job | {"cancel_file": str(scratch / "cancel"), "scratch_folder": str(scratch)}, scratch)
        children.append(child)
        return child

    return begin


def half_way(start: Any, site: Site) -> tuple[Child, int]:
    """Return a child that has downloaded half of the archive and waits for the rest, and the archive's size."""
    size = len(site.files[f"/{FAST}.zip"].content)
    site.faults.append(trickle(after=size // 2))
    child = start("download_model", model="fast")
    while child.wait_for("progress", "download")["done"] < size // 2:
        pass
    return child, size


def part_bytes(home: Path) -> int:
    return (home / "cache" / "downloads" / f"{FAST}.zip.part").stat().st_size


def models_and_work(home: Path) -> list[str]:
    """Return what is installed, and what was left of the work on it."""
    return files_below(home / "models") + files_below(home / "cache" / "incoming")


def test_a_download_reports_itself_and_ends_with_the_installed_model(start: Any, site: Site, home: Path) -> None:
    child = start("download_model", model="fast")
    assert child.finish() == 0, child.log
    assert_contract(child.events, list(DOWNLOAD_SHARES))
    progress = [event for event in child.events if event["event"] == "progress"]
    assert {event["stage"] for event in progress} == set(DOWNLOAD_SHARES)
    assert progress[-1]["fraction"] == 1.0
    assert child.events[-1] == {"event": "result", "models": {"fast": str(home / "models" / "fast")}}
    check_integrity(find_entry("fast"))
    assert files_below(home / "cache" / "downloads") == []


def test_a_model_that_is_there_is_not_downloaded_again(start: Any, site: Site) -> None:
    assert start("download_model", model="fast").finish() == 0
    asked = len(site.requests)
    again = start("download_model", model="fast")
    assert again.finish() == 0
    assert list(again.events[-1]["models"]) == ["fast"]
    assert len(site.requests) == asked


def test_the_cancel_file_stops_a_download_and_the_next_one_continues_there(
    start: Any, site: Site, home: Path, scratch: Path
) -> None:
    child, size = half_way(start, site)
    (scratch / "cancel").touch()
    assert child.finish() == 5, child.log
    assert_contract(child.events, list(DOWNLOAD_SHARES))
    assert child.events[-1]["code"] == "cancelled"
    assert "is kept" in child.events[-1]["hint"]
    assert models_and_work(home) == []
    kept = part_bytes(home)
    assert size // 2 <= kept < size
    (scratch / "cancel").unlink()
    assert start("download_model", model="fast").finish() == 0
    assert site.requests[-1][1]["Range"] == f"bytes={kept}-"
    check_integrity(find_entry("fast"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_a_download_that_is_ended_by_the_system_can_be_continued(
    number: signal.Signals, start: Any, site: Site, home: Path
) -> None:
    child, size = half_way(start, site)
    child.process.send_signal(number)
    assert child.finish() in (5, -signal.SIGKILL)
    kept = part_bytes(home)
    assert kept > size // 4
    assert start("download_model", model="fast").finish() == 0
    assert site.requests[-1][1]["Range"] == f"bytes={kept}-"
    assert files_below(home / "cache" / "incoming") == []


def test_a_download_whose_parent_is_gone_ends_and_removes_the_scratch_folder(
    start: Any, site: Site, home: Path, scratch: Path
) -> None:
    site.faults.append(trickle(after=1000))
    (scratch / "owner.json").write_text('{"pid": 1}', encoding="utf-8")
    child = start("download_model", model="fast")
    child.wait_for("progress", "download")
    child.process.stdin.close()
    assert child.finish() == 5, child.log
    assert not scratch.exists()
    assert models_and_work(home) == []


def test_a_download_that_fails_tells_the_address_and_leaves_nothing(start: Any, site: Site, home: Path) -> None:
    site.faults.append(status(404))
    child = start("download_model", model="fast")
    assert child.finish() == 4
    error = child.events[-1]
    assert (error["code"], error["exit_code"]) == ("model", 4)
    assert (error["hint_code"], error["hint_arguments"]) == ("import_file", {})
    assert f"{site.address}/{FAST}.zip" in error["message"]
    assert "404" in error["message"]
    assert "Traceback" not in child.log
    assert models_and_work(home) == files_below(home / "cache" / "downloads") == []


def test_a_broken_line_is_no_failure(start: Any, site: Site) -> None:
    site.faults += [cut_after(1_100_000), cut_after(100_000)]
    child = start("download_model", model="fast")
    assert child.finish() == 0, child.log
    assert [request[1].get("Range") for request in site.requests] == [None, "bytes=1100000-", "bytes=1200000-"]


def test_an_unknown_model_is_an_event_with_the_names_there_are(start: Any) -> None:
    child = start("download_model", model="quick")
    assert child.finish() == 4
    (event,) = child.events
    assert "quick" in event["message"]
    assert "demo, fast, fastest, full" in event["hint"]


def test_files_and_folders_are_imported(start: Any, site: Site, shared: Path, tmp_path: Path, home: Path) -> None:
    archive = tmp_path / f"{FAST}.zip"
    archive.write_bytes(site.files[f"/{FAST}.zip"].content)
    child = start("import_models", paths=[str(archive), str(shared / "parity" / "weights" / FASTEST)])
    assert child.finish() == 0, child.log
    assert_contract(child.events, list(IMPORT_SHARES))
    assert [event for event in child.events if event["event"] == "progress"][-1]["fraction"] == 1.0
    folders = {name: str(home / "models" / name) for name in ("fast", "fastest")}
    assert child.events[-1] == {"event": "result", "models": folders}
    assert site.requests == []


def test_without_paths_totalsegmentators_own_folder_is_taken(
    start: Any, site: Site, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOTALSEG_WEIGHTS_PATH", str(shared / "parity" / "weights"))
    child = start("import_models")
    assert child.finish() == 0, child.log
    assert set(child.events[-1]["models"]) == {"fast", "fastest", "full"}


def test_a_download_that_finds_totalsegmentators_own_weights_takes_them_and_shows_its_way_to_the_end(
    start: Any, site: Site, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOTALSEG_WEIGHTS_PATH", str(shared / "parity" / "weights"))
    child = start("download_model", model="fast")
    assert child.finish() == 0, child.log
    assert_contract(child.events, list(DOWNLOAD_SHARES))
    assert [event["code"] for event in child.events if event["event"] == "warning"] == ["reused"]
    assert [event for event in child.events if event["event"] == "progress"][-1]["fraction"] == 1.0
    assert site.requests == []
    assert read_record(find_entry("fast"))["way"] == "totalsegmentator"


def test_what_holds_no_weights_is_an_event_and_installs_nothing(start: Any, tmp_path: Path, home: Path) -> None:
    (tmp_path / "holiday.zip").write_bytes(b"not a zip at all")
    child = start("import_models", paths=[str(tmp_path / "holiday.zip")])
    assert child.finish() == 4
    assert "holiday.zip" in child.events[-1]["message"]
    assert models_and_work(home) == []


def test_two_downloads_of_one_model_at_once_wait_for_each_other(
    start: Any, site: Site, children: list[Child], tmp_path: Path
) -> None:
    held = threading.Event()
    site.faults.append(trickle(after=1000, until=held))
    first = start("download_model", model="fast")
    first.wait_for("progress", "download")
    (tmp_path / "second").mkdir()
    job = {"schema": "totalpassport-job/1", "action": "download_model", "model": "fast"}
    second = Child(job, tmp_path / "second")
    children.append(second)
    assert second.wait_for("warning")["code"] == "waiting"
    held.set()
    assert first.finish() == 0, first.log
    assert second.finish() == 0, second.log
    assert len(site.requests) == 1


GARBAGE = {
    "no model": {"action": "download_model"},
    "an empty name": {"action": "download_model", "model": ""},
    "no path in the list": {"action": "import_models", "paths": []},
    "a path that is none": {"action": "import_models", "paths": [1]},
    "a path in place of a list": {"action": "import_models", "paths": "weights.zip"},
}


@pytest.mark.parametrize("name", GARBAGE)
def test_a_job_file_that_is_none_is_refused(name: str, scratch: Path, children: list[Child], home: Path) -> None:
    child = Child(json.dumps({"schema": "totalpassport-job/1", **GARBAGE[name]}).encode(), scratch)
    children.append(child)
    assert child.finish() == 2, child.log
    assert child.events[-1]["code"] == "bad_input"
    assert not home.exists()
