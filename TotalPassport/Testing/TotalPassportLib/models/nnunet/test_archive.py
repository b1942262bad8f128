"""An archive of weights gives the files that are needed, or nothing and a sentence."""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.processes import files_below
from TotalPassportLib.base.errors import Cancelled, ModelError
from TotalPassportLib.models.nnunet.archive import unpack_weights

DATASET = "Dataset297_TotalSegmentator_total_3mm_1559subj"
TRAINER = f"{DATASET}/nnUNetTrainer_4000epochs_NoMirroring__nnUNetPlans__3d_fullres"
PLANS, DESCRIPTION = f"{TRAINER}/plans.json", f"{TRAINER}/dataset.json"
CHECKPOINT = f"{TRAINER}/fold_0/checkpoint_final.pth"
OFFICIAL = {PLANS: b"{}", DESCRIPTION: b"[]", CHECKPOINT: bytes(range(256)) * 20}


def make_zip(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return path


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    folder = tmp_path / "somewhere" / "unpacked"
    folder.mkdir(parents=True)
    return folder


def unpack(archive: Path, destination: Path) -> list[Path]:
    return unpack_weights(archive, destination, lambda done, total: None)


def test_of_an_official_archive_only_what_is_needed_is_unpacked(tmp_path: Path, destination: Path) -> None:
    others = {
        f"{DATASET}/": b"",
        f"{TRAINER}/": b"",
        f"{TRAINER}/dataset_fingerprint.json": b"{}",
        f"{TRAINER}/fold_0/progress.png": b"picture",
        f"{TRAINER}/fold_0/checkpoint_best.pth": b"best",
        f"{TRAINER}/fold_x/checkpoint_final.pth": b"no fold",
        f"__MACOSX/{TRAINER}/._plans.json": b"",
        "README.md": b"",
    }
    archive = make_zip(tmp_path / "official.zip", {**others, **OFFICIAL})
    assert unpack(archive, destination) == [destination / DATASET]
    assert files_below(destination) == sorted(OFFICIAL)
    assert all((destination / name).read_bytes() == content for name, content in OFFICIAL.items())


def test_further_folds_are_unpacked_too(tmp_path: Path, destination: Path) -> None:
    folds = {f"{TRAINER}/fold_{fold}/checkpoint_final.pth": b"another fold" for fold in (1, 4)}
    unpack(make_zip(tmp_path / "official.zip", {**folds, **OFFICIAL}), destination)
    assert files_below(destination) == sorted({**folds, **OFFICIAL})


def test_several_datasets_in_one_archive_are_all_unpacked(tmp_path: Path, destination: Path) -> None:
    other = {name.replace("Dataset297", "Dataset298"): content for name, content in OFFICIAL.items()}
    folders = unpack(make_zip(tmp_path / "both.zip", {**OFFICIAL, **other}), destination)
    assert [folder.name[:10] for folder in folders] == ["Dataset297", "Dataset298"]


def test_progress_ends_at_the_total_and_stopping_is_possible(tmp_path: Path, destination: Path) -> None:
    archive = make_zip(tmp_path / "official.zip", OFFICIAL)
    steps: list[tuple[int, int]] = []
    unpack_weights(archive, destination, lambda done, total: steps.append((done, total)))
    total = sum(map(len, OFFICIAL.values()))
    assert steps[-1] == (total, total)

    def stop(done: int, total: int) -> None:
        raise Cancelled()

    with pytest.raises(Cancelled):
        unpack_weights(archive, destination.parent / "other", stop)


HOSTILE_NAMES = [
    "../evil.txt",
    f"{DATASET}/../../evil.txt",
    "..",
    "/etc/evil.txt",
    "//server/share/evil.txt",
    "C:/evil.txt",
    "C:evil.txt",
    "..\\evil.txt",
    f"{DATASET}\\plans.json",
    "\\\\server\\evil.txt",
    f"{DATASET}/./plans.json",
    f"{DATASET}//plans.json",
    "plans.json:stream",
    "line\nbreak",
    "nothing\x00behind",
    "",
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_an_archive_with_a_hostile_name_is_refused_whole(tmp_path: Path, destination: Path, name: str) -> None:
    placeholder = "p" * max(len(name), 1)
    archive = make_zip(tmp_path / "hostile.zip", {**OFFICIAL, placeholder: b"evil"})
    if name:
        archive.write_bytes(archive.read_bytes().replace(placeholder.encode(), name.encode()))
    else:
        with zipfile.ZipFile(archive, "w") as opened:
            opened.writestr(zipfile.ZipInfo("x"), b"evil")
            opened.infolist()[0].filename = ""
    with pytest.raises(ModelError) as caught:
        unpack(archive, destination)
    assert "hostile.zip" in caught.value.message
    assert files_below(tmp_path) == ["hostile.zip"]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK])
@pytest.mark.parametrize("name", [CHECKPOINT, "elsewhere"])
def test_links_and_devices_are_refused(tmp_path: Path, destination: Path, kind: int, name: str) -> None:
    archive = tmp_path / "links.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for member, content in {**OFFICIAL, name: b"/etc/passwd"}.items():
            info = zipfile.ZipInfo(member)
            info.external_attr = (kind if member == name else stat.S_IFREG) << 16
            opened.writestr(info, content)
    with pytest.raises(ModelError, match="link or a device"):
        unpack(archive, destination)
    assert files_below(destination) == []


@pytest.mark.parametrize("second", [CHECKPOINT, CHECKPOINT.upper(), CHECKPOINT + "/"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_stands_twice_is_refused(tmp_path: Path, destination: Path, second: str) -> None:
    archive = make_zip(tmp_path / "twice.zip", OFFICIAL)
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(second, b"")
    with pytest.raises(ModelError, match="twice"):
        unpack(archive, destination)
    assert files_below(destination) == []


@pytest.mark.parametrize("name", [PLANS, CHECKPOINT])
def test_a_bomb_is_recognised_before_it_is_unpacked(tmp_path: Path, destination: Path, name: str) -> None:
    archive = make_zip(tmp_path / "bomb.zip", {**OFFICIAL, name: bytes(20_000_000)})
    with pytest.raises(ModelError, match="would become 20,000,000 bytes"):
        unpack(archive, destination)
    assert files_below(destination) == []


def test_a_bomb_among_what_is_not_needed_does_nothing(tmp_path: Path, destination: Path) -> None:
    unpack(make_zip(tmp_path / "bomb.zip", {**OFFICIAL, "bomb.bin": bytes(20_000_000)}), destination)
    assert files_below(destination) == sorted(OFFICIAL)


def test_a_member_that_unpacks_to_more_than_it_declares_is_refused(tmp_path: Path, destination: Path) -> None:
    archive = make_zip(tmp_path / "liar.zip", {**OFFICIAL, CHECKPOINT: bytes(50_000)})
    archive.write_bytes(archive.read_bytes().replace(struct.pack("<L", 50_000), struct.pack("<L", 100)))
    with pytest.raises(ModelError):
        unpack(archive, destination)
    assert sum((destination / name).stat().st_size for name in files_below(destination)) < 200


def test_an_absurd_number_of_members_is_refused(tmp_path: Path, destination: Path) -> None:
    many = {f"{number}": b"" for number in range(10_001)}
    with pytest.raises(ModelError, match="members"):
        unpack(make_zip(tmp_path / "many.zip", {**OFFICIAL, **many}), destination)


def test_a_table_of_contents_of_absurd_declared_size_is_not_read(tmp_path: Path, destination: Path) -> None:
    archive = make_zip(tmp_path / "table.zip", OFFICIAL)
    content = bytearray(archive.read_bytes())
    end = content.rindex(b"PK\x05\x06")
    padded = bytes(6_000_000) + content[:end]
    entries = content[end : end + 12] + struct.pack("<LL", len(padded) - 100, 0) + content[end + 20 :]
    archive.write_bytes(padded + entries)
    with pytest.raises(ModelError, match="table of contents"):
        unpack(archive, destination)


def flip(position: float) -> Callable[[bytes], bytes]:
    """Change one byte."""

    def change(content: bytes) -> bytes:
        index = int(len(content) * position)
        return content[:index] + bytes([content[index] ^ 0xFF]) + content[index + 1 :]

    return change


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "a web page": lambda content: b"<html>Not found</html>",
    "its first half": lambda content: content[: len(content) // 2],
    "without its last byte": lambda content: content[:-1],
    "without its beginning": lambda content: content[300:],
    "a changed byte in the weights": flip(0.4),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_archive_is_told_as_such(tmp_path: Path, destination: Path, damage: str) -> None:
    archive = make_zip(tmp_path / "damaged.zip", OFFICIAL, zipfile.ZIP_STORED)
    archive.write_bytes(DAMAGES[damage](archive.read_bytes()))
    with pytest.raises(ModelError, match=r"damaged\.zip"):
        unpack(archive, destination)


@pytest.mark.parametrize("length", range(0, 6000, 97))
def test_an_archive_cut_anywhere_is_refused(tmp_path: Path, destination: Path, length: int) -> None:
    archive = make_zip(tmp_path / "cut.zip", OFFICIAL, zipfile.ZIP_STORED)
    content = archive.read_bytes()
    assert len(content) > 6000
    archive.write_bytes(content[:length])
    with pytest.raises(ModelError):
        unpack(archive, destination)


def test_an_encrypted_member_is_refused(tmp_path: Path, destination: Path) -> None:
    archive = make_zip(tmp_path / "locked.zip", OFFICIAL)
    content = archive.read_bytes().replace(b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00")
    archive.write_bytes(content)
    with pytest.raises(ModelError, match="encrypted"):
        unpack(archive, destination)


@pytest.mark.parametrize("missing", [CHECKPOINT, None])
def test_an_archive_without_weights_is_told_as_such(tmp_path: Path, destination: Path, missing: str | None) -> None:
    members = {name: content for name, content in OFFICIAL.items() if missing and name != missing}
    archive = make_zip(tmp_path / "other.zip", members)
    with pytest.raises(ModelError, match="no weights"):
        unpack(archive, destination)


def test_an_archive_that_is_not_there_is_a_sentence(tmp_path: Path, destination: Path) -> None:
    with pytest.raises(ModelError, match="no archive"):
        unpack(tmp_path / "missing.zip", destination)
