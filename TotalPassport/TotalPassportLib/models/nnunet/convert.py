"""Weights as TotalSegmentator releases them -> a model folder.

One network makes a model of one part, several networks make one of several parts; `official` finds them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...base.errors import BadInput, ModelError, os_error
from ...base.events import StepCallback
from ...base.files import make_folder, read_json
from ...base.labels import load_label_table, table_from_names
from ...base.temporaries import folder_beside, rename_folder
from ..description import DESCRIPTION_FILE, SCHEMA_VERSION
from ..onnx_graph import save_network
from ..reading import read_model
from ..task import ALL_FOLDS, model_title
from .architecture import UNet
from .checkpoint import read_checkpoint, trained_configuration
from .conventions import read_modality
from .graph import write_head, write_network
from .layout import NEEDED_FILES, checkpoints, find_datasets, plans_name
from .plans import Plans, read_plans
from .released import ReleasedParts, released_parts

PLANS, DATASET, CHECKPOINT = NEEDED_FILES
LONGEST_NAME = 100
"""Characters of a structure's name that are kept."""


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
    datasets = [_dataset_name(trainer) for trainer in trainers]
    if len(set(datasets)) != len(datasets):
        raise ModelError("The same dataset was given twice.", "Give one trainer's folder for each dataset.")
    trained = [_trained_network(trainer) for trainer in trainers]
    channels = [network.labels for network in trained]
    released = released_parts(datasets, channels, name, plans_name(trainers[0]))
    model = OfficialModel(trained, released) if released else OwnModel(trained)
    values = model.label_values()
    head = model.head(name)
    folder.mkdir()
    parts: list[dict[str, Any]] = []
    for done, (network, of_channels) in enumerate(zip(trained, values, strict=True), start=1):
        parts += _write_parts(network, of_channels, model.folds(network), model.step, folder)
        part_done(done, len(trained))
    text = json.dumps({**head, "parts": parts}, indent=1)
    (folder / DESCRIPTION_FILE).write_text(text + "\n", encoding="utf-8")
    read_model(folder)  # if it cannot be read, it must not appear


@dataclass(frozen=True, kw_only=True)
class TrainedNetwork:
    """A trainer's folder with its plans."""

    trainer: Path
    plans: Plans
    modality: str

    @property
    def dataset(self) -> str:
        """Name of the dataset's folder."""
        return _dataset_name(self.trainer)

    @property
    def labels(self) -> int:
        """How many labels it can give, with the background: its channels, or of regions what they are written as."""
        regions = self.plans.channels.region_values
        return max(regions) + 1 if regions else len(self.plans.class_names)


def _trained_network(trainer: Path) -> TrainedNetwork:
    plans, dataset = (read_json(trainer / file, ModelError) for file in (PLANS, DATASET))
    folder, first = trainer.absolute().name, trainer / CHECKPOINT
    # What the checkpoint was trained with counts; the folder is trainer__plans__configuration, if nobody renamed it.
    named = folder.split("__")[-1] if "__" in folder else "3d_fullres"
    configuration = (trained_configuration(first) if first.is_file() else None) or named
    return TrainedNetwork(
        trainer=trainer, plans=read_plans(plans, dataset, configuration), modality=read_modality(dataset)
    )


class OfficialModel:
    """Released weights: what they are for is known."""

    def __init__(self, trained: Sequence[TrainedNetwork], released: ReleasedParts) -> None:
        self._trained, self._released = trained, released
        self.step = released.mode.step

    def label_values(self) -> list[tuple[int, ...]]:
        """Return the label value of every channel of each part."""
        try:
            values = self._released.label_values([network.labels for network in self._trained])
        except BadInput as error:
            raise ModelError(error.message, error.hint) from error
        regions = [network.plans.channels.region_values for network in self._trained]
        return [
            tuple(of_labels[label] for label in own) if own else of_labels
            for own, of_labels in zip(regions, values, strict=True)
        ]

    def folds(self, network: TrainedNetwork) -> list[Path]:
        """Return the checkpoints that a part is the average of."""
        return checkpoints(network.trainer, self._released.mode.folds)

    def head(self, name: str) -> dict[str, Any]:
        """Return what the description says about the model as a whole."""
        task, mode = self._released.task, self._released.mode
        known = self._released.whole and name in ("", mode.model)
        name = mode.model if known else _file_name(name or self._trained[0].dataset)
        mode_name = next(key for key, value in task.with_small() if value.model == mode.model)
        return {
            "schema": SCHEMA_VERSION, "name": name, "title": model_title(task, mode_name, mode) if known else name,
            "version": "1", "licence": task.licence.name if known else "", "intended_use": "",
            "source": _origin(self._trained), "spacing_mm": mode.spacing_mm, "modality": task.modality,
            "task": {"name": task.name, "mode": mode_name}, "labels": task.name,
            "statistics_grid": mode.statistics_grid,
        }  # fmt: skip


class OwnModel:
    """Networks that somebody has trained with nnU-Net: they run as nnU-Net runs them."""

    step = 0.5
    """Between windows, by the patch: nnU-Net's own."""

    def __init__(self, trained: Sequence[TrainedNetwork]) -> None:
        self._trained = trained
        self._total = load_label_table("total")

    @property
    def _strange(self) -> list[str]:
        """Structures that `total` does not have; if it has all of them, they have its values too."""
        names = (name for network in self._trained for name in _structures(network))
        return [name for name in names if self._total.named(name) is None]

    def label_values(self) -> list[tuple[int, ...]]:
        """Return the label value of every channel of each part."""
        strange = self._strange
        if len(self._trained) > 1 and strange:
            raise ModelError(
                f"Networks are put together by TotalSegmentator's structures, and {strange[0][:50]!r} is none of them.",
                "Convert each network on its own.",
            )
        return [self._values(network) for network in self._trained]

    def _values(self, network: TrainedNetwork) -> tuple[int, ...]:
        channels = network.plans.channels
        if self._strange:
            return channels.region_values or tuple(range(len(channels.names)))
        values = tuple(label.value for name in _structures(network) if (label := self._total.named(name)))
        return values if channels.region_values else (0, *values)

    def folds(self, network: TrainedNetwork) -> list[Path]:
        """Return the checkpoints that a part is the average of: all that are there, as nnU-Net does."""
        return checkpoints(network.trainer, ALL_FOLDS)

    def head(self, name: str) -> dict[str, Any]:
        """Return what the description says about the model as a whole."""
        name = _file_name(name or self._trained[0].dataset)
        modalities = sorted({network.modality for network in self._trained})
        if len(modalities) > 1:
            raise ModelError("Some of the networks are for CT and some for MR.", "Convert each network on its own.")
        return {
            "schema": SCHEMA_VERSION, "name": name, "title": name, "version": "1", "licence": "", "intended_use": "",
            "source": _origin(self._trained), "spacing_mm": None, "modality": modalities[0],
            "labels": self._own_labels() if self._strange else "total", "statistics_grid": "input",
        }  # fmt: skip

    def _own_labels(self) -> list[dict[str, Any]]:
        (network,) = self._trained
        channels = network.plans.channels
        values = channels.region_values or range(1, len(channels.names))
        names = {value: name[:LONGEST_NAME] for value, name in zip(values, _structures(network), strict=True)}
        labels = table_from_names(names, network.dataset).values()
        return [{key: fact for key, fact in asdict(label).items() if fact is not None} for label in labels]


def _structures(network: TrainedNetwork) -> tuple[str, ...]:
    """Return the names of a network's channels without the background."""
    channels = network.plans.channels
    return channels.names if channels.region_values else channels.names[1:]


def _dataset_name(trainer: Path) -> str:
    return trainer.absolute().parent.name


def _origin(trained: Sequence[TrainedNetwork]) -> str:
    return f"Converted from {', '.join(network.dataset for network in trained)}"[:2000]


def _file_name(text: str) -> str:
    """The text as a part of file names and model names."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text).lstrip("_.-")[:100] or "model"


def _write_parts(
    network: TrainedNetwork, label_values: Sequence[int], folds: Sequence[Path], step: float, folder: Path
) -> list[dict[str, Any]]:
    """Write the networks of one part, one for each fold, and return their descriptions."""
    plans, name = network.plans, _file_name(network.dataset)
    shared = {
        "patch_size_zyx": plans.patch_size_zyx, "divisor_zyx": plans.architecture.divisor_zyx, "step": step,
        "gigaflop_per_window": round(plans.architecture.gigaflop(plans.patch_size_zyx), 3),
        "normalisation": plans.normalisation.document(), "spacing_mm": plans.spacing_mm, "axes": plans.axes,
        "regions": plans.channels.region_values is not None, "label_values": label_values,
    }  # fmt: skip
    parts = []
    for fold, checkpoint in enumerate(folds):
        file = folder / (f"{name}-fold{fold}.onnx" if len(folds) > 1 else f"{name}.onnx")
        written = write_network_files(plans.architecture, read_checkpoint(checkpoint), file)
        parts.append({"name": network.dataset[:100], **written, **shared})
    return parts


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
    head = write_head(architecture, weights)
    return save_network(finish(write_network(architecture, weights)), head, file)
