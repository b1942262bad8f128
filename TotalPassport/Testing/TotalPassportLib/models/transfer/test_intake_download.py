"""A download ends with the model in the store, whole, checked and with its origin, or with nothing."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.networks import write_model
from support.processes import command_line, environment, files_below
from support.web import Handler, Served, Site, cut_after, status
from support.weights import (
    CHECKPOINT,
    FAST,
    FASTEST,
    FULL,
    QUICK,
    dataset_document,
    digest,
    files_of,
    model_entry,
    write_catalogue,
    write_dataset,
    zip_dataset,
)
from TotalPassportLib.base.errors import BadInput, Cancelled, ModelError
from TotalPassportLib.base.events import Cancellation, Event
from TotalPassportLib.base.hints import Hint, HintCode
from TotalPassportLib.models.catalogue import find_entry, find_model
from TotalPassportLib.models.store import check_integrity, read_record
from TotalPassportLib.models.transfer.download import DownloadSettings
from TotalPassportLib.models.transfer.intake import download_model, download_with_companions, import_models

pytestmark = pytest.mark.usefixtures("home", "converter")


@pytest.mark.usefixtures("catalogue")
class TestDownload:
    """From the network into the store."""

    def test_a_downloaded_model_is_installed_with_its_origin(self, home: Path, site: Site) -> None:
        entry = find_entry("fast")
        assert not entry.installed
        folder = download_model("fast", settings=QUICK)
        assert entry.installed, "the answer is about now, not about when the list was made"
        assert folder == home / "models" / "fast"
        assert find_model("fast").name == "fast"
        record = read_record(entry)
        assert record is not None
        (source,) = record["sources"]
        assert source["url"] == f"{site.address}/{FAST}.zip"
        assert source["archive"]["sha256"] == digest(zip_dataset(FAST))
        assert {name: file["sha256"] for name, file in source["files"].items()} == {
            name: digest(content) for name, content in files_of(FAST).items()
        }
        check_integrity(entry)

    def test_nothing_but_the_model_is_left(self, home: Path) -> None:
        download_model("fast", settings=QUICK)
        left = [name for name in files_below(home) if not name.startswith("cache/locks/")]
        assert left == [
            "first-seen.json",
            "models/fast/model.json",
            "models/fast/network.onnx",
            "models/fast/record.json",
        ]

    def test_a_model_of_several_datasets_comes_with_one_true_percentage(self, converter: Any) -> None:
        events: list[Event] = []
        download_model("full", events.append, settings=QUICK)
        assert converter.calls == [("full", list(FULL))]
        assert events[0]["stages"] == ["download", "unpack", "check", "convert"]
        fractions = [event["fraction"] for event in events if event["event"] == "progress"]
        assert fractions == sorted(fractions)
        assert fractions[-1] == 1.0

    def test_an_installed_model_is_not_downloaded_again(self, site: Site) -> None:
        download_model("fast", settings=QUICK)
        site.requests.clear()
        download_model("fast", settings=QUICK)
        assert site.requests == []

    def test_after_a_failure_of_one_of_several_files_the_others_are_not_fetched_again(self, site: Site) -> None:
        kept = site.files.pop(f"/{FULL[3]}.zip")
        with pytest.raises(ModelError, match=FULL[3]):
            download_model("full", settings=QUICK)
        assert not find_entry("full").installed
        site.files[f"/{FULL[3]}.zip"] = kept
        site.requests.clear()
        download_model("full", settings=QUICK)
        assert [path for path, _ in site.requests] == [f"/{name}.zip" for name in FULL[3:]]

    def test_stopping_keeps_what_has_come_and_says_so(self, home: Path, site: Site) -> None:
        cancellation = Cancellation()
        site.faults = [cut_after(100), lambda handler, served: cancellation.request()]
        with pytest.raises(Cancelled, match="next download continues"):
            download_model("fast", cancellation=cancellation, settings=QUICK)
        assert f"cache/downloads/{FAST}.zip.part" in files_below(home)
        download_model("fast", settings=QUICK)
        assert site.requests[-1][1]["Range"] == "bytes=100-"

    def test_two_at_once_download_once(self, site: Site) -> None:
        started, results, warnings = threading.Event(), [], []

        def slow(handler: Handler, served: Served) -> None:
            started.set()
            waiting.wait(60)
            handler.send_file(served)

        waiting = threading.Event()

        def second_event(event: Event) -> None:
            if event["event"] == "warning":
                warnings.append(event["code"])
                waiting.set()

        site.faults = [slow]
        first = threading.Thread(target=lambda: results.append(download_model("fast", settings=QUICK)))
        first.start()
        started.wait(60)
        second = threading.Thread(target=lambda: results.append(download_model("fast", second_event, settings=QUICK)))
        second.start()
        first.join(60)
        second.join(60)
        assert len(results) == 2
        assert results[0] == results[1]
        assert warnings == ["waiting"]
        assert len(site.requests) == 1
        check_integrity(find_entry("fast"))

    def test_waiting_for_another_process_can_be_stopped(self, home: Path, site: Site) -> None:
        from TotalPassportLib.base.locking import exclusive

        cancellation = Cancellation()

        def stop(event: Event) -> None:
            if event["event"] == "warning":
                cancellation.request()

        with (
            exclusive(home / "cache" / "locks" / "fast.lock", lambda: None, lambda: None),
            pytest.raises(Cancelled),
        ):
            download_model("fast", stop, cancellation, QUICK)

    @pytest.mark.slow
    def test_a_process_killed_in_the_middle_leaves_only_what_can_be_continued(self, home: Path, site: Site) -> None:
        content = zip_dataset(FAST, os.urandom(500_000))
        site.put(f"{FAST}.zip", content)
        killed, half_sent = threading.Event(), threading.Event()

        def half_then_wait(handler: Handler, served: Served) -> None:
            handler.send_file(served, cut=300_000)
            half_sent.set()
            killed.wait(60)

        site.faults = [half_then_wait]
        command = command_line("models", "download", "fast")
        with subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True) as process:
            part = home / "cache" / "downloads" / f"{FAST}.zip.part"
            assert half_sent.wait(60)
            while not (part.exists() and part.stat().st_size):
                assert process.poll() is None, process.stderr and process.stderr.read()
            process.kill()
        killed.set()
        assert [name for name in files_below(home) if "lock" not in name] == [
            f"cache/downloads/{FAST}.zip.part",
            f"cache/downloads/{FAST}.zip.part.json",
        ]
        download_model("fast", settings=QUICK)
        assert site.requests[-1][1]["Range"].startswith("bytes=")
        check_integrity(find_entry("fast"))

    def test_what_a_killed_conversion_left_is_cleared_away(self, home: Path) -> None:
        left = home / "cache" / "incoming" / "fast" / "fast"
        write_model(left)
        assert not find_entry("fast").installed
        download_model("fast", settings=QUICK)
        assert list((home / "cache" / "incoming").iterdir()) == []

    def test_a_failed_conversion_installs_nothing(self, home: Path, converter: Any) -> None:
        converter.failure = ModelError("The weights are odd.", "Get others.")
        with pytest.raises(ModelError, match="odd"):
            download_model("fast", settings=QUICK)
        assert not find_entry("fast").installed
        assert not (home / "models").exists()

    def test_a_blocked_network_shows_the_address_and_the_way_around(self, site: Site) -> None:
        site.faults = [status(403)]
        with pytest.raises(ModelError) as caught:
            download_model("fast", settings=QUICK)
        assert f"{site.address}/{FAST}.zip" in caught.value.message
        assert caught.value.hint == Hint(HintCode.IMPORT_FILE)

    @pytest.mark.parametrize("content", [b"no zip", zip_dataset(FASTEST), zip_dataset(FAST)[:-30]])
    def test_a_wrong_archive_is_thrown_away_and_the_next_download_starts_anew(
        self, home: Path, site: Site, content: bytes
    ) -> None:
        site.put(f"{FAST}.zip", content)
        with pytest.raises(ModelError):
            download_model("fast", settings=QUICK)
        assert files_below(home / "cache" / "downloads") == []
        site.put(f"{FAST}.zip", zip_dataset(FAST))
        download_model("fast", settings=QUICK)

    def test_too_little_space_for_all_of_it_is_told_before_the_first_byte(self, site: Site) -> None:
        settings = DownloadSettings(free_bytes=lambda folder: 1000)
        with pytest.raises(BadInput, match="MB are free"):
            download_model("full", settings=settings)
        assert site.requests == []

    def test_a_store_that_cannot_be_written_is_a_sentence(self, home: Path) -> None:
        home.write_text("a file where the folder should be")
        with pytest.raises(BadInput):
            download_model("fast", settings=QUICK)

    def test_the_demo_model_needs_no_download(self) -> None:
        assert download_model("demo", settings=QUICK) == find_entry("demo").folder

    def test_an_unknown_model_is_told_with_the_known_ones(self) -> None:
        with pytest.raises(ModelError, match="demo, fast, fastest, full"):
            download_model("nothing", settings=QUICK)


@pytest.mark.usefixtures("catalogue")
class TestTotalSegmentatorsOwnFolder:
    """Weights that are on the machine already."""

    @pytest.fixture
    def results(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        folder = tmp_path / "seg" / "nnunet" / "results"
        folder.mkdir(parents=True)
        monkeypatch.setenv("TOTALSEG_HOME_DIR", str(tmp_path / "seg"))
        return folder

    def test_they_are_used_instead_of_the_network(self, results: Path, site: Site) -> None:
        write_dataset(results, FAST)
        events: list[Event] = []
        download_model("fast", events.append, settings=QUICK)
        assert site.requests == []
        assert [event["code"] for event in events if event["event"] == "warning"] == ["reused"]
        assert (read_record(find_entry("fast")) or {})["way"] == "totalsegmentator"

    def test_they_stay_as_they_are(self, results: Path) -> None:
        trainer = write_dataset(results, FAST)
        download_model("fast", settings=QUICK)
        assert files_below(trainer) == sorted(files_of(FAST))

    def test_changed_ones_are_not_used_but_downloaded(
        self, results: Path, site: Site, catalogue: Callable[..., None]
    ) -> None:
        write_dataset(results, FAST, b"somebody trained further")
        catalogue(checkpoint={"size_bytes": None, "sha256": digest(files_of(FAST)[CHECKPOINT])})
        events: list[Event] = []
        download_model("fast", events.append, settings=QUICK)
        assert len(site.requests) == 1
        assert [event["code"] for event in events if event["event"] == "warning"] == ["not_reused"]

    def test_an_import_without_a_path_brings_in_all_of_them(self, results: Path) -> None:
        for dataset in (FAST, FASTEST):
            write_dataset(results, dataset)
        assert [folder.name for folder in import_models([])] == ["fast", "fastest"]

    def test_an_import_without_a_path_says_where_it_looked(self, results: Path) -> None:
        results.rmdir()
        with pytest.raises(ModelError, match=r"looked in .*nnunet"):
            import_models([])


VESSELS = "Dataset008_HepaticVessel"


@pytest.fixture
def vessels(home: Path, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue with a task's model and the one that crops for it, once the home is there."""
    entries = []
    for name, dataset in (("liver_vessels", VESSELS), ("fastest", FASTEST)):
        site.put(f"{dataset}.zip", zip_dataset(dataset))
        entries.append(model_entry(name, [dataset_document(dataset, f"{site.address}/{dataset}.zip")]))
    monkeypatch.setenv("TOTALPASSPORT_CATALOGUE", str(write_catalogue(tmp_path / "own.json", *entries)))


@pytest.mark.usefixtures("vessels")
class TestCompanions:
    """A task's model is of no use without the one that its scan is cropped by."""

    def test_a_task_brings_the_model_that_it_is_cropped_by(self) -> None:
        events: list[Event] = []
        folders = download_with_companions("liver_vessels", events.append, settings=QUICK)
        assert sorted(folder.name for folder in folders) == ["fastest", "liver_vessels"]
        assert all(find_entry(name).installed for name in ("fastest", "liver_vessels"))
        fractions = [event["fraction"] for event in events if event["event"] == "progress"]
        assert fractions == sorted(fractions)
        assert (fractions[-1], sum(event["event"] == "started" for event in events)) == (1.0, 1)

    def test_what_is_there_is_not_fetched_again(self, site: Site) -> None:
        download_model("fastest", settings=QUICK)
        site.put(f"{FASTEST}.zip", b"")
        (folder,) = download_with_companions("liver_vessels", settings=QUICK)
        assert folder.name == "liver_vessels"
        assert download_with_companions("liver_vessels", settings=QUICK) == [folder]


def test_licensed_weights_are_refused_before_anything_is_downloaded() -> None:
    with pytest.raises(ModelError, match="not published: a licence is needed") as caught:
        download_with_companions("heartchambers_highres", settings=QUICK)
    assert isinstance(caught.value.hint, Hint)
    assert caught.value.hint.code is HintCode.GET_LICENSED_WEIGHTS
    assert not find_entry("fast").installed
