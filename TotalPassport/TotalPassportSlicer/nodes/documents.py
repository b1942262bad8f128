"""Passport documents: kept in the scene as text, read from it, and written to a file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.outputs import atomic_write

if TYPE_CHECKING:
    from TotalPassportLib.passport import Passport


def store_passport(node: Any, path: Path) -> None:
    """Keep a passport file's text in a text node, so that it is saved with the scene."""
    node.SetText(path.read_text(encoding="utf-8"))


def stored_passport(node: Any) -> Passport:
    """Return the passport that a text node holds; a scene may come from anywhere, so it is checked like any file.

    Raises
    ------
    BadInput
        The text is not a passport, or the package that checks it is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="TotalPassport-") as folder:
        path = Path(folder) / "passport.json"
        path.write_text(_text(node), encoding="utf-8")
        try:
            from TotalPassportLib.passport import read_passport

            return read_passport(path)
        except ImportError as error:
            raise BadInput(
                _("The passport cannot be shown because the Python package '{package}' is missing.").format(
                    package=error.name
                ),
                _("Click Apply once; it offers to install what is missing."),
            ) from error
        except BadInput as error:
            reason = error.message.replace(f"'{path}'", f"'{node.GetName()}'")
            raise BadInput(reason, _("Run the scan again.")) from error


def save_passport(node: Any, path: Path) -> None:
    """Write the stored passport to a file, which appears whole or not at all.

    Parameters
    ----------
    path : Path
        Its ending says the format, see `TotalPassportLib.passport.export`: .csv, .mrk.json, else the passport itself.

    Raises
    ------
    BadInput
        There is no passport, or the file cannot be written.
    """
    text = _text(node)
    if path.name.lower().endswith((".csv", ".mrk.json")):
        from TotalPassportLib.passport.export import export_passport  # lazily: see the package's note

        export_passport(stored_passport(node), path)
        return
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _text(node: Any) -> str:
    text = node.GetText() if node is not None else ""
    if not text:
        raise BadInput(_("There is no passport yet."), _("Click Apply first."))
    return str(text)
