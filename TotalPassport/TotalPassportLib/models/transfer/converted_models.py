"""Models in the cache that were made of weights: kept by what they were made of and by how, and mended if damaged."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from ... import __version__
from ...base.events import Progress
from ...base.files import make_folder
from ...base.temporaries import rename_folder
from ..reading import is_sound_model

MODELS_FOLDER = Path(__file__).parents[1]


def converter_identity(modules: Iterable[str]) -> bytes:
    """Return what changes when a conversion may change, so that models of an older one are not used.

    Parameters
    ----------
    modules : iterable of str
        Those that convert, as paths below `models` without their suffix; they need not be there as source.
    """
    files = (MODELS_FOLDER / f"{module}.py" for module in modules)
    return __version__.encode() + b"".join(file.read_bytes() for file in files if file.exists())


def made_in_cache(target: Path, name: str, work: Path, convert: Callable[[Path], None], progress: Progress) -> Path:
    """Return a model folder of the cache; what is not there, or is damaged, is made now.

    Parameters
    ----------
    target : Path
        The folder.
    name : str
        Of the model, for a warning.
    work : Path
        Of the `workspace` that is held.
    convert : callable
        Makes the model in the folder that it receives, which is not there yet.
    progress : Progress
        Its stage is ``convert``.
    """
    if not is_sound_model(target):
        with progress.stage("convert"):
            convert(work / "model")
        make_folder(target.parent)
        if target.exists():
            progress.warn("remade", f"What the cache held of '{name}' was damaged; it is made again.")
            target.rename(work / "damaged")
        rename_folder(work / "model", target)
    return target
