"""Weights as TotalSegmentator releases them -> a model folder.

One network makes a model of one part, several networks make one of several parts; `official` finds them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from ...base.errors import BadInput, ModelError, os_error
from ...base.events import StepCallback
from ...base.files import make_folder, read_json
from ...base.labels import LabelTable, load_label_table
from ...base.temporaries import folder_beside, rename_folder
from ...image.normalisation import CTNormalisation
from ..catalogue import list_models
from ..description import DESCRIPTION_FILE, SCHEMA_VERSION
from ..reading import read_model
from .architecture import UNet
from .checkpoint import read_checkpoint
from .graph import write_head, write_network
from .layout import NEEDED_FILES, dataset_number, find_datasets, release
from .plans import Plans, read_plans

PLANS, DATASET, CHECKPOINT = NEEDED_FILES


def convert_official_folder(
    folders: Path | Sequence[Path], destination: Path, name: str = "", part_done: StepCallback | None = None
) -> None:
    """Make a model folder of released weights.

    Parameters
    ----------
    folders : Path | Sequence[Path]
        Trainer's folders (with plans.json), dataset folders, or folders of those; they become the model's parts in this
        order, and in the order of their numbers within a folder.
    destination : Path
        The model folder; it must not exist yet and appears only when it is complete.
    name : str
        What to call the model; by default its name in the catalogue, else that of its first dataset.
    part_done : StepCallback | None
        Called after each part with the number done and the total; what it raises ends the conversion.

    Raises
    ------
    ModelError
        The weights are missing, damaged or of an unknown kind, or the package `onnx` is not installed.
    BadInput
        The destination exists already or cannot be written.
    """
    given = [folders] if isinstance(folders, Path) else folders
    trainers = [trainer for folder in given for trainer in _trainers(Path(folder))]
    destination = Path(destination)
    if destination.exists():
        raise BadInput(f"'{destination}' is there already.", "Choose the name of a new folder.")
    make_folder(destination.parent)
    try:
        with folder_beside(destination) as temporary:
            _write_model(trainers, temporary / "model", name, part_done or (lambda done, total: None))
            rename_folder(temporary / "model", destination)
    except OSError as error:
        raise os_error(error) from error


def _trainers(folder: Path) -> list[Path]:
    if (folder / PLANS).is_file():
        return [folder]
    found = list(find_datasets(folder).values())
    if not found:
        raise ModelError(
            f"There are no weights in '{folder}'.",
            f"Give a folder like Dataset297_.../nnUNetTrainer__nnUNetPlans__3d_fullres with {', '.join(NEEDED_FILES)}.",
        )
    return found


def _write_model(trainers: Sequence[Path], folder: Path, name: str, part_done: StepCallback) -> None:
    # All plans first: a mistake in the last of five should not show only after a minute of work.
    plans = [_plans(trainer) for trainer in trainers]
    table = load_label_table(release().labels)
    values = [_label_values(trainer, plan, table) for trainer, plan in zip(trainers, plans, strict=True)]
    head = _head(trainers, plans, name)
    folder.mkdir()
    parts: list[dict[str, Any]] = []
    for trainer, plan, label_values in zip(trainers, plans, values, strict=True):
        network = folder / f"{_file_name(_dataset_name(trainer))}.onnx"
        parts.append(_write_part(trainer, plan, label_values, network))
        part_done(len(parts), len(trainers))
    text = json.dumps({**head, "parts": parts}, indent=1)
    (folder / DESCRIPTION_FILE).write_text(text + "\n", encoding="utf-8")
    read_model(folder)  # if it cannot be read, it must not appear


def _plans(trainer: Path) -> Plans:
    plans, dataset = (read_json(trainer / file, ModelError) for file in (PLANS, DATASET))
    *_, configuration = trainer.absolute().name.split("__")  # trainer__plans__configuration
    read = read_plans(plans, dataset, configuration if "__" in trainer.absolute().name else "3d_fullres")
    return _runnable(read)


def _runnable(plans: Plans) -> Plans:
    """Refuse what can be converted, but not run yet."""
    if not isinstance(plans.normalisation, CTNormalisation) or plans.axes != (0, 1, 2) or plans.channels.region_values:
        raise ModelError(
            "The network was not made for CT, reorders the axes or finds regions, which cannot be run.",
            "Only networks for TotalSegmentator's task 'total' can be converted.",
        )
    return plans


def _dataset_name(trainer: Path) -> str:
    return trainer.absolute().parent.name


def _file_name(text: str) -> str:
    """The text as a part of file names and model names."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text).lstrip("_.-")[:100] or "model"


def _head(trainers: Sequence[Path], plans: Sequence[Plans], name: str) -> dict[str, Any]:
    """What the description says about the model as a whole."""
    datasets = [_dataset_name(trainer) for trainer in trainers]
    if len(set(datasets)) != len(datasets):
        raise ModelError("The same dataset was given twice.", "Give one trainer's folder for each dataset.")
    spacings = sorted({plan.spacing_mm for plan in plans})
    if len(spacings) > 1:
        raise ModelError(
            f"The networks work at different resolutions ({spacings[0][0]:g} and {spacings[-1][0]:g} mm).",
            "Choose datasets that belong together, such as 291 to 295.",
        )
    known = [entry for entry in list_models() if [dataset.folder for dataset in entry.datasets] == datasets]
    released = known[0] if known and name in ("", known[0].name) else None
    name = released.name if released else _file_name(name or datasets[0])
    return {
        "schema": SCHEMA_VERSION, "name": name, "title": released.title if released else name, "version": "1",
        "licence": released.licence if released else "", "intended_use": "",
        "source": f"Converted from {', '.join(datasets)}"[:2000], "spacing_mm": spacings[0],
        "labels": release().labels, "statistics_grid": _statistics_grid(datasets),
    }  # fmt: skip


def _statistics_grid(datasets: Sequence[str]) -> str:
    """Where TotalSegmentator would take its statistics; on the input's grid where it has no say."""
    known = [release().datasets.get(dataset_number(dataset) or 0) for dataset in datasets]
    grids = {dataset.statistics_grid for dataset in known if dataset is not None}
    return "model" if grids == {"model"} else "input"


def _label_values(trainer: Path, plans: Plans, table: LabelTable) -> list[int]:
    """The label value of each channel: by the names of the classes, or by the dataset if it is a released one."""
    names = plans.class_names[1:]
    known = [label.value for label in map(table.named, names) if label is not None]
    if len(known) == len(names):
        return [0, *known]
    official = release().datasets.get(dataset_number(_dataset_name(trainer)) or 0)
    if official is not None and len(official.label_values) == len(names):
        return [0, *official.label_values]
    strange = next(name for name in names if table.named(name) is None)
    raise ModelError(
        f"The network of '{_dataset_name(trainer)}' segments structures that the label table '{table.name}' does not "
        f"have, such as {strange[:50]!r}.",
        "Only networks for TotalSegmentator's task 'total' can be converted.",
    )


def _write_part(trainer: Path, plans: Plans, label_values: list[int], file: Path) -> dict[str, Any]:
    scheme = plans.normalisation
    assert isinstance(scheme, CTNormalisation)  # `_runnable`
    return {
        "name": _dataset_name(trainer)[:100],
        **write_network_files(plans.architecture, read_checkpoint(trainer / CHECKPOINT), file),
        "patch_size_zyx": plans.patch_size_zyx, "divisor_zyx": plans.architecture.divisor_zyx,
        "step": release().step,
        "gigaflop_per_window": round(plans.architecture.gigaflop(plans.patch_size_zyx), 3),
        "normalisation": scheme.document(),
        "label_values": label_values,
    }  # fmt: skip


def write_network_files(
    architecture: UNet, weights: Mapping[str, np.ndarray], file: Path, finish: Callable[[bytes], bytes] = bytes
) -> dict[str, Any]:
    """Write a network and, beside it, its head; return what a part's description says about the two files.

    Parameters
    ----------
    weights : Mapping[str, np.ndarray]
        See `write_network`.
    file : Path
        The ONNX file; the head is called after it.
    finish : Callable[[bytes], bytes]
        Makes the file's content of the network's.
    """
    network, head = finish(write_network(architecture, weights)), BytesIO()
    np.save(head, write_head(architecture, weights), allow_pickle=False)
    head_file = file.with_name(f"{file.stem}-head.npy")
    file.write_bytes(network)
    head_file.write_bytes(head.getvalue())
    return {
        "network": file.name, "sha256": hashlib.sha256(network).hexdigest(),
        "head": {"file": head_file.name, "sha256": hashlib.sha256(head.getvalue()).hexdigest()},
    }  # fmt: skip
