"""Every failure becomes a sentence with cause, next step and exit code."""

from __future__ import annotations

import errno

import pytest
from TotalPassportLib.base.errors import (
    BadInput,
    Cancelled,
    ModelError,
    OutOfMemory,
    TotalPassportError,
    as_user_error,
    user_error,
)


@pytest.mark.parametrize(
    ("error", "kind", "code", "says"),
    [
        (MemoryError(), OutOfMemory, 3, "not enough memory"),
        (OSError(errno.ENOMEM, "x"), OutOfMemory, 3, "no more memory"),
        (OSError(errno.EMFILE, "x", "/a/b"), BadInput, 2, "no more open files"),
        (RuntimeError("can't start new thread"), OutOfMemory, 3, "no more threads"),
        (ImportError("x.so: failed to map segment from shared object"), OutOfMemory, 3, "to load the libraries"),
        (ValueError("embedded null byte"), BadInput, 2, "characters that no file's name can have"),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"), BadInput, 2, "no file's name can have"),
        (KeyboardInterrupt(), Cancelled, 5, "Cancelled"),
        (OSError(errno.ENOSPC, "x", "/a/b"), BadInput, 2, "The disk is full; writing '/a/b' failed"),
        (PermissionError(errno.EACCES, "x", "/a/b"), BadInput, 2, "No permission to access '/a/b'"),
        (OSError(errno.EROFS, "x", "/a/b"), BadInput, 2, "No permission"),
        (FileNotFoundError(errno.ENOENT, "x", "/a/b"), BadInput, 2, "There is no file or folder '/a/b'"),
        (IsADirectoryError(errno.EISDIR, "x", "/a/b"), BadInput, 2, "found a folder: '/a/b'"),
        (OSError(errno.EIO, "Input/output error", "/a/b"), BadInput, 2, "Input/output error"),
        (ModelError("It is broken.", "Mend it."), ModelError, 4, "It is broken. Mend it."),
        (ZeroDivisionError("division by zero"), TotalPassportError, 1, "ZeroDivisionError: division by zero"),
    ],
)
def test_any_exception_becomes_a_sentence(error: BaseException, kind: type, code: int, says: str) -> None:
    failure = user_error(error)
    assert type(failure) is kind
    assert failure.exit_code == code
    assert says in str(failure)
    assert str(failure.hint).endswith(".")


def test_a_sentence_stays_on_one_line() -> None:
    assert str(BadInput("It says:\nno\r\nway.", "Stop.")) == "It says: no way. Stop."


def test_the_cause_is_kept_for_the_log() -> None:
    with pytest.raises(TotalPassportError) as caught, as_user_error():
        raise ZeroDivisionError
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
