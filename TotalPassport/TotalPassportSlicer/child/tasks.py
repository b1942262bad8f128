"""What the panel can do that takes long, as jobs for the child process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.labels import Label
from TotalPassportLib.models.catalogue import find_model
from TotalPassportLib.models.reading import is_converted_model
from TotalPassportLib.models.task import load_task, task_structures
from TotalPassportLib.options import RunOptions

from ..nodes import presentation, segmentations, volumes
from ..nodes.confidence_map import store_confidence
from ..nodes.documents import store_passport
from ..nodes.numbered_segments import name_numbered
from ..nodes.scan_nodes import ScanNodes
from ..nodes.segmentations import Numbers, SegmentLayer
from .jobs import Event, Job

Log = Callable[[str], None]

JOB_SCHEMA = "totalpassport-job/1"
STORE_GRACE_MS = 5000
"""What brings in models looks for a request to stop many times a second, and then leaves the store in order."""


@dataclass(frozen=True)
class BroughtIn:
    """The models that a job has put into the store, by name."""

    names: tuple[str, ...]


def segment_volume_job(volume_node: Any, options: RunOptions, segmentation_node: Any | None, log: Log) -> Job:
    """Segment a CT and describe its organs; the job's value is the scan's `ScanNodes`.

    Parameters
    ----------
    volume_node : vtkMRMLScalarVolumeNode
        The CT.
    options : RunOptions
        The model, and where and how it runs.
    segmentation_node : vtkMRMLSegmentationNode or None
        Receives the segments; the node of an earlier run or a new one if None.
    log : callable
        Hears what happens to the scan before the run.
    """

    at_start: list[volumes.VolumeAtStart] = []

    def prepare(folder: Path) -> dict[str, Any]:
        _log_transform(volume_node, log)
        document = run_document(volume_node, options, folder)
        at_start.append(volumes.VolumeAtStart(volume_node))
        return document

    def load(result: Event) -> ScanNodes:
        require_in_scene(volume_node)
        at_start[0].require_same_grid()
        layers = found_layers(result, options)
        nodes = _load_run(volume_node, segmentation_node, layers, Path(result["passport"]))
        if "confidence" in result:
            store_confidence(nodes, volumes.read_labels(Path(result["confidence"])), volume_node)
        return nodes

    return Job(prepare=prepare, load=load, summary=partial(_said_at_the_end, at_start), subject=volume_node.GetName())


def run_document(volume_node: Any, options: RunOptions, folder: Path) -> dict[str, Any]:
    """Write a volume into a private folder, and return what the child is to do with it."""
    path = folder / "ct.nii"
    volumes.export_volume(volume_node, path)
    output = folder / "out"
    output.mkdir()
    return {
        "schema": JOB_SCHEMA,
        "action": "run",
        "ct": str(path),
        "output_folder": str(output),
        # The one image of several tasks has no voxel twice; here each structure is to stay whole.
        **replace(options, task_labels=len(options.task) > 1).entries(),
    }


def describe_segmentation_job(segmentation_node: Any, numbers: Numbers, log: Log) -> Job:
    """Describe the segments of an existing segmentation; the job's value is its `ScanNodes`.

    Parameters
    ----------
    numbers : Numbers
        What the numbers of segments are that have no names. Where they turn out to be TotalSegmentator's labels, the
        segments are named by its table.
    """

    at_start: list[segmentations.SegmentsAtStart] = []

    def prepare(folder: Path) -> dict[str, Any]:
        _log_transform(segmentation_node, log)
        exported = segmentations.export_segmentation(segmentation_node, folder, numbers)
        at_start.append(segmentations.SegmentsAtStart(segmentation_node))
        if exported.note:
            log(exported.note)
        return {
            "schema": JOB_SCHEMA,
            "action": "passport",
            "segmentation": str(exported.path),
            **({"labels": exported.labels} if exported.labels else {}),
            "output": str(folder / "passport.json"),
        }

    def load(result: Event) -> ScanNodes:
        require_in_scene(segmentation_node)
        at_start[0].look_again()
        nodes = ScanNodes.for_source(segmentation_node)
        nodes.segmentation = segmentation_node
        nodes.segments_know_numbers = False
        return _present(nodes, Path(result["passport"]), numbered=segmentation_node)

    return Job(
        prepare=prepare, load=load, summary=partial(_said_at_the_end, at_start), subject=segmentation_node.GetName()
    )


def _said_at_the_end(at_start: Sequence[volumes.VolumeAtStart | segmentations.SegmentsAtStart]) -> tuple[str, bool]:
    """Return what a job says in the end of its node, and whether that has changed during the run."""
    note = at_start[0].note
    return note, bool(note)


def download_models_job(models: Sequence[str]) -> Job:
    """Bring models of the catalogue into the store, with what their tasks need; its value is `BroughtIn`."""
    hint = _("What has come is kept, and the next download continues there.")
    return _bring_in_job({"action": "download_model", "models": list(models)}, hint)


def import_models_job(paths: Sequence[Path]) -> Job:
    """Bring models from files or folders into the store; the job's value is `BroughtIn`.

    Parameters
    ----------
    paths : Sequence[Path]
        See `models.transfer.intake.import_models`; none at all means TotalSegmentator's own folder.
    """
    fields = {"paths": [str(path) for path in paths]} if paths else {}
    return _bring_in_job({"action": "import_models", **fields}, _("The section Models shows what is installed."))


def needs_conversion(paths: Sequence[Path]) -> bool:
    """Whether what is to be imported has to be turned into a network first, which needs a package more."""
    return not paths or not all(is_converted_model(path) for path in paths)


def _bring_in_job(fields: dict[str, Any], cancelled_hint: str) -> Job:
    def prepare(_folder: Path) -> dict[str, Any]:
        return {"schema": JOB_SCHEMA, **fields}

    # Models belong to the user, not to the scene: closing that ends no download.
    return Job(
        prepare=prepare,
        load=lambda result: BroughtIn(tuple(result["models"])),
        cancelled_hint=cancelled_hint,
        of_scene=False,
        cancel_grace_ms=STORE_GRACE_MS,
    )


def found_layers(result: Event, options: RunOptions) -> list[SegmentLayer]:
    """Return what each task has found, or the one model."""
    files = {name: Path(result.get("task_labels", "")) / f"{name}.nii.gz" for name in options.task}
    # A task that finds none of the structures that were asked for did not run.
    ran = [load_task(name) for name in options.task if files[name].is_file()] if "task_labels" in result else []
    if len(ran) < 2:
        name = ran[0].name if ran else options.models()[0]
        table = ran[0].labels if ran else find_model(name).labels
        return [SegmentLayer(voxels=volumes.read_labels(Path(result["segmentation"])), labels=table, found_by=name)]
    names = [label.name for task in ran for label in task.labels.values()]
    return [
        SegmentLayer(
            voxels=volumes.read_labels(files[task.name]),
            labels={
                value: replace(_called(task.name, label, names.count(label.name) > 1), value=task.number(value))
                for value, label in task.labels.items()
            },
            found_by=task.name,
        )
        for task in ran
    ]


def _called(task: str, label: Label, shared: bool) -> Label:
    """Return a task's label with the name that it has in an image of several tasks, see `combined_table`."""
    if not shared:
        return label
    name = f"{task}_{label.name}"
    return replace(label, name=name, display_name=task_structures()[name].display_name)


def _load_run(
    volume_node: Any, segmentation_node: Any | None, layers: Sequence[SegmentLayer], passport_file: Path
) -> ScanNodes:
    nodes = ScanNodes.for_source(volume_node)
    segmentation = _segmentation_in_scene(segmentation_node) or nodes.segmentation
    if segmentation is None:
        name = _("{name} segmentation").format(name=volume_node.GetName())
        segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    segmentations.fill_segmentation(segmentation, layers, volume_node)
    nodes.segmentation = segmentation
    return _present(nodes, passport_file)


def _present(nodes: ScanNodes, passport_file: Path, numbered: Any | None = None) -> ScanNodes:
    from TotalPassportLib.passport import read_passport  # lazily: see the package's note

    passport = read_passport(passport_file)
    store_passport(nodes.document, passport_file)
    if numbered is not None:
        name_numbered(numbered, passport)
    presentation.present(nodes, passport)
    return nodes


def _segmentation_in_scene(node: Any | None) -> Any | None:
    return node if node is not None and node.GetScene() is not None else None


def require_in_scene(node: Any) -> None:
    """Make sure that nobody has removed a node; else raise a `BadInput`."""
    if node.GetScene() is None:
        raise BadInput(
            _("'{name}' was removed from the scene while it was being worked on.").format(name=node.GetName()),
            _("Load it again and click Apply."),
        )


def _log_transform(node: Any, log: Log) -> None:
    note = volumes.transform_note(node)
    if note:
        log(note)
