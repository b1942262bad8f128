"""Files that are read as if they were hostile."""

from __future__ import annotations

import gc
import hashlib
import io
import json
import math
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from .errors import BadInput, TotalPassportError, os_error
from .plain_schema import first_violation

DATA_FOLDER = Path(__file__).parents[1] / "data"

_HALF_LETTER = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
MAX_JSON_BYTES = 64 * 2**20
"""A passport of 117 organs with 500 points each is about 3 MB; nothing of ours comes near this."""
LARGEST_NUMBER = 1e50
"""Of what is measured in a scan; no measure comes near it, and its powers are still numbers."""
_MANY_DIGITS, _MANY_HASHES = 40, 10_000
_SHAPE_OF_NUMBERS = bytes.maketrans(b"123456789E", b"000000000e")


def make_folder(path: Path) -> Path:
    """Create a folder and its parents where they are missing, and return it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        # One of the folders that it would lie in may be the file.
        file = next((parent for parent in reversed(path.parents) if parent.is_file()), path)
        raise BadInput(f"'{file}' is a file, not a folder.", "Choose another output folder.") from error
    except OSError as error:
        raise os_error(error) from error
    return path


@contextmanager
def open_regular(path: Path) -> Iterator[io.BufferedReader]:
    """Open a file for reading in bytes; what may never end or never begin, a device or a pipe, is refused.

    Raises
    ------
    BadInput
        It is no regular file, or cannot be read.
    """
    try:
        # Without waiting: opening a pipe that nobody writes to would not return.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise BadInput(f"'{path}' is a device or a pipe, not a file.", "Give the path of a file.")
            yield file
    except OSError as error:
        if not isinstance(error.filename, str):  # that of a folder is the number of its handle
            error.filename = str(path)
        raise os_error(error) from error


def require_regular(path: Path) -> None:
    """Raise `BadInput` unless a path leads to a regular file that can be read; see `open_regular`."""
    with open_regular(path):
        pass


def read_json(path: Path, failure: type[TotalPassportError] = BadInput, boundless: list[float] | None = None) -> Any:
    """Read a JSON document that may be anything.

    Refused: files over `MAX_JSON_BYTES`, text that is not UTF-8, repeated keys, numbers that are infinite or not a
    number, absurd nesting.

    Parameters
    ----------
    path : Path
        The file.
    failure : type
        What is raised where it cannot be used.
    boundless : list of float, optional
        Numbers of `LARGEST_NUMBER` and more are added to it.

    Raises
    ------
    failure
        The file cannot be read or is not plain JSON.
    """
    try:
        with open_regular(path) as file:
            text = file.read(MAX_JSON_BYTES + 1)
    except BadInput as error:
        raise failure(error.message, error.hint) from error
    if len(text) > MAX_JSON_BYTES:
        raise failure(f"'{path}' is larger than {MAX_JSON_BYTES // 2**20} MB.", "This is not one of our JSON files.")
    return parse_json(text, f"'{path}'", failure, boundless)


def parse_json(
    text: bytes | str,
    what: str,
    failure: type[TotalPassportError] = BadInput,
    boundless: list[float] | None = None,
) -> Any:
    """Parse JSON strictly; ``what`` names the document in the error. See `read_json` for the rest."""
    try:
        encoded = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        plain = text if isinstance(text, str) else text.decode("utf-8")
        readers: tuple[Any, Any] = (None, None)
        if not _has_bounded_numbers(encoded):
            readers = _number_readers([] if boundless is None else boundless)
        with _without_garbage_collection():
            document = json.loads(
                plain,
                object_pairs_hook=_unique_keys,
                parse_constant=_refuse_constant,
                parse_float=readers[0],
                parse_int=readers[1],
            )
        if not plain.isascii() or "\\u" in plain:
            _refuse_half_letters(plain, document)
        return document
    except RecursionError as error:
        raise failure(f"{what} is nested too deeply.", "Check where the file comes from.") from error
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise failure(f"{what} is not valid JSON: {error}.", "Check where the file comes from.") from error


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return document


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Spare looking through millions of new lists again and again for circles, which a JSON document cannot have."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _has_bounded_numbers(text: bytes) -> bool:
    """Whether no number of a JSON text can be as large as `LARGEST_NUMBER`, going by its digits alone.

    Calling Python for each number takes longer than all else; a number of fewer than `_MANY_DIGITS` digits with an
    exponent of one digit is below 1e49.
    """
    shape = text.translate(_SHAPE_OF_NUMBERS)
    large = rb"0e\+?00" if b"0" * _MANY_DIGITS not in shape else rb"0e\+?00|0{%d,}" % _MANY_DIGITS
    for found, suspect in enumerate(re.finditer(large, shape)):
        # Within a hash, say, it is no number: those do not begin after a letter or a quotation mark.
        place = suspect.start()
        before = shape[max(place - _MANY_DIGITS, 0) : place].rstrip(b"0.-")[-1:]
        if before in b" \t\r\n[:," or found == _MANY_HASHES:
            return False
    return True


def _refuse_half_letters(text: str, document: Any) -> None:
    """Raise `ValueError` if a text has half of a surrogate pair: no file in UTF-8 could hold it again."""
    if not _HALF_LETTER.search(text):
        return
    try:
        json.dumps(document, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("a text has half of a letter (a lone surrogate)") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _number_readers(boundless: list[float]) -> tuple[Callable[[str], float], Callable[[str], int]]:
    """Return what makes numbers of their digits and looks at each: millions of them in the largest file."""

    def finite(digits: str) -> float:
        number = float(digits)
        if not -LARGEST_NUMBER < number < LARGEST_NUMBER:
            if not math.isfinite(number):
                raise ValueError(f"the number {digits[:20]} is too large")
            boundless.append(number)
        return number

    def bounded(digits: str) -> int:
        finite(digits)  # whole numbers without bound would overflow later, as coordinates in arrays
        return int(digits)

    return finite, bounded


def validate(document: Any, schema: str, what: str, failure: type[TotalPassportError] = BadInput) -> None:
    """Check a document against ``data/schemas/<schema>.schema.json``; ``what`` names it in the error."""
    reason = _violation(document, schema)
    if reason:
        reason = reason.replace("data", "it", 1) if reason.startswith("data ") else reason
        raise failure(f"{what} is not a valid {schema} document: {reason[:300]}.", "Correct or replace it.")


def _violation(document: Any, schema: str) -> str:
    """Say what is not as the schema wants it; an empty text where all is."""
    try:
        import fastjsonschema  # lazily: Slicer may only be about to install it
    except ModuleNotFoundError:
        try:
            return first_violation(document, _schema(schema))
        except NotImplementedError:
            pass  # only what is read before anything is installed is checked without it
        raise
    try:
        _validator(schema)(document)
    except fastjsonschema.JsonSchemaValueException as error:
        return str(error.message)
    return ""


@cache
def _validator(schema: str) -> Callable[[Any], Any]:
    import fastjsonschema

    compiled: Callable[[Any], Any] = fastjsonschema.compile(_schema(schema), use_default=False)
    return compiled


def _schema(name: str) -> Any:
    return json.loads((DATA_FOLDER / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8"))


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal."""
    return sha256_of_files([path])


def sha256_of_files(paths: Iterable[Path]) -> str:
    """Return the SHA-256 of the bytes of some files, one after another, in hexadecimal.

    Raises
    ------
    BadInput
        One of them cannot be read.
    """
    digest = hashlib.sha256()
    for path in paths:
        with open_regular(path) as file:
            hashlib.file_digest(file, lambda: digest)
    return digest.hexdigest()
