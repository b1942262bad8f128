"""The machine and the software that are measured: what decides about speed, and nothing that tells whose they are."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from ..base import distributions
from ..base.memory import physical_bytes
from ..base.runtime import onnxruntime_module
from ..segmentation.engines import processor_field, processor_flags, version_of_onnxruntime
from ..segmentation.session import usable_cores
from .install_size import folder_bytes, install_size

REQUIREMENTS = ("numpy", "scipy", "nibabel", "fastjsonschema")
"""The packages that our program imports, beside the one that brings onnxruntime."""
INSTRUCTION_SETS = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16", "amx_int8")
"""Processor flags, as Linux calls them, that decide how fast networks run."""


def machine() -> dict[str, Any]:
    """Return the machine as the report shows it; what the system does not tell is None."""
    onnxruntime = onnxruntime_module()
    flags = processor_flags()
    return {
        "cpu": _cpu_model(),
        "instruction_sets": [name for name in INSTRUCTION_SETS if name in flags] if flags else None,
        "cores": os.cpu_count(),
        "usable_cores": usable_cores(),
        "memory_bytes": physical_bytes(),
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "onnxruntime": {
            "distributions": list(distributions.installed()),
            "version": version_of_onnxruntime(),
            "providers": onnxruntime.get_available_providers(),
        },
    }


def our_install_size(library: Path) -> dict[str, Any]:
    """Return `install_size` of all that our program needs, itself included; ``library`` is its folder."""
    engines = distributions.installed()
    libraries = [
        distributions.package_name(requirement)
        for each in distributions.available()
        if each.package in engines
        for requirement in each.libraries
    ]
    size = install_size([name for name in (*REQUIREMENTS, *engines, *libraries) if _is_installed(name)])
    ours = {"name": "totalpassport", "version": None, "bytes": folder_bytes(library)}
    return {**size, "packages": [ours, *size["packages"]], "bytes": size["bytes"] + ours["bytes"]}


def _is_installed(package: str) -> bool:
    try:
        importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _cpu_model() -> str | None:
    if sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or None
    return processor_field("model name") or platform.processor() or None
