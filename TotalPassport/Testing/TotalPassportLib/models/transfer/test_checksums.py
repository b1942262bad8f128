"""Released weights are taken only as they were released, or as they came the first time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.processes import files_below
from support.web import Site
from support.weights import CHECKPOINT, FAST, QUICK, digest, files_of, zip_dataset
from TotalPassportLib.base.errors import ModelError
from TotalPassportLib.base.hints import Hint, HintCode
from TotalPassportLib.models.catalogue import find_entry
from TotalPassportLib.models.store import remove_model
from TotalPassportLib.models.transfer.intake import download_model

pytestmark = pytest.mark.usefixtures("home", "converter", "catalogue")


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
    home: Path, catalogue: Callable[..., None], kind: str, pin: dict[str, Any], says: str
) -> None:
    catalogue(**{kind: pin})
    with pytest.raises(ModelError, match=says):
        download_model("fast", settings=QUICK)
    assert not find_entry("fast").installed
    assert files_below(home / "cache" / "downloads") == []


def test_the_pinned_files_are_accepted(catalogue: Callable[..., None]) -> None:
    content = files_of(FAST)[CHECKPOINT]
    catalogue(checkpoint={"size_bytes": len(content), "sha256": digest(content)})
    download_model("fast", settings=QUICK)


def test_what_was_trusted_at_first_must_stay_the_same_even_after_removal(site: Site) -> None:
    download_model("fast", settings=QUICK)
    remove_model("fast")
    site.put(f"{FAST}.zip", zip_dataset(FAST, b"other weights"), etag='"two"')
    with pytest.raises(ModelError, match="first seen on 20") as caught:
        download_model("fast", settings=QUICK)
    assert caught.value.hint == Hint(HintCode.FORGET_RELEASE, model="fast")
    remove_model("fast", forget=True)
    download_model("fast", settings=QUICK)
