"""Scans of the scene and frames of sequences as they wait for their turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _
from TotalPassportLib.models.task import load_task, mode_of_model
from TotalPassportLib.options import RunOptions

from ..nodes import presentation
from ..nodes.scan_nodes import ScanNodes
from ..nodes.scans_table import ScansTable
from ..nodes.sequence_frames import Frame, FrameNodes
from ..nodes.volumes import known_modality
from .jobs import Event, Job
from .scan_list import ScanEntry, ScanList, ScanState, organs_text
from .scan_queue import QueuedScan
from .tasks import found_layers, require_in_scene, run_document, segment_volume_job

Log = Callable[[str], None]


def queued_volumes(volumes: Sequence[Any], options: RunOptions, log: Log) -> list[QueuedScan]:
    """Return volumes of the scene as scans that wait; those of the wrong modality are skipped already."""
    return [_queued_volume(volume, options, log) for volume in volumes]


def _queued_volume(volume: Any, options: RunOptions, log: Log) -> QueuedScan:
    entry = ScanEntry(title=volume.GetName(), source=volume, weight=_voxels_of(volume))
    reason = _why_not(volume, options)
    if reason:
        entry.state, entry.sentence = ScanState.SKIPPED, reason

    def job() -> Job:
        require_in_scene(volume)
        return segment_volume_job(volume, options, None, log)

    return QueuedScan(entry=entry, job=job, loaded=_take_scan)


def _take_scan(entry: ScanEntry, nodes: ScanNodes) -> None:
    """Note a scan's passport, and hide what would lie over that of the other scans."""
    presentation.show_all_of(nodes, False)
    entry.document = nodes.document
    entry.sentence = organs_text(len(nodes.passport))


def queued_frames(sequence: Any, options: RunOptions) -> list[QueuedScan]:
    """Return the frames of a sequence of volumes as scans that wait."""
    frames = FrameNodes(sequence)
    return [_queued_frame(frames, frame, options) for frame in frames.all]


def _queued_frame(frames: FrameNodes, frame: Frame, options: RunOptions) -> QueuedScan:
    sequence, title = frame.sequence, frame.title
    entry = ScanEntry(title=title, source=frame, weight=_voxels_of(frame.volume))

    def job() -> Job:
        require_in_scene(sequence)
        volume = frames.volume_of(frame)

        def load(result: Event) -> ScanNodes:
            require_in_scene(sequence)
            return frames.add(frame, found_layers(result, options), Path(result["passport"]))

        return Job(prepare=lambda folder: run_document(volume, options, folder), load=load, subject=title)

    def loaded(entry: ScanEntry, nodes: ScanNodes) -> None:
        entry.document = nodes.document
        entry.sentence = organs_text(len(nodes.passport))

    return QueuedScan(entry=entry, job=job, loaded=loaded)


def table_of_all(title: str) -> Callable[[ScanList], ScansTable]:
    """Return what makes the table of all organs of the scans that are done, under a title."""

    def conclude(scans: ScanList) -> ScansTable:
        done = [entry for entry in scans.entries if entry.state is ScanState.DONE and entry.document is not None]
        present = [entry for entry in done if entry.document.GetScene() is not None]
        return ScansTable.of_passports(((each.title, ScanNodes(each.document).passport) for each in present), title)

    return conclude


def _why_not(volume: Any, options: RunOptions) -> str:
    """Return why a scan does not suit what is to be found; an empty text where nothing is known."""
    mode = mode_of_model(options.model)
    tasks = [load_task(name) for name in options.task] or ([mode[0]] if mode is not None else [])
    known, wanted = known_modality(volume), {task.modality for task in tasks}
    if not known or not wanted or known in wanted:
        return ""
    text = _("It is of the modality {known}, and what is to be found is for {wanted}.")
    return str(text.format(known=known, wanted=" + ".join(sorted(wanted))))


def _voxels_of(volume: Any) -> float:
    image = volume.GetImageData()
    return float(max(image.GetNumberOfPoints(), 1)) if image is not None else 1.0
