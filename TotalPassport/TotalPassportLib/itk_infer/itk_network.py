"""An ONNX network as itk_infer runs it, on onnxruntime's own processor code: the same numbers, bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..base.errors import ModelError, OutOfMemory
from ..segmentation.engines import plain_engine
from ..segmentation.session import open_network
from .itk_conventions import ItkConventions, Overrides, Warn, conventions_of


class ItkNetwork:
    """A network that is open.

    Parameters
    ----------
    path : Path
        The ONNX file.
    overrides : Overrides
        What is asked for instead of what the file says.
    half : bool
        Whether float16 was asked for.
    warn : callable
        See `conventions_of`.

    Raises
    ------
    ModelError
        It cannot be run so, with the reason.
    BadInput
        What is asked for is impossible.
    """

    def __init__(self, path: Path, overrides: Overrides, *, half: bool, warn: Warn) -> None:
        if not path.is_file():
            raise ModelError(f"There is no network '{path}'.", "Give the path of an ONNX file with --onnx.")
        self._path = path
        self._session = open_network(path, plain_engine())
        self.conventions: ItkConventions = conventions_of(self._session, path, overrides, half=half, warn=warn)
        self.kind: type[np.float16] | type[np.float32] = np.float16 if half else np.float32
        """Of the numbers that it takes."""
        self.classes = self.conventions.classes or self._classes_of_a_run()
        """Number of its channels."""

    def run(self, windows: np.ndarray) -> np.ndarray:
        """Return the logits ``[n, c, z, y, x]`` of windows ``[n, 1, z, y, x]``; safe from several threads.

        Raises
        ------
        ModelError, OutOfMemory
            It failed.
        """
        count = len(windows)
        if self.conventions.is_fixed_batch and count < self.conventions.windows_per_call:
            # The last ones of an image: itk_infer fails where they do not fill a call.
            missing = self.conventions.windows_per_call - count
            windows = np.concatenate([windows, np.repeat(windows[-1:], missing, axis=0)])
        try:
            (logits,) = self._session.run([self.conventions.output_name], {self.conventions.input_name: windows})
        except Exception as error:  # onnxruntime's exceptions share no public base class
            raise self._failure(error) from error
        if logits.ndim != 5 or logits.shape[2:] != windows.shape[2:] or len(logits) != len(windows):
            raise ModelError(
                f"The network '{self._path}' gives {list(logits.shape)} for windows of {list(windows.shape)}.",
                "Export a network whose output is as large as its input.",
            )
        return np.asarray(logits[:count].astype(np.float16) if logits.dtype == np.float64 else logits[:count])

    def _classes_of_a_run(self) -> int:
        empty = np.zeros((1, 1, *self.conventions.patch_zyx), self.kind)
        return int(self.run(empty).shape[1])

    def _failure(self, error: Exception) -> ModelError | OutOfMemory:
        reason = " ".join(str(error).split(" : ")[-1].split())[:300]
        if isinstance(error, MemoryError) or "allocate memory" in reason or "bad_alloc" in reason:
            return OutOfMemory("There is not enough memory to run the network.", "Close other programs.")
        return ModelError(f"The network '{self._path}' failed: {reason}.", "Export it again.")
