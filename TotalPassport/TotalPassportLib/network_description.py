"""A description for somebody's ONNX network: what its ports and metadata say, what is asked, what is assumed.

Nothing of a network's training can be read from it: voxel size, orientation and normalisation are asked for, and what
nobody answers is assumed and said. The network is run once on noise, which shows whether a softmax, a sigmoid or an
argmax is inside, and that it runs at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .base.errors import BadInput, ModelError
from .base.files import sha256_of
from .base.labels import Label, load_label_table, table_from_names
from .base.outputs import OutputFiles, check_destination
from .models.description import DESCRIPTION_FILE, SCHEMA_VERSION, model_from_document
from .models.network_conventions import LABELS, LOGITS, PROBABILITIES
from .models.task import CT
from .network_probe import NetworkProbe, probe_network
from .segmentation.engines import plain_engine
from .segmentation.session import NetworkSession

USUAL_OVERLAP, MOST_OVERLAP = 0.5, 0.9
GRID_AXES = {"R": 0, "L": 0, "A": 1, "P": 1, "S": 2, "I": 2}
"""Which of x, y, z a direction belongs to."""


@dataclass(frozen=True, kw_only=True)
class NetworkFacts:
    """What a user says of a network; None or empty for what is to be found out or assumed.

    Attributes
    ----------
    name, title : str
        What to call the model.
    modality : str
        `CT` or `MR`.
    spacing_mm : tuple of float
        Voxel size along R, A, S that it was trained at.
    orientation : str
        Where the rising indices of the network's three axes go, such as ``RAS`` (MONAI), ``SAR`` (nnU-Net) or
        ``stored``.
    grid : tuple of int
        The number of voxels along the network's axes to which any scan is brought.
    normalisation : mapping
        As in ``model.json``.
    labels : mapping of int to str, or str
        Name of each channel's structure by its number, or name or path of a label table; values are channels.
    regions : bool, optional
        Whether the channels overlap, each with a sigmoid of its own.
    patch_size : tuple of int
        Of windows, along the network's axes, where it is free.
    overlap : float, optional
        Of windows, as a part of their size.
    blending, padding : str
        As in ``model.json``.
    input, output, gives : str
        Of the network's ports.
    channels_last : bool, optional
        Whether channels are the last axis of both ports.
    repeat_scan : bool
        Whether a network of several input channels gets the same scan in each.
    """

    name: str = ""
    title: str = ""
    modality: str = CT
    spacing_mm: tuple[float, ...] = ()
    orientation: str = ""
    grid: tuple[int, ...] = ()
    normalisation: Mapping[str, Any] | None = None
    labels: Mapping[int, str] | str = field(default_factory=dict)
    regions: bool | None = None
    patch_size: tuple[int, ...] = ()
    overlap: float | None = None
    blending: str = ""
    padding: str = ""
    input: str | None = None
    output: str | None = None
    gives: str = ""
    channels_last: bool | None = None
    repeat_scan: bool = False


@dataclass(frozen=True, kw_only=True)
class DescribedNetwork:
    """A description, and a sentence for everything in it that nobody has said."""

    document: dict[str, Any]
    assumed: Sequence[str]


def describe_network(network: Path, facts: NetworkFacts) -> DescribedNetwork:
    """Return the description of a network, which has been run once by it.

    Raises
    ------
    ModelError
        It is no network that one scan can be given to, with the reason.
    BadInput
        What is said of it contradicts itself.
    """
    assumed: list[str] = []
    probe = probe_network(network, facts.input, facts.output, facts.channels_last, facts.patch_size, assumed)
    if probe.copies > 1 and not facts.repeat_scan:
        raise ModelError(
            f"The network '{network}' takes {probe.copies} images of one patient at once (input channels), and "
            "TotalPassport gives it one scan.",
            "If all of them are the same scan, say that it is repeated; networks of several scans cannot be run.",
        )
    orientation, axes = _axes(facts, probe, assumed)
    gives = facts.gives or probe.gives
    regions = _regions(facts, probe, assumed)
    label_values, labels = _labels(facts, probe, regions, network, assumed)
    part = {
        "name": "network", "network": network.name, "sha256": sha256_of(network), "axes": axes,
        "patch_size_zyx": list(probe.patch), "divisor_zyx": list(probe.divisor),
        "stride": _stride(facts, probe, assumed), "padding": facts.padding or "edge",
        "blending": {"kind": facts.blending or "gaussian"}, "normalisation": _normalisation(facts, probe, assumed),
        "label_values": label_values, "regions": regions, "ports": _ports(facts, probe, gives),
    }  # fmt: skip
    document = {
        "schema": SCHEMA_VERSION, "name": _name(facts.name or network.stem), "title": facts.title or network.stem,
        "version": "1", "licence": "", "source": f"Described from {network.name}", "modality": facts.modality,
        "spacing_mm": list(facts.spacing_mm) or None, "sampling": _sampling(facts, axes, assumed),
        "orientation": orientation, "labels": labels, "parts": [part],
    }  # fmt: skip
    _require_run(document, network, ran=probe.tried == probe.patch)
    return DescribedNetwork(document=document, assumed=assumed)


def write_description(described: DescribedNetwork, network: Path, *, overwrite: bool = False) -> Path:
    """Write the description beside its network and return its path.

    Raises
    ------
    BadInput
        There is one already, or it cannot be written.
    """
    path = network.parent / DESCRIPTION_FILE
    if path.exists() and not overwrite:
        raise BadInput(f"'{path}' is there already.", "Move it, or say that it may be overwritten.")
    check_destination(path, network)
    with OutputFiles(inputs=[network]) as files:
        text = json.dumps(described.document, indent=1) + "\n"
        files.path(path).write_text(text, encoding="utf-8")
    return path


def _require_run(document: dict[str, Any], network: Path, *, ran: bool) -> None:
    """Open the network as its description says, and run a window unless one of that size ``ran`` already.

    What does not work is told now and not in the middle of a scan.
    """
    model = model_from_document(document, "The description", network.parent, None)
    (part,) = model.parts
    session = NetworkSession(part, plain_engine())
    if not ran:
        session.run(np.random.default_rng(0).normal(size=part.patch_size_zyx).astype(np.float32))


def _name(text: str) -> str:
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_.-") else "_" for letter in text)
    return kept.lstrip("_.-")[:100] or "network"


def _axes(facts: NetworkFacts, probe: NetworkProbe, assumed: list[str]) -> tuple[str, list[int]]:
    """Return the orientation along x, y, z, and which of z, y, x each axis of the network is."""
    wanted = facts.orientation or ("stored" if probe.window else "RAS")
    if not facts.orientation:
        where = "those of the file, as in itk_infer" if probe.window else "right, anterior, superior (RAS), as in MONAI"
        assumed.append(f"The network's axes are {where}; nnU-Net's would be SAR.")
    if wanted == "stored":
        return wanted, [0, 1, 2]
    letters = wanted.upper()
    numbers = [GRID_AXES.get(letter) for letter in letters]
    if sorted(number for number in numbers if number is not None) != [0, 1, 2]:
        raise BadInput(
            f"'{wanted}' is no orientation.", "Give one letter for each axis: R or L, A or P, S or I, such as RAS."
        )
    grid = "".join(letters[numbers.index(axis)] for axis in range(3))
    return grid, [2 - (number or 0) for number in numbers]


def _sampling(facts: NetworkFacts, axes: Sequence[int], assumed: list[str]) -> dict[str, Any]:
    if facts.grid:
        size = [facts.grid[list(axes).index(2 - axis)] for axis in range(3)]  # along x, y, z
        return {"rule": "conform" if facts.spacing_mm else "fixed_grid", "size": size}
    if facts.spacing_mm:
        return {"rule": "linear"}
    assumed.append("The network takes scans at their own voxel size; most were trained at one (--spacing).")
    return {"rule": "own"}


def _normalisation(facts: NetworkFacts, probe: NetworkProbe, assumed: list[str]) -> dict[str, Any]:
    if facts.normalisation is not None:
        return dict(facts.normalisation)
    if probe.window is not None:
        level, width = probe.window
        return {"scheme": "window", "level": level, "width": width}
    assumed.append("Scans get a mean of 0 and a deviation of 1 (--normalisation zscore); networks differ much in this.")
    return {"scheme": "zscore", "masked": False}


def _stride(facts: NetworkFacts, probe: NetworkProbe, assumed: list[str]) -> list[int]:
    if facts.overlap is None and probe.stride is not None:
        return [min(stride, size) for stride, size in zip(probe.stride, probe.patch, strict=True)]
    if facts.overlap is not None and not 0 <= facts.overlap <= MOST_OVERLAP:
        raise BadInput(f"Windows cannot overlap by {facts.overlap:g}.", f"Give a part from 0 to {MOST_OVERLAP:g}.")
    if facts.overlap is None:
        assumed.append("Windows overlap by a half (--overlap).")
    overlap = USUAL_OVERLAP if facts.overlap is None else facts.overlap
    return [max(1, int(size * (1 - overlap))) for size in probe.patch]


def _regions(facts: NetworkFacts, probe: NetworkProbe, assumed: list[str]) -> bool:
    if facts.regions is not None:
        return facts.regions
    if probe.sigmoid:
        assumed.append("Its channels overlap, because each is a probability of its own (--exclusive if not).")
    elif probe.channels == 1 and probe.gives != LABELS:
        assumed.append("Its only channel is one structure, by a sigmoid.")
        return True
    return probe.sigmoid


def _labels(
    facts: NetworkFacts, probe: NetworkProbe, regions: bool, network: Path, assumed: list[str]
) -> tuple[list[int], list[dict[str, Any]]]:
    """Return the values of the channels, and the labels that they mean.

    Names are of structures in the order of the channels, background left out; a table's values are kept.
    """
    gives_labels = LABELS in (facts.gives, probe.gives)
    if isinstance(facts.labels, str):
        names = {value: label.name for value, label in load_label_table(facts.labels).items()}
    else:
        names = dict(sorted((facts.labels or probe.names).items()))
    structures = probe.channels - (not regions)
    if gives_labels:
        structures = max(names, default=1) if isinstance(facts.labels, str) else len(names) or 1
        if not names:
            assumed.append("Its labels are taken to be 0 and 1; name all that it knows (--labels).")
    if not names:
        assumed.append("Its structures have no names (--labels).")
        names = {value: f"label {value}" for value in range(1, structures + 1)}
    if structures < 1 or (len(names) != structures and not (gives_labels and isinstance(facts.labels, str))):
        raise BadInput(
            f"{len(names)} structures are named, but the network has {probe.channels} channels"
            f"{'' if regions else ', the first of which is background'}.",
            "Name one structure for each channel but the background; or say whether channels overlap (--regions).",
        )
    values = list(range(1, structures + 1)) if gives_labels and isinstance(facts.labels, str) else list(names)
    known = table_from_names({value: names.get(value, f"label {value}") for value in values}, network.stem)
    return (values if regions else [0, *values]), [_entry(label) for label in known.values()]


def _entry(label: Label) -> dict[str, Any]:
    return {
        "value": label.value, "name": label.name, "display_name": label.display_name,
        "color_rgb": list(label.color_rgb),
    }  # fmt: skip


def _ports(facts: NetworkFacts, probe: NetworkProbe, gives: str) -> dict[str, Any]:
    document: dict[str, Any] = {"input": probe.input, "output": probe.output}
    if probe.input_channels_last:
        document["input_channels_last"] = True
    if probe.output_channels_last:
        document["output_channels_last"] = True
    if probe.copies > 1:
        document["copies"] = probe.copies
    if gives not in (LOGITS, PROBABILITIES, LABELS):
        raise BadInput(f"A network gives no '{gives}'.", "It gives logits, probabilities or labels.")
    return document | ({"gives": gives} if gives != LOGITS else {})
