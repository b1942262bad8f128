"""A model as data: what a network expects and what its channels mean.

A model is a folder with ``model.json`` and its ONNX files, or one ONNX file that carries the same document in its
metadata (`METADATA_KEY`).
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import BadInput, ModelError
from ..base.files import sha256_of, validate
from ..base.labels import LabelTable, bundled_tables, load_label_table, table_from_document
from ..image.content import ScanContent
from ..image.normalisation import Normalisation, normalisation_from_document
from ..image.preparation_rules import CANONICAL, STORED, Preparation, preparation_from_document
from .network_conventions import (
    DEFAULT_BLENDING,
    DEFAULT_PORTS,
    LABELS,
    ZERO,
    Blending,
    Ports,
    blending_from_document,
    ports_from_document,
)
from .task import CT, Task, TaskMode, load_task, task_names

if TYPE_CHECKING:
    import numpy as np

DESCRIPTION_FILE = "model.json"
METADATA_KEY = "totalpassport_model"
SCHEMA_VERSION = "totalpassport-model/1"
CORRECT_IT = "Correct the description or convert the model again."


@dataclass(frozen=True, kw_only=True)
class Part:
    """One network of a model.

    ``label_values[c]`` is the label value of output channel ``c``; channel 0 is background, unless the channels are
    ``regions``. Sizes are in voxels along the network's axes, of which ``axes`` says which of z, y, x each is.
    ``step`` is the largest step between windows as a fraction of the patch, which are spread evenly; with ``stride`` it
    is that many voxels, and the last window is moved back. A network with a ``head`` (see `read_head`) gives features,
    one without what its ``ports`` say. ``gigaflop_per_window`` is what one run of it takes. ``spacing_mm`` is the voxel
    size of its own input along R, A, S. Networks of one ``name`` are folds.
    """

    name: str
    network: Path
    sha256: str | None
    patch_size_zyx: tuple[int, int, int]
    divisor_zyx: tuple[int, int, int]
    step: float
    normalisation: Normalisation
    label_values: tuple[int, ...]
    head: Path | None = None
    head_sha256: str | None = None
    gigaflop_per_window: float | None = None
    spacing_mm: tuple[float, float, float] | None = None
    axes: tuple[int, int, int] = (0, 1, 2)
    regions: bool = False
    stride: tuple[int, int, int] | None = None
    padding: str = ZERO
    blending: Blending = DEFAULT_BLENDING
    ports: Ports = DEFAULT_PORTS


@dataclass(frozen=True, kw_only=True)
class ModelDescription:
    """A model that can be run.

    ``spacing_mm`` is in canonical axis order (R, A, S), None where a scan keeps its voxels. ``statistics_grid`` is
    ``input`` or ``model``: where statistics in TotalSegmentator's manner are taken. Pieces smaller than
    ``least_piece_fraction`` of their structure's largest piece are removed. ``modality`` is `CT` or `MR`. ``task`` and
    ``mode`` name the task whose crops and after-work belong to it, if any. What a model with ``known_scans`` finds in
    other scans means nothing. ``preparation`` is how a scan comes to its networks and labels back, and
    ``output_orientation`` how a label image is turned that is written, None for the scan's own.
    """

    name: str
    title: str
    version: str
    licence: str
    intended_use: str
    source: str
    spacing_mm: tuple[float, float, float] | None
    labels: LabelTable
    parts: tuple[Part, ...]
    statistics_grid: str = "input"
    least_piece_fraction: float = 0.0
    modality: str = CT
    task: Task | None = None
    mode: TaskMode | None = None
    known_scans: tuple[ScanContent, ...] = ()
    preparation: Preparation
    output_orientation: str | None = None

    @property
    def label_values(self) -> list[int]:
        """Values of every structure that it can find, ascending."""
        return sorted({value for part in self.parts for value in part.label_values} - {0})

    @property
    def folds(self) -> list[tuple[Part, ...]]:
        """The networks by parts: more than one where a part is the average of several."""
        return [tuple(networks) for _, networks in groupby(self.parts, key=attrgetter("name"))]


def model_from_document(document: Any, what: str, folder: Path, network: Path | None) -> ModelDescription:
    """Return the model that a document describes.

    Parameters
    ----------
    document : Any
        Anything; it is checked here.
    what : str
        Names the document in errors.
    folder : Path
        Where its files are.
    network : Path | None
        The ONNX file that carries the document, if one does.

    Raises
    ------
    ModelError
        It is malformed, or contradicts itself.
    """
    validate(document, "model", what, ModelError)
    labels = _labels_from(document, what)
    parts = tuple(_part_from(entry, folder, network, what) for entry in document["parts"])
    for part in parts:
        _check_part(part, labels, what)
    _check_folds(parts, what)
    spacing_mm = _spacing(document["spacing_mm"])
    preparation = preparation_from_document(document, spacing_mm)
    if contradiction := _contradiction(preparation, parts):
        raise ModelError(f"{what} {contradiction}.", CORRECT_IT)
    task, mode = _task_from(document.get("task"), what)
    return ModelDescription(
        name=document["name"],
        title=document["title"],
        version=document["version"],
        licence=document["licence"],
        intended_use=document.get("intended_use", ""),
        source=document.get("source", ""),
        spacing_mm=spacing_mm,
        labels=labels,
        parts=parts,
        statistics_grid=document.get("statistics_grid", "input"),
        least_piece_fraction=float(document.get("least_piece_fraction", 0.0)),
        modality=document.get("modality", CT),
        task=task,
        mode=mode,
        known_scans=known_scans_from(document),
        preparation=preparation,
        output_orientation=document.get("output_orientation"),
    )


def _contradiction(preparation: Preparation, parts: tuple[Part, ...]) -> str:
    """Return what is wrong with how scans are prepared, as the rest of a sentence; empty if nothing is."""
    if preparation.spacing_mm is None and preparation.sampling.needs_spacing:
        return f"has no spacing_mm, which the sampling '{preparation.sampling.rule}' needs"
    if preparation.is_totalsegmentators:
        if preparation.orientation != CANONICAL or not preparation.crop_to_filled:
            return "prepares scans as TotalSegmentator does, but in another orientation than RAS, or without its crop"
        without = preparation.spacing_mm is None and not all(part.spacing_mm for part in parts)
        return "has no spacing_mm, and neither has each of its parts" if without else ""
    if preparation.orientation == STORED and preparation.spacing_mm is not None:
        return "wants another voxel size along axes of which it does not say what they are"
    return ""


def known_scans_from(document: Mapping[str, Any]) -> tuple[ScanContent, ...]:
    """Return the only scans that a described model knows; none for a model that is meant for any scan."""
    return tuple(ScanContent(_triple(scan["shape"]), scan["sha256"]) for scan in document.get("known_scans", ()))


def _spacing(values: list[float] | None) -> tuple[float, float, float] | None:
    if values is None:
        return None
    right, anterior, superior = (float(value) for value in values)
    return right, anterior, superior


def _task_from(entry: Mapping[str, str] | None, what: str) -> tuple[Task | None, TaskMode | None]:
    if entry is None:
        return None, None
    try:
        task = load_task(entry["name"])
        return task, task.mode(entry["mode"])
    except BadInput as error:
        raise ModelError(f"{what} belongs to no task that is known: {error.message}", CORRECT_IT) from error


def _labels_from(document: Mapping[str, Any], what: str) -> LabelTable:
    labels = document["labels"]
    if isinstance(labels, str):
        if labels in task_names():
            return load_task(labels).labels
        if labels not in bundled_tables():
            raise ModelError(f"{what} names an unknown label table '{labels}'.", "Write the labels into the model.")
        return load_label_table(labels)
    table = {"schema": "totalpassport-labels/1", "name": document["name"], "labels": labels}
    validate(table, "labels", f"{what}, its labels,", ModelError)
    return table_from_document(table, ModelError)


def _part_from(entry: Mapping[str, Any], folder: Path, network: Path | None, what: str) -> Part:
    if entry["network"] is None and network is None:
        raise ModelError(f"{what} names no network file.", "Add the name of the ONNX file to its part.")
    return Part(
        name=entry["name"],
        network=folder / entry["network"] if entry["network"] is not None else Path(network or ""),
        sha256=entry["sha256"],
        patch_size_zyx=_triple(entry["patch_size_zyx"]),
        divisor_zyx=_triple(entry["divisor_zyx"]),
        step=_step(entry),
        normalisation=normalisation_from_document(entry["normalisation"]),
        label_values=tuple(entry["label_values"]),
        head=folder / entry["head"]["file"] if "head" in entry else None,
        head_sha256=entry["head"]["sha256"] if "head" in entry else None,
        gigaflop_per_window=entry.get("gigaflop_per_window"),
        spacing_mm=_spacing(entry.get("spacing_mm")),
        axes=_triple(entry.get("axes", [0, 1, 2])),
        regions=entry.get("regions", False),
        stride=_triple(entry["stride"]) if "stride" in entry else None,
        padding=entry.get("padding", ZERO),
        blending=blending_from_document(entry.get("blending")),
        ports=ports_from_document(entry.get("ports")),
    )


def _step(entry: Mapping[str, Any]) -> float:
    """Return the step between windows by the patch, of voxels the smallest of three axes."""
    if "stride" not in entry:
        return float(entry["step"])
    sizes = zip(entry["stride"], entry["patch_size_zyx"], strict=True)
    return min(1.0, *(float(stride / size) for stride, size in sizes))


def _triple(values: list[int]) -> tuple[int, int, int]:
    first, second, third = values
    return first, second, third


def _check_part(part: Part, labels: LabelTable, what: str) -> None:
    hint = CORRECT_IT
    if part.regions and 0 in part.label_values:
        raise ModelError(f"{what}: no region of part '{part.name}' may be background (0).", hint)
    if not part.regions and (part.label_values[0] != 0 or len(part.label_values) < 2):
        raise ModelError(f"{what}: the first channel of part '{part.name}' must be background (0).", hint)
    unknown = [value for value in part.label_values if value and value not in labels]
    if unknown:
        raise ModelError(f"{what}: part '{part.name}' uses labels {unknown[:5]} that are in no table.", hint)
    if any(size % divisor for size, divisor in zip(part.patch_size_zyx, part.divisor_zyx, strict=True)):
        raise ModelError(f"{what}: the patch of part '{part.name}' is not a multiple of its divisor.", hint)
    if part.regions and part.ports.gives == LABELS:
        raise ModelError(f"{what}: part '{part.name}' gives labels, which are no regions.", hint)
    if part.stride and any(stride > size for stride, size in zip(part.stride, part.patch_size_zyx, strict=True)):
        raise ModelError(f"{what}: the windows of part '{part.name}' would leave gaps.", hint)
    if contradiction := part.normalisation.contradiction():
        raise ModelError(f"{what}: {contradiction} in part '{part.name}'.", hint)


def _check_folds(parts: tuple[Part, ...], what: str) -> None:
    """Refuse networks of one name that are not trained for the same."""

    def kind(part: Part) -> tuple[Any, ...]:
        sizes = (part.patch_size_zyx, part.divisor_zyx, part.step, part.stride, part.spacing_mm, part.axes)
        return (*sizes, part.normalisation, part.label_values, part.regions, part.padding, part.blending, part.ports)

    for name, group in groupby(parts, key=attrgetter("name")):
        networks = list(group)
        if (len(networks) > 1 or networks[0].spacing_mm) and networks[0].blending.in_single_precision:
            raise ModelError(
                f"{what}: part '{name}' has folds or a voxel size of its own, which only nnU-Net's blending has.",
                CORRECT_IT,
            )
        if len({kind(network) for network in networks}) > 1:
            raise ModelError(f"{what}: the networks of part '{name}' are no folds of one training.", CORRECT_IT)


def verify_file(file: Path, sha256: str | None) -> str:
    """Check that a part's file is there and is the one that the description means, and return its SHA-256.

    Raises
    ------
    ModelError
        It is missing, or its SHA-256 differs.
    """
    if not file.is_file():
        raise _missing(file)
    digest = sha256_of(file)
    _check_digest(file, digest, sha256)
    return digest


def _missing(file: Path) -> ModelError:
    return ModelError(f"The network file '{file}' is missing.", "Bring the model in again.")


def _check_digest(file: Path, digest: str, meant: str | None) -> None:
    if meant is not None and digest != meant:
        raise ModelError(
            f"The network file '{file}' is not the one its description was made for (SHA-256 differs).",
            "The file is damaged or was exchanged; bring the model in again.",
        )


def verify_network(part: Part) -> None:
    """Check that the part's files are there and are those that the description means.

    Raises
    ------
    ModelError
        A file is missing or its SHA-256 differs.
    """
    verify_file(part.network, part.sha256)
    if part.head is not None:
        verify_file(part.head, part.head_sha256)


def read_head(part: Part) -> np.ndarray | None:
    """Return the part's head, float32 ``[channels, features + 1]``, or None if its network gives logits itself.

    ``logits = head[:, :-1] @ features + head[:, -1]``.

    Raises
    ------
    ModelError
        The file is missing, is not the one that the description means, or holds something else.
    """
    import numpy as np  # lazily: models are listed where nothing is installed yet

    if part.head is None:
        return None
    if not part.head.is_file():
        raise _missing(part.head)
    try:
        content = part.head.read_bytes()
        _check_digest(part.head, hashlib.sha256(content).hexdigest(), part.head_sha256)
        head: np.ndarray = np.load(io.BytesIO(content), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ModelError(f"The file '{part.head}' cannot be read ({error}).", "Bring the model in again.") from error
    good = isinstance(head, np.ndarray) and head.dtype == np.float32 and head.ndim == 2
    if not good or len(head) != len(part.label_values) or head.shape[1] < 2 or not np.isfinite(head).all():
        raise ModelError(
            f"The file '{part.head}' does not hold the head of a network with {len(part.label_values)} channels.",
            "Its description is not its own; bring the model in again.",
        )
    return head
