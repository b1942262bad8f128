"""A file from the network comes whole or not at all, and what has come need not come again."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest
from support.processes import environment
from support.web import Handler, Served, Site, cut_after, endless, hang_up, lying_range, redirect_to, status
from TotalPassportLib.base.errors import BadInput, Cancelled, ModelError
from TotalPassportLib.base.hints import Hint, HintCode
from TotalPassportLib.models.transfer.download import DownloadSettings, Source, download

CONTENT = random.Random(5).randbytes(1_500_000)
"""More than one chunk, and no part of it is like another."""
LARGEST = 2_000_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Attempt:
    """One download into a folder, with what it reported."""

    def __init__(self, folder: Path) -> None:
        self.destination = folder / "weights.zip"
        self.steps: list[tuple[int, int | None]] = []
        self.pauses: list[float] = []
        self.settings = DownloadSettings(timeout_s=20.0, attempts=3, sleep=self.pauses.append)

    def step(self, done: int, total: int | None) -> None:
        self.steps.append((done, total))

    def fetch(self, url: str, *, size: int | None = None, sha256: str | None = None) -> None:
        download(
            Source(url=url, largest_bytes=LARGEST, size_bytes=size, sha256=sha256),
            self.destination,
            self.step,
            self.settings,
        )

    def names(self) -> list[str]:
        return sorted(path.name for path in self.destination.parent.iterdir())


@pytest.fixture
def attempt(tmp_path: Path) -> Attempt:
    folder = tmp_path / "downloads"
    folder.mkdir()
    return Attempt(folder)


@pytest.fixture
def url(site: Site) -> str:
    return site.put("weights.zip", CONTENT)


def ranges(site: Site) -> list[str | None]:
    return [headers.get("Range") for _, headers in site.requests]


def test_a_file_comes_whole_with_progress_in_bytes(attempt: Attempt, url: str) -> None:
    attempt.fetch(url, size=len(CONTENT), sha256=SHA256)
    assert attempt.destination.read_bytes() == CONTENT
    assert attempt.names() == ["weights.zip"]
    assert attempt.steps[0] == (0, len(CONTENT))
    assert attempt.steps[-1] == (len(CONTENT), len(CONTENT))
    assert attempt.steps == sorted(attempt.steps)


@pytest.mark.parametrize("cut", [0, 1, 4095, 262_144, 262_145, 1_000_000, len(CONTENT) - 1])
def test_a_connection_cut_anywhere_is_continued_where_it_was_cut(
    attempt: Attempt, site: Site, url: str, cut: int
) -> None:
    site.faults = [cut_after(cut)]
    attempt.fetch(url, sha256=SHA256)
    assert attempt.destination.read_bytes() == CONTENT
    assert ranges(site) == [None, f"bytes={cut}-" if cut else None]
    assert site.bytes_sent == len(CONTENT)


def test_many_cuts_in_a_row_are_survived_as_long_as_each_attempt_gains_something(
    attempt: Attempt, site: Site, url: str
) -> None:
    attempt.settings = DownloadSettings(attempts=2, worthwhile_bytes=100_000, sleep=attempt.pauses.append)
    site.faults = [cut_after(100_000)] * 12
    attempt.fetch(url, sha256=SHA256)
    assert attempt.destination.read_bytes() == CONTENT
    assert site.bytes_sent == len(CONTENT)


def test_a_later_session_continues_what_an_earlier_one_began(attempt: Attempt, site: Site, url: str) -> None:
    site.faults = [cut_after(400_000), status(503), status(503), status(503)]
    with pytest.raises(ModelError):
        attempt.fetch(url)
    assert attempt.names() == ["weights.zip.part", "weights.zip.part.json"]
    attempt.fetch(url, sha256=SHA256)
    assert ranges(site)[-1] == "bytes=400000-"
    assert attempt.names() == ["weights.zip"]


def test_all_bytes_there_but_the_name_not_given_yet_needs_no_network(attempt: Attempt, site: Site, url: str) -> None:
    site.faults = [cut_after(400_000), status(404)]
    with pytest.raises(ModelError):
        attempt.fetch(url)
    part = attempt.destination.with_name("weights.zip.part")
    part.write_bytes(CONTENT)
    site.requests.clear()
    attempt.fetch(url, sha256=SHA256)
    assert site.requests == []
    assert attempt.destination.read_bytes() == CONTENT


def test_a_file_that_changed_between_two_attempts_is_fetched_anew_and_never_mixed(
    attempt: Attempt, site: Site, url: str
) -> None:
    def cut_then_change(handler: Handler, served: Served) -> None:
        handler.send_file(Served(bytes(len(CONTENT)), '"old"'), cut=700_000)

    site.faults = [cut_then_change]
    attempt.fetch(url)
    assert attempt.destination.read_bytes() == CONTENT
    assert site.requests[1][1]["If-Range"] == '"old"'


def test_a_server_that_ignores_the_condition_and_sends_the_rest_of_another_version_is_not_believed(
    attempt: Attempt, site: Site, url: str
) -> None:
    def rest_of_another(handler: Handler, served: Served) -> None:
        del handler.headers["If-Range"]
        handler.send_file(Served(bytes(len(CONTENT)), '"other"'))

    site.faults = [cut_after(700_000), rest_of_another]
    attempt.fetch(url)
    assert attempt.destination.read_bytes() == CONTENT


@pytest.mark.parametrize("etag", [None, 'W/"similar"', '"broken\tname"'])
def test_without_a_way_to_tell_versions_apart_the_file_is_fetched_anew(
    attempt: Attempt, site: Site, etag: str | None
) -> None:
    url = site.put("weights.zip", CONTENT, etag=etag)
    site.faults = [cut_after(700_000)]
    attempt.fetch(url, sha256=SHA256)
    assert ranges(site) == [None, None]


@pytest.mark.parametrize("fault", [status(500), status(502), status(503), status(429), hang_up, lying_range])
def test_a_passing_trouble_of_the_server_is_retried_after_a_pause(
    attempt: Attempt, site: Site, url: str, fault: Callable[[Handler, Served], None]
) -> None:
    site.faults = [fault]
    attempt.fetch(url, sha256=SHA256)
    assert attempt.destination.read_bytes() == CONTENT
    assert attempt.pauses


def test_pauses_grow_and_attempts_end(attempt: Attempt, site: Site, url: str) -> None:
    site.faults = [status(500)] * 50
    with pytest.raises(ModelError, match="500"):
        attempt.fetch(url)
    assert len(site.requests) == 3
    assert sum(attempt.pauses) == pytest.approx(1 + 2)


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 451])
def test_a_refusal_is_told_at_once_with_the_address_and_the_way_around(
    attempt: Attempt, site: Site, url: str, code: int
) -> None:
    site.faults = [status(code)]
    with pytest.raises(ModelError) as caught:
        attempt.fetch(url)
    assert url in caught.value.message
    assert str(code) in caught.value.message
    assert caught.value.hint == Hint(HintCode.IMPORT_FILE)
    assert len(site.requests) == 1
    assert attempt.names() == []


def test_a_server_that_cannot_be_reached_is_told_with_the_address_and_the_way_around(attempt: Attempt) -> None:
    url = "https://localhost:1/weights.zip"
    with pytest.raises(ModelError) as caught:
        attempt.fetch(url)
    assert url in caught.value.message
    assert caught.value.hint == Hint(HintCode.IMPORT_FILE)


def test_a_wrong_hash_is_refused_and_nothing_is_kept(attempt: Attempt, url: str) -> None:
    with pytest.raises(ModelError, match="SHA-256"):
        attempt.fetch(url, sha256="0" * 64)
    assert attempt.names() == []


@pytest.mark.parametrize("size", [len(CONTENT) - 1, len(CONTENT) + 1])
def test_a_file_of_another_size_than_known_is_refused(attempt: Attempt, site: Site, url: str, size: int) -> None:
    with pytest.raises(ModelError, match="1,500,000 bytes"):
        attempt.fetch(url, size=size)
    assert attempt.names() == []


def test_a_file_announced_larger_than_it_can_be_is_not_begun(attempt: Attempt, site: Site) -> None:
    url = site.put("weights.zip", bytes(LARGEST + 1))
    with pytest.raises(ModelError, match=r"2,000,001 bytes"):
        attempt.fetch(url)
    assert attempt.names() == []


def test_a_server_that_sends_less_than_it_announced_is_given_up(attempt: Attempt, site: Site, url: str) -> None:
    def short(handler: Handler, served: Served) -> None:
        handler.send_file(Served(served.content, etag=None), declared=len(CONTENT) + 100)

    site.faults = [short] * 10
    with pytest.raises(ModelError, match="1,500,000 of 1,500,100 bytes"):
        attempt.fetch(url)
    assert not attempt.destination.exists()


def test_what_a_server_sends_beyond_the_announced_length_is_ignored(attempt: Attempt, site: Site, url: str) -> None:
    def long(handler: Handler, served: Served) -> None:
        handler.send_file(Served(CONTENT + b"more"), declared=len(CONTENT))

    site.faults = [long]
    attempt.fetch(url, sha256=SHA256)


def test_a_body_without_end_is_left_at_the_largest_size_that_can_be(attempt: Attempt, site: Site, url: str) -> None:
    site.faults = [endless]
    with pytest.raises(ModelError, match="does not end"):
        attempt.fetch(url)
    assert attempt.names() == []


def test_a_file_of_unannounced_length_comes_whole(attempt: Attempt, site: Site, url: str) -> None:
    def unannounced(handler: Handler, served: Served) -> None:
        handler.send_response(200)
        handler.send_kind(served)
        handler.send(served.content)

    site.faults = [unannounced]
    attempt.fetch(url, sha256=SHA256)
    assert attempt.steps[0] == (0, None)


def test_a_login_page_is_not_taken_for_the_file(attempt: Attempt, site: Site) -> None:
    url = site.put("weights.zip", b"<html>Please log in</html>", kind="text/html; charset=utf-8")
    with pytest.raises(ModelError, match="text/html"):
        attempt.fetch(url)
    assert attempt.names() == []


def test_redirects_are_followed_with_the_range(attempt: Attempt, site: Site, url: str) -> None:
    site.faults = [redirect_to(url), cut_after(500_000), redirect_to(url)]
    attempt.fetch(f"{site.address}/release.zip", sha256=SHA256)
    assert ranges(site) == [None, None, "bytes=500000-", "bytes=500000-"]


@pytest.mark.parametrize("elsewhere", ["http://localhost:1/weights.zip", "ftp://localhost/x", "file:///etc/passwd"])
def test_a_redirect_away_from_https_is_refused(attempt: Attempt, site: Site, url: str, elsewhere: str) -> None:
    site.faults = [redirect_to(elsewhere)]
    with pytest.raises(ModelError) as caught:
        attempt.fetch(url)
    assert "https" in caught.value.message or "not allowed" in caught.value.message
    assert attempt.names() == []


def test_redirects_without_end_are_refused(attempt: Attempt, site: Site, url: str) -> None:
    site.faults = [redirect_to(f"{url}?{turn}") for turn in range(100)]
    with pytest.raises(ModelError, match="redirected"):
        attempt.fetch(url)
    assert len(site.requests) <= 10


@pytest.mark.parametrize("url", ["http://localhost/x.zip", "file:///etc/passwd", "ftp://localhost/x", "weights.zip"])
def test_only_https_is_ever_asked(attempt: Attempt, url: str) -> None:
    with pytest.raises(ModelError, match="not https"):
        attempt.fetch(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://[::1/a.zip",
        "https://host:port/a.zip",
        "https://host:99999/a.zip",
        "https://hö..st/a.zip",
        "https://host/größe.zip",
        "https://host/a\x07b.zip",
        "https://host/a b.zip",
        "https://" + "a" * 300 + "/a.zip",
    ],
)
def test_what_is_no_address_is_a_sentence(attempt: Attempt, url: str) -> None:
    with pytest.raises(ModelError, match="this is no address"):
        attempt.fetch(url)


def test_a_certificate_that_is_not_trusted_ends_it_at_once_and_says_how_to_trust(
    attempt: Attempt, site: Site, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(ModelError, match="certificate") as caught:
        attempt.fetch(url)
    assert caught.value.hint == Hint(HintCode.TRUST_CERTIFICATES)
    assert attempt.pauses == []


def test_certificates_named_for_other_tools_are_honoured(
    attempt: Attempt, site: Site, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(site.certificate))
    attempt.fetch(url, sha256=SHA256)


def test_a_certificate_setting_that_points_nowhere_is_named(
    attempt: Attempt, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such.pem")
    with pytest.raises(ModelError, match="REQUESTS_CA_BUNDLE"):
        attempt.fetch(url)


def test_the_proxy_of_the_environment_is_used(attempt: Attempt, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://localhost:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(ModelError):
        attempt.fetch(url)
    monkeypatch.setenv("no_proxy", "localhost")
    attempt.fetch(url, sha256=SHA256)


def test_too_little_space_is_told_before_anything_is_written(attempt: Attempt, url: str) -> None:
    attempt.settings = DownloadSettings(free_bytes=lambda folder: 65 * 2**20)
    with pytest.raises(BadInput, match=r"needs 69 MB .* 68 MB are free") as caught:
        attempt.fetch(url)
    assert "TOTALPASSPORT_HOME" in str(caught.value)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="optional: this system has no device that is always full")
def test_a_disk_that_fills_up_on_the_way_is_a_sentence(
    attempt: Attempt, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_full(part: object) -> BinaryIO:
        return Path("/dev/full").open("ab")

    monkeypatch.setattr("TotalPassportLib.models.transfer.download._PartialFile.open", open_full)
    with pytest.raises(BadInput, match="disk is full"):
        attempt.fetch(url)
    assert not attempt.destination.exists()


def test_stopping_keeps_what_has_come(attempt: Attempt, site: Site, url: str) -> None:
    def stop_midway(done: int, total: int | None) -> None:
        if done > 500_000:
            raise Cancelled()

    with pytest.raises(Cancelled):
        download(Source(url=url, largest_bytes=LARGEST), attempt.destination, stop_midway, attempt.settings)
    kept = attempt.destination.with_name("weights.zip.part").stat().st_size
    assert 500_000 < kept < len(CONTENT)
    attempt.fetch(url, sha256=SHA256)
    assert ranges(site)[-1] == f"bytes={kept}-"


@pytest.mark.parametrize("note", ["", "{", "[]", '{"url": 5}', '{"url": "x", "etag": "y", "total": null}', "\x00"])
def test_a_spoiled_note_beside_the_part_means_a_new_start(attempt: Attempt, url: str, note: str) -> None:
    attempt.destination.with_name("weights.zip.part").write_bytes(b"something else")
    attempt.destination.with_name("weights.zip.part.json").write_text(note)
    attempt.fetch(url, sha256=SHA256)
    assert attempt.names() == ["weights.zip"]


KILLED = """
import sys
from pathlib import Path
from TotalPassportLib.models.transfer.download import Source, download

def step(done, total):
    print(done, flush=True)

download(Source(url=sys.argv[1], largest_bytes=2_000_000), Path(sys.argv[2]), step)
"""


def test_a_process_killed_in_the_middle_leaves_something_to_continue(attempt: Attempt, site: Site, url: str) -> None:
    killed = threading.Event()

    def half_then_wait(handler: Handler, served: Served) -> None:
        handler.send_file(served, cut=800_000)
        killed.wait(60)

    site.faults = [half_then_wait]
    command = [sys.executable, "-c", KILLED, url, str(attempt.destination)]
    variables = environment(SSL_CERT_FILE=os.environ["SSL_CERT_FILE"])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if int(line) == 800_000)
        process.kill()
    killed.set()
    assert attempt.names() == ["weights.zip.part", "weights.zip.part.json"]
    attempt.fetch(url, sha256=SHA256)
    kept = int((ranges(site)[-1] or "bytes=0-")[len("bytes=") : -1])
    assert 0 < kept <= 800_000
    assert attempt.names() == ["weights.zip"]
