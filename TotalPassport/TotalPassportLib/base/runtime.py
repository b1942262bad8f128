"""The one place where onnxruntime is imported: quiet, and with the libraries that its providers need within reach."""

from __future__ import annotations

import importlib.util
import os
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from .distributions import plain, suitable
from .errors import BadInput
from .hints import Hint, HintCode

if TYPE_CHECKING:
    import onnxruntime

LOG_FATAL = 4
"""onnxruntime's level of logging: failures come back as exceptions, and the log belongs to us."""


@cache
def onnxruntime_module() -> ModuleType:
    """Return the module onnxruntime.

    Raises
    ------
    BadInput
        It is not installed.
    """
    # Its releases since 1.31 report usage to their maker; nothing leaves our users' machines. Read while it is loaded.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    _add_openvino_libraries()
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        if error.name != "onnxruntime":
            raise  # it is there, and broken
        raise _engine_missing() from error
    onnxruntime.disable_telemetry_events()
    onnxruntime.set_default_logger_severity(LOG_FATAL)
    return onnxruntime  # type: ignore[no-any-return]


def _engine_missing() -> BadInput:
    wanted, fallback = suitable(), plain()
    hint = Hint(HintCode.INSTALL_PLAIN_ENGINE, extra=fallback.extra)
    if wanted != fallback:
        hint = Hint(HintCode.INSTALL_ENGINE, extra=wanted.extra, plain_extra=fallback.extra)
    return BadInput("The package that runs networks, onnxruntime, is not installed.", hint)


def open_on_processor(path: Path, threads: int = 1) -> onnxruntime.InferenceSession:
    """Open a network or a small graph on onnxruntime's own CPU provider, without a word; 0 ``threads`` are all cores.

    Raises
    ------
    Exception
        Onnxruntime's own, which share no public base class; the file is not ONNX, or is damaged.
    """
    module = onnxruntime_module()
    options = module.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = LOG_FATAL
    return module.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def load_cuda_libraries() -> None:
    """Load CUDA's libraries from the packages that bring them, so that onnxruntime finds them."""
    module = onnxruntime_module()
    if hasattr(module, "preload_dlls"):
        module.preload_dlls()


def _add_openvino_libraries() -> None:
    """On Windows the libraries of OpenVINO come in a package of their own, which is found without being imported."""
    if sys.platform != "win32":
        return
    package = importlib.util.find_spec("openvino")
    for folder in (package.submodule_search_locations or ()) if package else ():
        libraries = Path(folder) / "libs"
        if libraries.is_dir():
            os.add_dll_directory(str(libraries))
            os.environ["PATH"] = f"{libraries}{os.pathsep}{os.environ.get('PATH', '')}"
