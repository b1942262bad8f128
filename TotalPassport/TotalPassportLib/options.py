"""What a run can be asked for, and the files that it writes: one type each for all who start one.

The command line, the job file, Slicer's window, the benchmark, the verification and notebooks share `RunOptions`. A new
option is one field here; the command line has its argument from the field's metadata, ``job.schema.json`` names it for
the job file, and a parameter of the panel that bears its name carries it from a widget.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from .segmentation.engines import AUTO, EXACT, provider_choices


def _option(default: Any, text: str, *, metavar: str = "", values: Callable[[], tuple[str, ...]] | None = None) -> Any:
    """Return a field with what the command line says about it.

    Parameters
    ----------
    default : Any
        The option's value where nobody asks for another one.
    text : str
        One sentence without a full stop.
    metavar : str
        Stands for the value in the command line's help.
    values : callable, optional
        Returns the values to show instead of a ``metavar``, for an option whose values are data.
    """
    return field(default=default, metadata={"help": text, "metavar": metavar, "values": values})


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What a run is asked for, beside its scan and its folder.

    Attributes
    ----------
    model : str
        Name of a model in the catalogue, or path of a model folder or ONNX file.
    provider : str
        Where the network runs, one of `segmentation.engines.provider_choices`.
    precision : {"exact", "turbo"}
        See `segmentation.engines.PRECISIONS`.
    roi : tuple of str
        Names of the structures to keep, all if empty; parts of the model that find none of them do not run.
    statistics : bool
        Also write ``<stem>_statistics.json`` with TotalSegmentator's own numbers, see `official_statistics`.
    statistics_include_incomplete : bool
        Do not set structures near the border to 0 in it.
    remove_small_blobs : bool
        Remove pieces of at most 200 mm3, as TotalSegmentator's option of that name does.
    preview : bool
        Also write ``<stem>_preview.png``.

    Examples
    --------
    >>> RunOptions(model="fast", roi=("liver", "spleen")).precision
    'exact'
    """

    model: str = _option("fast", "name of a model, or the path of a model folder or ONNX file", metavar="MODEL")
    provider: str = _option(
        AUTO, "where the network runs; auto is the fastest on this machine's processor", values=provider_choices
    )
    precision: Literal["exact", "turbo"] = _option(
        EXACT,
        "exact: the labels of TotalSegmentator on a CPU; turbo: the fastest that this machine can do with at least "
        "99.9 % of the voxels the same",
    )
    roi: tuple[str, ...] = _option(
        (),
        "keep only these structures, such as: liver spleen vertebrae_L1; parts without any do not run",
        metavar="NAME",
    )
    statistics: bool = _option(
        False,
        "also write <stem>_statistics.json: volume in mm3 and mean HU just as TotalSegmentator gives them, with 0 for "
        "structures near the border; the passport has the true numbers of those",
    )
    statistics_include_incomplete: bool = _option(False, "do not set structures near the border to 0 there")
    remove_small_blobs: bool = _option(False, "remove pieces of at most 200 mm3, as TotalSegmentator does")
    preview: bool = _option(False, "also write <stem>_preview.png")

    @classmethod
    def from_entries(cls, entries: Mapping[str, Any]) -> RunOptions:
        """Return the options among some entries: those of a job file, or the arguments of the command line.

        >>> RunOptions.from_entries({"action": "run", "roi": ["liver"]}).roi
        ('liver',)
        """
        named: dict[str, Any] = {name: entries[name] for name in option_names() if name in entries}
        named |= {name: tuple(value) for name, value in named.items() if isinstance(value, list)}
        return cls(**named)

    def entries(self) -> dict[str, Any]:
        """Return all options by name, as a job file carries them."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def option_names() -> tuple[str, ...]:
    """Return the names of all options of a run, in their order."""
    return tuple(option.name for option in fields(RunOptions))


DEFAULT_OPTIONS = RunOptions()


@dataclass(frozen=True, kw_only=True)
class OutputPaths:
    """Where a run's files are; None for what was not asked for."""

    segmentation: Path
    passport: Path
    statistics: Path | None
    preview: Path | None

    @classmethod
    def in_folder(cls, folder: Path, stem: str, options: RunOptions) -> OutputPaths:
        """Return the paths in a folder that a run with these options writes, given the scan's name without suffix."""
        return cls(
            segmentation=folder / f"{stem}_segmentation.nii.gz",
            passport=folder / f"{stem}_passport.json",
            statistics=folder / f"{stem}_statistics.json" if options.statistics else None,
            preview=folder / f"{stem}_preview.png" if options.preview else None,
        )

    def written(self) -> dict[str, Path]:
        """Return kind -> path of the files that the run writes."""
        return {kind: path for kind, path in vars(self).items() if path is not None}
