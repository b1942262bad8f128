"""The one place where onnxruntime is imported: quiet, and with the libraries that its providers need within reach."""

from __future__ import annotations

import importlib.util
import os
import sys
from functools import cache
from pathlib import Path
from types import ModuleType


@cache
def onnxruntime_module() -> ModuleType:
    """Return the module onnxruntime.

    Raises
    ------
    ImportError : it is not installed.
    """
    # Its releases since 1.31 report usage to their maker; nothing leaves our users' machines. Read while it is loaded.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    _add_openvino_libraries()
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime  # type: ignore[no-any-return]


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
