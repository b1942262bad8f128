"""A folder of images through a network in itk_infer's way; files of the same names come out, those there are skipped.

from TotalPassportLib.itk_infer.folder_inference import FolderRequest, infer_folder

infer_folder(FolderRequest(input_folder=Path("ct"), output_folder=Path("out"), network=Path("net.onnx")))
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

import numpy as np

from ..base.errors import BadInput, Cancelled, ModelError, OutOfMemory, TotalPassportError, user_error
from ..base.events import Cancellation, EventCallback, Progress, ignore_event, start
from ..base.files import make_folder
from ..base.memory import require_memory
from ..base.text import counted
from ..segmentation.logits_store import logits_store, zarr_module
from .confidence_table import ConfidenceTable
from .half_sums import HalfSums, has_gaps
from .itk_conventions import Overrides
from .itk_images import ItkImage, images_in, read_itk_image, windowed, wraps, write_itk_labels
from .itk_network import ItkNetwork
from .scan_confidence import HalfConfidence, ScanConfidence, SingleConfidence

SHARES = {"infer": 1.0}
MOST_WINDOWS = 255
"""Over one voxel: itk_infer counts them in a byte."""
LOGITS_SUFFIX = ".zarr"
ImageCallback = Callable[["ImageResult"], None]


@dataclass(frozen=True, kw_only=True)
class FolderRequest:
    """What is asked for.

    Attributes
    ----------
    input_folder, output_folder : Path
        Images, and where results go.
    network : Path
        The ONNX file.
    overrides : Overrides
        What replaces the network's own window, patch and stride.
    half : bool
        Give the network float16 (``--fp16``).
    save_logits, save_confidence : bool
        What else is written.
    half_confidence : bool
        Compute confidences in float16 as itk_infer does, with no number where the network is sure.
    at_a_time : int
        How many images are worked on at a time.
    """

    input_folder: Path
    output_folder: Path
    network: Path
    overrides: Overrides = field(default_factory=Overrides)
    half: bool = False
    save_logits: bool = False
    save_confidence: bool = False
    half_confidence: bool = False
    at_a_time: int = 1


@dataclass(frozen=True, kw_only=True)
class ImageResult:
    """How it went with one image; without ``error`` all that was asked for is there.

    Attributes
    ----------
    image : Path
        The image.
    labels : Path
        Where its labels are, if they could be made.
    confidence : float, optional
        Of the image, if that was asked for.
    error : TotalPassportError, optional
        Why something is missing.
    skipped : bool
        Whether everything was there already.
    """

    image: Path
    labels: Path
    confidence: float | None = None
    error: TotalPassportError | None = None
    skipped: bool = False


def infer_folder(
    request: FolderRequest,
    *,
    on_image: ImageCallback = lambda result: None,
    on_event: EventCallback = ignore_event,
    cancellation: Cancellation | None = None,
) -> list[ImageResult]:
    """Run a network on the images of a folder that have no results yet; one that fails does not stop the others.

    Parameters
    ----------
    request : FolderRequest
        What is asked for.
    on_image : callable
        Called with each result, of what is skipped first.
    on_event : callable
        Receives progress and warnings.
    cancellation : Cancellation, optional
        Lets another thread stop it.

    Returns
    -------
    list of ImageResult
        In the order of the images' names.

    Raises
    ------
    BadInput
        There is nothing to do, a place cannot be written to, or a package is missing.
    ModelError
        The network cannot be run so.
    Cancelled
        It was asked to stop; images that were finished stay.
    """
    progress = start(SHARES, on_event, cancellation)
    images = images_in(request.input_folder)
    make_folder(request.output_folder)
    if request.output_folder.samefile(request.input_folder):
        raise BadInput("The output folder is the input folder.", "Give another folder; results have the images' names.")
    if request.save_logits:
        zarr_module()
    table = ConfidenceTable(request.output_folder) if request.save_confidence else None
    work = _FolderWork(request, images, table)
    there = [image for image in images if work.is_done(image)]
    done = [ImageResult(image=image, labels=work.labels_of(image), skipped=True) for image in there]
    for result in done:
        on_image(result)
    pending = [image for image in images if image not in there]
    try:
        if pending:
            network = ItkNetwork(request.network, request.overrides, half=request.half, warn=progress.warn)
            with progress.stage("infer"):
                done += _all(work, network, pending, progress, on_image)
    finally:
        if table is not None:
            table.write()
    return sorted(done, key=lambda result: result.image)


def _all(
    work: _FolderWork,
    network: ItkNetwork,
    pending: Sequence[Path],
    progress: Progress,
    on_image: ImageCallback,
) -> list[ImageResult]:
    """Work on the images, some at a time."""
    tell, parts = threading.Lock(), dict.fromkeys(pending, 0.0)

    def on_part(image: Path, part: float) -> None:
        with tell:
            parts[image] = part
            progress.step(round(1000 * sum(parts.values())), 1000 * len(parts))

    def one(image: Path) -> ImageResult:
        result = work.result_of(image, network, lambda part: on_part(image, part), progress.warn)
        with tell:
            on_image(result)
        return result

    with ThreadPoolExecutor(work.request.at_a_time, "image") as threads:
        waiting = [threads.submit(one, image) for image in pending]
        try:
            return [future.result() for future in waiting]
        except BaseException:
            progress.cancellation.request()  # those at work stop at their next window
            threads.shutdown(wait=False, cancel_futures=True)
            raise


class _FolderWork:
    """What is done for each image, and what is there already."""

    def __init__(self, request: FolderRequest, images: Sequence[Path], table: ConfidenceTable | None) -> None:
        self.request, self._table = request, table
        first: dict[str, Path] = {}
        for image in images:
            first.setdefault(image.stem, image)
        self._owner = first
        """Name of logits and row -> the image that has them: 'a.mha' and 'a.nii' would share theirs."""

    def labels_of(self, image: Path) -> Path:
        """Return where an image's labels go."""
        return self.request.output_folder / image.name

    def _logits_of(self, image: Path) -> Path:
        return self.request.output_folder / f"{image.stem}{LOGITS_SUFFIX}"

    def is_done(self, image: Path) -> bool:
        """Whether all that is asked for of an image is there."""
        if not self.labels_of(image).exists():
            return False
        if self._owner[image.stem] != image and (self.request.save_logits or self._table is not None):
            return False  # its error is told every time
        logits_missing = self.request.save_logits and not self._logits_of(image).exists()
        return not logits_missing and (self._table is None or image.stem in self._table)

    def result_of(
        self, image: Path, network: ItkNetwork, on_part: Callable[[float], None], warn: Callable[[str, str], None]
    ) -> ImageResult:
        """Return how it went with an image; its errors are a part of that, except a wish to stop."""
        labels, confidence, error = self.labels_of(image), None, None
        try:
            confidence = self._infer(image, network, on_part, warn)
        except (Cancelled, KeyboardInterrupt):
            raise
        except Exception as failure:
            error = user_error(failure)
        on_part(1.0)
        return ImageResult(image=image, labels=labels, confidence=confidence, error=error)

    def _infer(
        self, path: Path, network: ItkNetwork, on_part: Callable[[float], None], warn: Callable[[str, str], None]
    ) -> float | None:
        labels_path = self.labels_of(path)
        refusal = self._refusal(path, network)
        if refusal is not None and labels_path.exists():
            raise refusal
        image = read_itk_image(path)
        self._tell_what_wraps(path, image, warn)
        confidence = self._confidence() if refusal is None else None
        save_logits = self.request.save_logits and refusal is None
        shape = (network.classes, *image.array.shape)
        with logits_store(self._logits_of(path), shape) if save_logits else nullcontext() as store:
            labels = np.empty(image.array.shape, np.uint8 if network.classes <= 256 else np.uint16)
            first = 0
            for logits in self._slabs(path, image, network, on_part, warn):
                last = first + logits.shape[1]
                labels[first:last] = logits.astype(np.float32).argmax(axis=0)  # the lowest of equals
                first = last
                if confidence is not None:
                    confidence.add(logits)
                if store is not None:
                    store.add(logits)
        if not labels_path.exists():
            write_itk_labels(labels_path, labels, image, path)
        if refusal is not None:
            raise refusal
        if confidence is None or self._table is None:
            return None
        self._table.add(path.stem, confidence.mean)
        return confidence.mean

    def _slabs(
        self,
        path: Path,
        image: ItkImage,
        network: ItkNetwork,
        on_part: Callable[[float], None],
        warn: Callable[[str, str], None],
    ) -> Iterator[np.ndarray]:
        conventions = network.conventions
        shape, patch, stride = image.array.shape, conventions.patch_zyx, conventions.stride_zyx
        if has_gaps(shape, patch, stride):
            raise BadInput(
                f"With a stride of {stride} between windows of {patch} some voxels of '{path.name}' are in none.",
                "Name a smaller one: --patch-stride Z Y X.",
            )
        most = prod(-(-size // step) for size, step in zip(patch, stride, strict=True))
        if most > MOST_WINDOWS:
            warn(
                "many_windows",
                f"{most} windows see a voxel of '{path.name}'; itk_infer counts to {MOST_WINDOWS} only, and "
                "gives other numbers.",
            )
        sums = HalfSums(shape, patch, stride, network.classes)
        require_memory(
            sums.held_bytes + (np.dtype(network.kind).itemsize + 2) * image.array.size, f"Segmenting '{path.name}'"
        )
        scaled = windowed(image.array, conventions.window_level, conventions.window_width, network.kind)
        return sums.means(scaled, network.run, conventions.windows_per_call, lambda done: on_part(done / sums.windows))

    def _confidence(self) -> ScanConfidence | None:
        if self._table is None:
            return None
        return HalfConfidence() if self.request.half_confidence else SingleConfidence()

    def _refusal(self, path: Path, network: ItkNetwork) -> TotalPassportError | None:
        """Return why an image has labels only, though more is asked for; None if it can have all."""
        if self._table is not None and network.classes < 2:
            return ModelError(
                "A network of one class has no confidence: it is always sure. The labels were written, no logits.",
                "Leave --save-conf out.",
            )
        owner = self._owner[path.stem]
        if owner != path and (self.request.save_logits or self._table is not None):
            return BadInput(
                f"'{owner.name}' and '{path.name}' share the name of their logits and confidences, '{path.stem}'; of "
                f"'{path.name}' there are labels only.",
                "Rename one of the two.",
            )
        return None

    @staticmethod
    def _tell_what_wraps(path: Path, image: ItkImage, warn: Callable[[str, str], None]) -> None:
        if wraps(image.array):
            warn(
                "beyond_16_bits",
                f"'{path.name}' has values beyond -32768 to 32767, or none at all; as in itk_infer they start again at "
                "the other end, which gives other intensities than they are.",
            )


def failure_of(results: Sequence[ImageResult]) -> TotalPassportError | None:
    """Return one error for all images that failed, with the exit code of the first; None if none did."""
    failed = [result for result in results if result.error is not None]
    if not failed:
        return None
    first = failed[0].error
    assert first is not None
    names = ", ".join(f"'{result.image.name}'" for result in failed[:5])
    further = f" and {len(failed) - 5} more" if len(failed) > 5 else ""
    kind = type(first) if isinstance(first, BadInput | ModelError | OutOfMemory) else TotalPassportError
    return kind(f"{counted(len(failed), 'image')} of {len(results)} failed: {names}{further}.", "See above why.")
