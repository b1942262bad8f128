"""The way from a segmentation that is there to its passport.

>>> from TotalPassportLib.base.files import DATA_FOLDER
>>> passport = describe(DATA_FOLDER / "demo" / "demo_ct_labels.nii.gz")
>>> passport["liver"].label, round(passport["liver"].volume_ml)
(5, 1416)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from .base.errors import BadInput, as_user_error
from .base.events import Cancellation, EventCallback, Progress, ignore_event, start
from .base.files import make_folder
from .base.hints import Hint, HintCode
from .base.labels import LabelTable, bundled_tables, load_label_table
from .base.outputs import OutputFiles, check_destination
from .destinations import path_of_passport, refuse_names_of_other_formats, refuse_other_scans_results
from .exports.export_kinds import ExportKind, kinds_meant
from .exports.exporting import require_exportable, write_exports
from .exports.label_layer import LabelLayer
from .image.formats import stem_of
from .image.image_objects import ImageObject, image_given, is_path
from .image.label_names import stored_label_names
from .image.label_voxels import looks_like_intensities, present_labels
from .image.mask_folder import MaskFolder
from .image.stored_image import Remark, StoredImage
from .image.volume import IMAGE, Volume, check_same_grid, load_ct, load_segmentation, voxels_on_grid_of
from .passport import Passport
from .passport.checks import with_remarks
from .passport.export import passport_format, write_text
from .passport.mask_extraction import extract_masks
from .passport.measuring import measure_labels
from .passport.naming import Naming, name_labels, settle, what_to_do
from .passport.provenance import source_of, with_provenance

DESCRIBE_SHARES = {"load": 0.4, "describe": 0.5, "write": 0.1}
"""Stages of describing a segmentation."""
MOST_LABELS = 20_000
"""About as many organs as fit into a passport that can be read again; measuring more would take minutes for nothing."""


def describe(
    segmentation: Path | str | ImageObject,
    output: Path | str | None = None,
    *,
    labels: str | None = None,
    ct: Path | str | ImageObject | None = None,
    series: str = "",
    formats: Collection[str] = (),
    overwrite: bool = False,
    on_event: EventCallback = ignore_event,
    cancellation: Cancellation | None = None,
) -> Passport:
    """Return the passport of an existing segmentation, measured on its own grid, and write it if that is wanted.

    Parameters
    ----------
    segmentation : Path, str or image
        A file of whole numbers, a folder of binary masks, one structure a file, or an image of labels: nibabel's,
        SimpleITK's, or a pair of an array and its affine.
    output : Path or str, optional
        The file to write, in the format that its name ends with (JSON where none is known), or a folder; see
        `destinations.path_of_passport`. By default nothing is written.
    labels : str, optional
        A bundled label table's name, or the path of one or of nnU-Net's ``dataset.json``; by default names are found as
        `passport.naming` says.
    ct : Path, str or image, optional
        The CT on the same grid, for intensities.
    series : str
        Which series of the CT, if that is in DICOM.
    formats : collection of str
        Formats in which the segmentation is written beside the passport, see `exports.export_kinds.KINDS`; DICOM
        objects belong to the CT.
    overwrite : bool
        Replace a passport in the folder even if it is of another segmentation; a file that is named is replaced anyway.
    on_event : callable
        Receives the events of ``docs/architecture.md``.
    cancellation : Cancellation, optional
        Lets another thread or process stop the run.

    Raises
    ------
    TotalPassportError
        In one of its classes; see `errors`.
    """
    progress = start(DESCRIBE_SHARES, on_event, cancellation)
    with as_user_error():
        with progress.stage("load"):
            given = image_given(segmentation, "segmentation")
            place = Path(segmentation) if is_path(segmentation) else Path(IMAGE)
            destination = None if output is None else path_of_passport(output, place)
            if destination is not None:
                make_folder(destination.parent)
                read = [Path(path) for path in (segmentation, ct, labels) if path is not None and is_path(path)]
                check_destination(destination, *read)
                refuse_names_of_other_formats(destination)
            table = load_label_table(labels) if labels else None
            scan = None if ct is None else load_ct(image_given(ct, "CT"), progress.warn, series)
            exports = _export_paths(kinds_meant(formats), destination, given, scan)
            is_folder = isinstance(given, Path) and given.is_dir()
            loaded = MaskFolder(place) if is_folder else load_segmentation(given, progress.warn, scan)
        with progress.stage("describe"):
            if isinstance(loaded, MaskFolder):
                if destination is not None:
                    check_destination(destination, *loaded.paths)
                passport, naming, source = _describe_folder(loaded, given=table, ct=scan, progress=progress)
            else:
                passport, naming = _describe_file(loaded, given=table, ct=scan, progress=progress)
                source = source_of(loaded)
            passport = passport if scan is None else with_remarks(passport, scan.remarks, "the scan")
            if destination is not None and destination != Path(str(output)) and not overwrite:  # we chose the name
                refuse_other_scans_results(place, destination, sha256=source["sha256"])
            passport = with_provenance(passport, source=source, model=_naming_document(naming), running={})
        with progress.stage("write"):
            if destination is not None:
                write_text(passport_format(destination)(passport), destination)
            if exports and isinstance(loaded, Volume):
                _export(exports, loaded, naming.table, passport, scan)
        if naming.remark is not None:
            progress.warn(naming.remark.code, naming.remark.message, what_to_do(naming.remark.code))
        return passport


def _export_paths(
    kinds: Sequence[ExportKind], destination: Path | None, segmentation: Path | StoredImage, scan: Volume | None
) -> dict[str, Path]:
    """Return name of a format -> its file beside the passport, when it is known that it can be written."""
    require_exportable(kinds, scan)
    if not kinds:
        return {}
    if destination is None or not isinstance(segmentation, Path):
        raise BadInput("Other formats are files beside the passport.", "Give files, and a place for the passport.")
    if segmentation.is_dir():
        raise BadInput(
            f"'{segmentation}' is a folder of masks, which may overlap, and is not written in other formats.",
            "Give one label image, such as 'combine' makes of masks.",
        )
    paths = {kind.name: destination.parent / f"{stem_of(segmentation)}{kind.ending}" for kind in kinds}
    for path in paths.values():
        check_destination(path, segmentation)
    return paths


def _export(
    paths: Mapping[str, Path], segmentation: Volume, table: LabelTable, passport: Passport, scan: Volume | None
) -> None:
    voxels, affine = segmentation.voxels, segmentation.affine
    if scan is not None:  # in whose order of axes DICOM objects are
        voxels, affine = voxels_on_grid_of(segmentation, scan), scan.affine
    layer = LabelLayer(voxels=voxels, table=table)
    with OutputFiles(inputs=[segmentation.path]) as files:
        write_exports(paths, files.path, combined=layer, layers=[layer], affine=affine, passport=passport, scan=scan)


def _describe_file(
    segmentation: Volume, *, given: LabelTable | None, ct: Volume | None, progress: Progress
) -> tuple[Passport, Naming]:
    if ct is not None:
        check_same_grid(ct, segmentation)
    present, stored = present_labels(segmentation.voxels), stored_label_names(segmentation.header)
    if given is None and not stored and looks_like_intensities(segmentation.voxels, present):
        raise BadInput(
            f"'{segmentation.path}' looks like a scan, not like labels: it has {len(present)} values, and most "
            "neighbouring voxels differ.",
            Hint(HintCode.GIVE_LABELS, tables=bundled_tables()),
        )
    if len(present) > MOST_LABELS:
        raise BadInput(
            f"'{segmentation.path}' has {len(present):,} different labels; a passport holds {MOST_LABELS:,} at most.",
            "Check that the image holds labels of organs and no intensities.",
        )
    naming = name_labels(present, given=given, stored=stored, file_stem=stem_of(segmentation.path))
    passport = measure_labels(segmentation, naming.table, ct=ct, searched=naming.searched, on_organ=progress.step)
    passport, naming = settle(passport, naming)
    return with_remarks(passport, segmentation.remarks, "the label image"), naming


def _describe_folder(
    folder: MaskFolder, *, given: LabelTable | None, ct: Volume | None, progress: Progress
) -> tuple[Passport, Naming, dict[str, Any]]:
    passport, naming = extract_masks(folder, given=given, ct=ct, on_mask=progress.step)
    if folder.skipped:
        progress.warn("not_masks", f"Left out in '{folder.folder}', for they are no masks: {folder.skipped_text()}.")
        sentence = f"{len(folder.skipped)} files of {{image}} are no masks and were left out."
        passport = with_remarks(passport, [Remark(code="left_out_files", sentence=sentence)], "the folder")
    for remark, names in folder.remarks.items():
        further = f" So it is with {len(names) - 1} more of the masks." if len(names) > 1 else ""
        progress.warn(remark.code, remark.about(f"'{names[0]}'") + further)
        passport = with_remarks(passport, [remark], f"{len(names)} of the masks" if len(names) > 1 else "a mask")
    source = {"sha256": folder.sha256, "masks": len(naming.table)}
    return passport, naming, {**source, "shape": list(passport.shape), "affine": passport.affine.tolist()}


def _naming_document(naming: Naming) -> dict[str, str]:
    """Return what a passport's header says of its names."""
    document = {"labels": naming.table.name, "names_from": naming.names_from}
    if naming.remark is not None:
        document["names_note"] = naming.remark.message
    return document
