"""onnxruntime sessions: opening a network, choosing where it runs, and running one patch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import BadInput, ModelError, OutOfMemory, TotalPassportError
from ..models.description import Part, verify_network

if TYPE_CHECKING:
    import onnxruntime

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}
"""Names that users choose by -> onnxruntime's execution providers."""
AUTO = "auto"
PROVIDER_CHOICES = (AUTO, *PROVIDERS)
LOG_FATAL = 4


class NetworkSession:
    """One network, ready to run.

    Parameters
    ----------
    part : the network and its description.
    provider : one of `PROVIDER_CHOICES`; ``auto`` is the CPU, whose labels are the reference.

    Raises
    ------
    ModelError : the file is missing, damaged, not ONNX, or not the network its description tells of.
    BadInput : the provider is unknown, or cannot be used on this machine.
    """

    def __init__(self, part: Part, provider: str = AUTO) -> None:
        verify_network(part)
        self.part = part
        self._session = _open(part.network, execution_provider(provider))
        self.provider: str = self._session.get_providers()[0]
        """The execution provider that really runs the network."""
        wanted = execution_provider(provider)
        if self.provider != wanted:
            raise BadInput(
                f"The provider '{provider}' could not be started; onnxruntime fell back to {self.provider}.",
                "Check its drivers, or choose --provider cpu.",
            )
        self._input = self._only(self._session.get_inputs(), "input")
        self._output = self._only(self._session.get_outputs(), "output")

    def _only(self, ports: list[Any], kind: str) -> str:
        if len(ports) != 1 or ports[0].type != "tensor(float)" or len(ports[0].shape) != 5:
            raise ModelError(
                f"The network '{self.part.network}' must have one float32 {kind} of five dimensions.",
                "This is not a segmentation network in our layout; convert it again.",
            )
        return str(ports[0].name)

    def run(self, patch: np.ndarray) -> np.ndarray:
        """Return the float32 logits ``[channels, z, y, x]`` of a float32 patch ``[z, y, x]``."""
        try:
            (logits,) = self._session.run([self._output], {self._input: patch[np.newaxis, np.newaxis]})
        except Exception as error:  # onnxruntime's exceptions share no public base class
            raise _run_error(error, self.part) from error
        expected = (1, len(self.part.label_values), *patch.shape)
        if logits.shape != expected:
            raise ModelError(
                f"The network '{self.part.network}' gave logits of shape {logits.shape} instead of {expected}.",
                "Its description is not its own; bring the model in again.",
            )
        return np.asarray(logits[0])


def execution_provider(choice: str) -> str:
    """Return onnxruntime's name of a provider choice, or raise `BadInput` if it cannot be had here."""
    import onnxruntime

    name = PROVIDERS.get("cpu" if choice == AUTO else choice)
    if name is None:
        raise BadInput(f"There is no provider '{choice}'.", f"Use one of {', '.join(PROVIDER_CHOICES)}.")
    if name not in onnxruntime.get_available_providers():
        raise BadInput(
            f"The installed onnxruntime cannot use the provider '{choice}'.",
            "Install the onnxruntime distribution that has it, or choose --provider cpu.",
        )
    return name


def network_metadata(path: Path) -> dict[str, str]:
    """Return the free metadata that an ONNX file carries.

    Raises
    ------
    ModelError : the file is not an ONNX network.
    """
    metadata = _open(path, PROVIDERS["cpu"]).get_modelmeta().custom_metadata_map
    return {str(key): str(value) for key, value in metadata.items()}


def open_graph(path: Path) -> onnxruntime.InferenceSession:
    """Open a small graph of ours on the CPU; what `_open` saves in memory would cost these time."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_cores()
    options.log_severity_level = LOG_FATAL
    return onnxruntime.InferenceSession(str(path), options, providers=[PROVIDERS["cpu"]])


def _open(path: Path, provider: str) -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Without the arena the memory of a patch is given back to the system, at no cost in time (facts: 1899 -> 1091 MB).
    options.enable_cpu_mem_arena = False
    options.intra_op_num_threads = usable_cores()
    options.log_severity_level = LOG_FATAL  # failures come back as exceptions; the log belongs to us
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=[provider])
    except Exception as error:  # onnxruntime's exceptions share no public base class
        if _is_out_of_memory(error):
            raise _run_error(error, None) from error
        reason = str(error).split(" : ")[-1].strip().splitlines()[:1]
        raise ModelError(
            f"'{path}' is not an ONNX network that can be run ({' '.join(reason)[:200]}).",
            "The file is damaged or of another kind; bring the model in again.",
        ) from error


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
    return ModelError(f"The network{network} failed: {str(error).splitlines()[0][:300]}.", "Bring the model in again.")
