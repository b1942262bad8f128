"""Files of ours: written whole or not at all, read as if they were hostile."""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from .errors import BadInput, TotalPassportError, os_error

DATA_FOLDER = Path(__file__).parents[1] / "data"

MAX_JSON_BYTES = 64 * 2**20
"""A passport of 117 organs with 500 points each is about 3 MB; nothing of ours comes near this."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it to ``path`` if all went well, else remove it.

    Raises
    ------
    BadInput : the folder cannot be written to, or the disk is full.
    """
    path = Path(path)
    try:
        handle, name = tempfile.mkstemp(prefix=".totalpassport-", suffix="".join(path.suffixes[-2:]), dir=path.parent)
        os.close(handle)
    except OSError as error:
        error.filename = str(path.parent)
        raise os_error(error) from error
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes private files; results follow the user's own setting
        os.replace(temporary, path)
    except OSError as error:
        error.filename = str(path)
        raise os_error(error) from error
    finally:
        temporary.unlink(missing_ok=True)


@cache
def _umask() -> int:
    # The only way to ask for the umask is to set it, so ask once, before there are threads to race with.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def make_folder(path: Path) -> Path:
    """Create a folder and its parents where they are missing, and return it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise BadInput(f"'{path}' is a file, not a folder.", "Choose another output folder.") from error
    except OSError as error:
        raise os_error(error) from error
    return path


def refuse_overwriting(output: Path, *inputs: Path) -> None:
    """Raise `BadInput` if a file that is to be written is one of those that are read."""
    for path in inputs:
        if output.exists() and path.exists() and output.samefile(path):
            raise BadInput(f"The output '{output}' is the input itself.", "Choose another name or folder.")


def read_json(path: Path, failure: type[TotalPassportError] = BadInput) -> Any:
    """Read a JSON document that may be anything.

    Refused: files over `MAX_JSON_BYTES`, text that is not UTF-8, repeated keys, numbers that are infinite or not a
    number, absurd nesting.

    Raises
    ------
    failure : the file cannot be read or is not plain JSON.
    """
    try:
        with Path(path).open("rb") as file:
            text = file.read(MAX_JSON_BYTES + 1)
    except OSError as error:
        sentence = os_error(error)
        raise failure(sentence.message, sentence.hint) from error
    if len(text) > MAX_JSON_BYTES:
        raise failure(f"'{path}' is larger than {MAX_JSON_BYTES // 2**20} MB.", "This is not one of our JSON files.")
    return parse_json(text, f"'{path}'", failure)


def parse_json(text: bytes | str, what: str, failure: type[TotalPassportError] = BadInput) -> Any:
    """Parse JSON strictly; ``what`` names the document in the error."""
    try:
        return json.loads(
            text if isinstance(text, str) else text.decode("utf-8"),
            object_pairs_hook=_unique_keys,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_bounded,
        )
    except RecursionError as error:
        raise failure(f"{what} is nested too deeply.", "Check where the file comes from.") from error
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise failure(f"{what} is not valid JSON: {error}.", "Check where the file comes from.") from error


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return document


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"the number {digits[:20]} is too large")
    return number


def _bounded(digits: str) -> int:
    _finite(digits)  # whole numbers without bound would overflow later, as coordinates in arrays
    return int(digits)


def validate(document: Any, schema: str, what: str, failure: type[TotalPassportError] = BadInput) -> None:
    """Check a document against ``data/schemas/<schema>.schema.json``; ``what`` names it in the error."""
    import fastjsonschema  # lazily: Slicer may only be about to install it

    try:
        _validator(schema)(document)
    except fastjsonschema.JsonSchemaValueException as error:
        reason = error.message.replace("data", "it", 1) if error.message.startswith("data ") else error.message
        raise failure(f"{what} is not a valid {schema} document: {reason[:300]}.", "Correct or replace it.") from error


@cache
def _validator(schema: str) -> Callable[[Any], Any]:
    import fastjsonschema

    text = (DATA_FOLDER / "schemas" / f"{schema}.schema.json").read_text(encoding="utf-8")
    compiled: Callable[[Any], Any] = fastjsonschema.compile(json.loads(text), use_default=False)
    return compiled


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
