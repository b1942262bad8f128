"""Models come into the store whole, checked and with their origin, or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.networks import model_document, part_document, save_network, threshold_layers, write_model
from support.processes import command_line, environment
from support.web import Handler, Served, Site, cut_after, status
from support.weights import (
    FAST,
    FASTEST,
    FULL,
    dataset_document,
    files_of,
    model_entry,
    write_catalogue,
    write_dataset,
    zip_dataset,
)
from TotalPassportLib.base.errors import BadInput, Cancelled, ModelError
from TotalPassportLib.base.events import Cancellation, Event
from TotalPassportLib.base.hints import Hint, HintCode
from TotalPassportLib.models.catalogue import find_entry, find_model, list_models
from TotalPassportLib.models.nnunet.layout import find_datasets
from TotalPassportLib.models.store import check_integrity, read_record, remove_model
from TotalPassportLib.models.transfer.download import DownloadSettings
from TotalPassportLib.models.transfer.intake import convert_to, download_model, import_models
from TotalPassportLib.models.transfer.weights import weights_model

pytestmark = pytest.mark.usefixtures("home", "converter")

QUICK = DownloadSettings(attempts=3, sleep=lambda seconds: None, free_bytes=lambda folder: 10**12)
CHECKPOINT = "fold_0/checkpoint_final.pth"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def files_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def catalogue(home: Path, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make the catalogue lead to the local server; keywords change the entry of the model ``fast``."""

    def write(**changes: Any) -> None:
        def entry(dataset: str, **more: Any) -> dict[str, Any]:
            return dataset_document(dataset, f"{site.address}/{dataset}.zip", **more)

        models = (
            model_entry("fast", [entry(FAST, **changes)]),
            model_entry("full", [entry(dataset) for dataset in FULL]),
        )
        path = write_catalogue(tmp_path / "catalogue.json", *models)
        monkeypatch.setenv("TOTALPASSPORT_CATALOGUE", str(path))

    for dataset in (FAST, FASTEST, *FULL):
        site.put(f"{dataset}.zip", zip_dataset(dataset))
    write()
    return write


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

    @pytest.mark.parametrize(
        ("kind", "pin", "says"),
        [
            ("archive", {"size_bytes": None, "sha256": "0" * 64}, "SHA-256"),
            ("archive", {"size_bytes": 5, "sha256": None}, "bytes"),
            ("checkpoint", {"size_bytes": None, "sha256": "0" * 64}, "checkpoint_final.pth"),
            ("checkpoint", {"size_bytes": 5, "sha256": None}, "checkpoint_final.pth"),
            ("plans", {"size_bytes": None, "sha256": "0" * 64}, "plans.json"),
        ],
    )
    def test_what_is_not_the_pinned_file_is_refused(
        self, home: Path, catalogue: Callable[..., None], kind: str, pin: dict[str, Any], says: str
    ) -> None:
        catalogue(**{kind: pin})
        with pytest.raises(ModelError, match=says):
            download_model("fast", settings=QUICK)
        assert not find_entry("fast").installed
        assert files_below(home / "cache" / "downloads") == []

    def test_the_pinned_files_are_accepted(self, catalogue: Callable[..., None]) -> None:
        content = files_of(FAST)[CHECKPOINT]
        catalogue(checkpoint={"size_bytes": len(content), "sha256": digest(content)})
        download_model("fast", settings=QUICK)

    def test_what_was_trusted_at_first_must_stay_the_same_even_after_removal(self, site: Site) -> None:
        download_model("fast", settings=QUICK)
        remove_model("fast")
        site.put(f"{FAST}.zip", zip_dataset(FAST, b"other weights"), etag='"two"')
        with pytest.raises(ModelError, match="first seen on 20") as caught:
            download_model("fast", settings=QUICK)
        assert caught.value.hint == Hint(HintCode.FORGET_RELEASE, model="fast")
        remove_model("fast", forget=True)
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


@pytest.mark.usefixtures("catalogue")
class TestImport:
    """From files that somebody brought."""

    @pytest.mark.parametrize("shape", ["zip", "dataset", "trainer", "results", "folder of zips"])
    def test_whatever_form_the_weights_have(self, tmp_path: Path, shape: str) -> None:
        trainer = write_dataset(tmp_path / "given", FAST)
        archive = tmp_path / "zips" / f"{FAST}.zip"
        archive.parent.mkdir()
        archive.write_bytes(zip_dataset(FAST))
        forms = {
            "zip": archive,
            "dataset": trainer.parent,
            "trainer": trainer,
            "results": trainer.parent.parent,
            "folder of zips": archive.parent,
        }
        (folder,) = import_models([forms[shape]])
        assert folder.name == "fast"
        check_integrity(find_entry("fast"))
        assert archive.exists()
        assert files_below(trainer) == sorted(files_of(FAST))

    def test_a_model_of_several_datasets_from_several_zips(self, tmp_path: Path, converter: Any) -> None:
        archives = [tmp_path / f"{dataset}.zip" for dataset in FULL]
        for archive in archives:
            archive.write_bytes(zip_dataset(archive.stem))
        import_models(archives[::-1])
        assert converter.calls == [("full", list(FULL))]

    def test_one_of_several_datasets_is_not_enough_and_the_others_are_named(self, tmp_path: Path) -> None:
        write_dataset(tmp_path / "given", FULL[0])
        with pytest.raises(ModelError) as caught:
            import_models([tmp_path / "given"])
        assert all(dataset in caught.value.message for dataset in FULL[1:])

    @pytest.mark.parametrize("missing", sorted(files_of(FAST)))
    def test_a_dataset_that_lacks_a_file_does_not_count(self, tmp_path: Path, missing: str) -> None:
        trainer = write_dataset(tmp_path / "given", FAST)
        (trainer / missing).unlink()
        with pytest.raises(ModelError, match="No model was found"):
            import_models([tmp_path / "given"])
        assert find_datasets(tmp_path / "given") == {}

    def test_other_weights_are_refused_under_the_official_name_and_welcome_under_another(
        self, tmp_path: Path, catalogue: Callable[..., None]
    ) -> None:
        catalogue(checkpoint={"size_bytes": None, "sha256": "0" * 64})
        write_dataset(tmp_path / "given", FAST)
        with pytest.raises(ModelError, match="not the released file") as caught:
            import_models([tmp_path / "given"])
        assert caught.value.hint == Hint(HintCode.IMPORT_UNDER_OTHER_NAME, model="fast")
        assert not find_entry("fast").installed
        (folder,) = import_models([tmp_path / "given"], "my-fast")
        assert folder.name == "my-fast"
        assert find_model("my-fast").name == "my-fast"
        assert "my-fast" in [entry.name for entry in list_models()]

    def test_importing_again_replaces(self, tmp_path: Path) -> None:
        write_dataset(tmp_path / "one", FAST, b"one")
        write_dataset(tmp_path / "two", FAST, b"two")
        import_models([tmp_path / "one"], "mine")
        import_models([tmp_path / "two"], "mine")
        (source,) = (read_record(find_entry("mine")) or {})["sources"]
        assert source["files"][CHECKPOINT]["sha256"] == digest(b"two")

    @pytest.mark.parametrize("name", ["../evil", "a/b", "", ".", "..", "-x", "demo", "x" * 101, "ü", "a\n", "end."])
    def test_a_name_that_cannot_be_given_is_refused(self, home: Path, tmp_path: Path, name: str) -> None:
        write_dataset(tmp_path / "given", FAST)
        with pytest.raises(BadInput):
            import_models([tmp_path / "given"], name)
        assert not (home / "models").exists()

    def test_two_models_cannot_get_one_name(self, tmp_path: Path) -> None:
        write_dataset(tmp_path / "given", FAST)
        write_dataset(tmp_path / "given", FASTEST)
        with pytest.raises(BadInput, match="fast, fastest"):
            import_models([tmp_path / "given"], "mine")
        (folder,) = import_models([tmp_path / "given"], "fastest")
        assert folder.name == "fastest"

    @pytest.mark.parametrize("given", ["missing.zip", "empty", "text.zip"])
    def test_what_holds_no_model_is_told_as_such(self, home: Path, tmp_path: Path, given: str) -> None:
        (tmp_path / "empty").mkdir()
        (tmp_path / "text.zip").write_text("no zip")
        with pytest.raises(ModelError) as caught:
            import_models([tmp_path / given])
        assert caught.value.hint
        assert not (home / "models").exists()


class TestOwnLayout:
    """Models that were converted elsewhere."""

    def test_a_model_folder_is_copied_under_its_own_name(self, threshold_model: Path) -> None:
        (folder,) = import_models([threshold_model])
        assert folder.name == "threshold"
        check_integrity(find_entry("threshold"))
        assert find_entry("threshold").title == "Nearest of four grey levels"

    def test_what_lies_beside_the_model_is_not_copied(self, tmp_path: Path) -> None:
        given = write_model(tmp_path / "given")
        (given / "private.txt").write_text("mine")
        (folder,) = import_models([given], "copy")
        assert files_below(folder) == ["model.json", "network.onnx", "record.json"]
        assert find_model("copy").name == "copy"

    def test_a_network_that_carries_its_description_is_enough(self, tmp_path: Path) -> None:
        metadata = json.dumps(model_document([part_document(None)]))
        network = save_network(tmp_path / "alone.onnx", threshold_layers(), metadata)
        (folder,) = import_models([network])
        assert find_model(folder.name).parts[0].sha256 == digest(network.read_bytes())

    def test_a_network_that_is_not_its_descriptions_is_refused(self, home: Path, tmp_path: Path) -> None:
        given = write_model(tmp_path / "given")
        with (given / "network.onnx").open("ab") as file:
            file.write(b"more")
        with pytest.raises(ModelError, match="SHA-256"):
            import_models([given])
        assert not (home / "models").exists()

    def test_a_model_cannot_take_the_place_of_the_bundled_one(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match="comes with TotalPassport"):
            import_models([write_model(tmp_path / "given", name="demo")])


def damage_network(folder: Path) -> None:
    with (folder / "network.onnx").open("ab") as file:
        file.write(b"x")


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a changed network": damage_network,
    "a missing network": lambda folder: (folder / "network.onnx").unlink(),
    "a changed description": lambda folder: (folder / "model.json").write_text(
        (folder / "model.json").read_text().replace("-1000.0", "-1001.0")
    ),
    "an added file": lambda folder: (folder / "more").write_text("x"),
    "a spoiled record": lambda folder: (folder / "record.json").write_text("{}"),
    "a missing record": lambda folder: (folder / "record.json").unlink(),
}


class TestVerifyAndRemove:
    """What is installed stays what it was, until it goes."""

    @pytest.mark.parametrize("damage", DAMAGES)
    def test_a_damage_is_found(self, threshold_model: Path, damage: str) -> None:
        (folder,) = import_models([threshold_model])
        check_integrity(find_entry("threshold"))
        DAMAGES[damage](folder)
        with pytest.raises(ModelError):
            check_integrity(find_entry("threshold"))

    def test_the_bundled_model_can_be_verified(self) -> None:
        check_integrity(find_entry("demo"))

    def test_a_model_that_is_not_there_cannot_be_verified_or_removed(self) -> None:
        with pytest.raises(ModelError, match="not installed"):
            check_integrity(find_entry("fast"))
        with pytest.raises(ModelError, match="not installed"):
            remove_model("fast")

    def test_a_removed_model_is_gone(self, home: Path, threshold_model: Path) -> None:
        import_models([threshold_model])
        entry = find_entry("threshold")
        remove_model("threshold")
        assert not entry.installed
        assert [name for name in files_below(home) if "lock" not in name] == []

    def test_a_damaged_model_can_be_removed_and_is_still_listed(self, threshold_model: Path) -> None:
        (folder,) = import_models([threshold_model])
        (folder / "model.json").write_text("{")
        assert "threshold" in [entry.name for entry in list_models()]
        remove_model("threshold")

    @pytest.mark.parametrize("name", ["demo", "../models", ".."])
    def test_nothing_else_can_be_removed(self, name: str) -> None:
        with pytest.raises(BadInput):
            remove_model(name)


class TestWeightsFolder:
    """Weights given on the command line are converted once and kept by their content."""

    def test_the_second_time_nothing_is_converted(self, home: Path, tmp_path: Path, converter: Any) -> None:
        write_dataset(tmp_path / "weights", FAST)
        first = weights_model("fast", tmp_path / "weights")
        second = weights_model("fast", tmp_path / "weights" / FAST)
        assert first == second
        assert first.is_relative_to(home / "cache")
        assert converter.calls == [("fast", [FAST])]

    def test_the_same_content_at_another_place_is_the_same_model(self, tmp_path: Path, converter: Any) -> None:
        for place in ("one", "two"):
            write_dataset(tmp_path / place, FAST)
        assert weights_model("fast", tmp_path / "one") == weights_model("fast", tmp_path / "two")
        assert len(converter.calls) == 1

    @pytest.mark.parametrize("name", sorted(files_of(FAST)))
    def test_a_change_in_any_file_makes_another_model(self, tmp_path: Path, name: str) -> None:
        trainer = write_dataset(tmp_path / "weights", FAST)
        first = weights_model("fast", tmp_path / "weights")
        (trainer / name).write_bytes((trainer / name).read_bytes() + b" ")
        assert weights_model("fast", tmp_path / "weights") != first

    def test_it_is_not_installed_by_that(self, tmp_path: Path) -> None:
        write_dataset(tmp_path / "weights", FAST)
        weights_model("fast", tmp_path / "weights")
        assert not find_entry("fast").installed

    def test_a_failed_conversion_is_tried_again_the_next_time(self, tmp_path: Path, converter: Any) -> None:
        write_dataset(tmp_path / "weights", FAST)
        converter.failure = ModelError("The weights are odd.", "Get others.")
        with pytest.raises(ModelError, match="odd"):
            weights_model("fast", tmp_path / "weights")
        converter.failure = None
        assert find_model(str(weights_model("fast", tmp_path / "weights"))).name == "fast"

    def test_a_folder_without_the_models_weights_is_told_with_what_is_missing(self, tmp_path: Path) -> None:
        write_dataset(tmp_path / "weights", FAST)
        with pytest.raises(ModelError, match="Dataset298"):
            weights_model("fastest", tmp_path / "weights")
        with pytest.raises(ModelError, match="no weights folder"):
            weights_model("fastest", tmp_path / "nowhere")

    @pytest.mark.parametrize("name", ["demo", "nothing"])
    def test_a_model_that_is_not_made_of_weights_is_told_as_such(self, tmp_path: Path, name: str) -> None:
        with pytest.raises((BadInput, ModelError)):
            weights_model(name, tmp_path)

    @pytest.mark.parametrize("content", ["{", "[]", '{"x": 5}', '{"x": [1, 2, 3, 4]}'])
    def test_a_spoiled_memory_of_hashes_does_no_harm(self, home: Path, tmp_path: Path, content: str) -> None:
        write_dataset(tmp_path / "weights", FAST)
        first = weights_model("fast", tmp_path / "weights")
        (home / "cache" / "hashes.json").write_text(content)
        assert weights_model("fast", tmp_path / "weights") == first


class TestConvert:
    """Official weights into a model folder anywhere."""

    def test_a_model_folder_is_made_and_nothing_else(self, tmp_path: Path) -> None:
        write_dataset(tmp_path / "weights", FAST)
        output = tmp_path / "out" / "model"
        assert convert_to(tmp_path / "weights", output, "mine") == "mine"
        assert find_model(str(output)).name == "mine"
        assert files_below(output.parent) == ["model/model.json", "model/network.onnx"]

    def test_what_is_there_is_not_overwritten(self, tmp_path: Path) -> None:
        write_dataset(tmp_path / "weights", FAST)
        with pytest.raises(BadInput, match="already"):
            convert_to(tmp_path / "weights", tmp_path / "weights")

    def test_a_failure_leaves_nothing(self, tmp_path: Path, converter: Any) -> None:
        write_dataset(tmp_path / "weights", FAST)
        converter.failure = ModelError("The weights are odd.", "Get others.")
        with pytest.raises(ModelError, match="odd"):
            convert_to(tmp_path / "weights", tmp_path / "out" / "model", "mine")
        assert list((tmp_path / "out").iterdir()) == []
