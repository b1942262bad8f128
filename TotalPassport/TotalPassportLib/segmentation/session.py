"""onnxruntime sessions: opening a network on an engine, and running one patch."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..base.errors import ModelError, OutOfMemory, TotalPassportError
from ..base.memory import return_free_memory
from ..base.runtime import LOG_FATAL, load_cuda_libraries, onnxruntime_module
from ..models.description import Part
from ..models.network_conventions import LABELS
from ..models.network_files import NetworkFiles
from .engines import Engine, plain_engine
from .session_ports import ports_of

if TYPE_CHECKING:
    import onnxruntime


class NetworkSession:
    """One network, ready to run on windows of its patch size.

    Parameters
    ----------
    part : Part
        The network and its description.
    engine : Engine
        Where and in which arithmetic it runs.
    files : NetworkFiles, optional
        The part's files, where somebody has them already.
    threads : int
        How many processor threads it may use; 0 for all cores.

    Raises
    ------
    ModelError
        A file is missing, damaged, not ONNX, or not the network its description tells of.
    EngineFailed
        The engine cannot run it here, or another one would have run it instead.
    """

    def __init__(self, part: Part, engine: Engine, files: NetworkFiles | None = None, threads: int = 0) -> None:
        files = files or NetworkFiles(part)
        files.verify()
        self.part, self.engine, self.threads = part, engine, threads or usable_cores()
        self.head = files.head
        """What makes logits of the features, see `read_head`; None if the network gives logits."""
        self.seconds = 0.0
        """Wall time spent in the network so far."""
        self._session = open_network(part.network, engine, part.patch_size_zyx, self.threads)
        provider = self._session.get_providers()[0]
        if provider != engine.execution_provider:
            raise EngineFailed(f"onnxruntime took {provider} instead of {engine.execution_provider}")
        self._ports = ports_of(part, self._session, None if self.head is None else self.head.shape[1] - 1)
        return_free_memory()  # reading and compiling a network takes three times what is kept of it
        # The same two arrays for all windows: making new ones takes the system longer than one would think.
        self._input = np.zeros(self._ports.input_shape, self._ports.input_type)
        self._output = np.zeros(self._ports.output_shape, self._ports.output_type)
        self._binding = self._session.io_binding()
        self._binding.bind_cpu_input(self._ports.input_name, self._input)
        self._binding.bind_output(
            self._ports.output_name, "cpu", 0, self._ports.output_type, self._output.shape, self._output.ctypes.data
        )

    def run(self, patch: np.ndarray) -> np.ndarray:
        """Return what the network makes of a patch ``[z, y, x]``.

        Returns
        -------
        numpy.ndarray
            float32 features, logits or probabilities ``[z, y, x, channels]``, or numbers of channels ``[z, y, x, 1]``;
            it may be overwritten by the next run.
        """
        channels_last = self.part.ports.input_channels_last
        np.copyto(self._input, patch[..., np.newaxis] if channels_last else patch, casting="same_kind")
        start = time.perf_counter()
        try:
            self._session.run_with_iobinding(self._binding)
        except Exception as error:  # onnxruntime's exceptions share no public base class
            raise _run_error(error, self.part) from error
        self.seconds += time.perf_counter() - start
        result = self._ports.window_of(self._output)
        return result if self.part.ports.gives == LABELS else result.astype(np.float32, copy=False)


class EngineFailed(Exception):
    """An engine cannot be used here; the text says why and continues a sentence."""


def open_network(
    path: Path, engine: Engine, patch: tuple[int, int, int] | None = None, threads: int = 0
) -> onnxruntime.InferenceSession:
    """Open an ONNX file on an engine; ``patch`` are the sizes ``z, y, x`` of all that it will be given.

    It uses that many ``threads`` of the processor, or all cores.

    Raises
    ------
    ModelError
        The file is no ONNX network.
    EngineFailed
        The engine cannot run it.
    """
    onnxruntime = onnxruntime_module()
    options = onnxruntime.SessionOptions()
    # An arena would make the CPU provider a sixth faster and need a quarter more memory (docs/performance.md).
    options.enable_cpu_mem_arena = False
    options.intra_op_num_threads = threads or usable_cores()
    options.log_severity_level = LOG_FATAL
    for name, size in zip("zyx", patch or (), strict=False):
        # A runtime that knows the sizes beforehand plans its memory better: OpenVINO needs a third less.
        options.add_free_dimension_override_by_name(name, size)
    if engine.provider == "cuda":
        load_cuda_libraries()
    providers = [(engine.execution_provider, {**engine.options, **_threads(engine, threads or usable_cores())})]
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # onnxruntime's exceptions share no public base class
        if _is_out_of_memory(error):
            raise _run_error(error, None) from error
        reason = " ".join(str(error).split(" : ")[-1].strip().splitlines()[:1])[:200]
        if engine != plain_engine():
            raise EngineFailed(reason) from error
        raise ModelError(
            f"'{path}' is not an ONNX network that can be run ({reason}).",
            "The file is damaged or of another kind; bring the model in again.",
        ) from error


def _threads(engine: Engine, threads: int) -> dict[str, str]:
    # OpenVINO has threads of its own, and would take every core of the machine.
    return {"num_of_threads": str(threads)} if engine.provider == "openvino" else {}


def usable_cores() -> int:
    """Return how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _is_out_of_memory(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or "bad_alloc" in text or "failed to allocate memory" in text


def _run_error(error: Exception, part: Part | None) -> TotalPassportError:
    if _is_out_of_memory(error):
        return OutOfMemory(
            "There is not enough memory to run the network.",
            "Close other programs, or use a model with larger voxels or smaller patches.",
        )
    network = f" '{part.network}'" if part else ""
    return ModelError(
        f"The network{network} failed: {str(error).splitlines()[0][:300]}.",
        "Its description does not suit it, or it is damaged: see docs/models.md, and bring the model in again.",
    )
