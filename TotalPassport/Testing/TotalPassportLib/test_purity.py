"""The library stays what it says: no Slicer, no Qt, no PyTorch, and its data readable before anything is installed."""

from __future__ import annotations

import subprocess
import sys

from support.processes import PACKAGES, environment


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)


def test_no_module_of_the_library_needs_slicer_qt_vtk_or_torch() -> None:
    modules = sorted(
        ".".join(path.relative_to(PACKAGES).with_suffix("").parts)
        for path in (PACKAGES / "TotalPassportLib").rglob("*.py")
        if path.name not in ("__init__.py", "__main__.py")
    )
    assert len(modules) > 25
    process = run_python(
        "import importlib, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "top = {name.split('.')[0].lower() for name in sys.modules}\n"
        "print(sorted(top & {'slicer', 'qt', 'ctk', 'vtk', 'vtkmodules', 'mrml', 'pyside6', 'torch', 'simpleitk'}))\n"
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.strip() == "[]"


def test_labels_models_and_passports_are_known_before_anything_is_installed() -> None:
    process = run_python(
        "import sys\n"
        "for name in ('nibabel', 'onnxruntime', 'fastjsonschema', 'onnx'): sys.modules[name] = None\n"
        "from TotalPassportLib.base.labels import load_label_table\n"
        "from TotalPassportLib.models.catalogue import list_models\n"
        "from TotalPassportLib.passport.organ import CHECKS, OrganPassport, Passport\n"
        "import TotalPassportLib.base.errors, TotalPassportLib.base.events\n"
        "print(len(load_label_table('total')), [model.name for model in list_models()][:1], len(CHECKS) > 3)\n"
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.strip() == "117 ['demo'] True"
