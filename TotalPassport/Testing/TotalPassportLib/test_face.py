"""What ``import TotalPassportLib as tp`` offers: the few names that a script needs, and no wait for them."""

from __future__ import annotations

import subprocess
import sys

import pytest
import TotalPassportLib as tp
from support.processes import PACKAGES, environment


@pytest.mark.parametrize("name", tp.__all__)
def test_a_name_of_the_face_is_there_and_documented(name: str) -> None:
    value = getattr(tp, name)
    assert callable(value)
    assert value.__doc__


def test_the_face_names_what_it_can_load() -> None:
    assert set(tp.__all__) == set(tp._HOMES)
    assert set(tp.__all__) <= set(dir(tp))


def test_an_unknown_name_is_an_ordinary_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'TotalPassportLib' has no attribute 'runn'"):
        tp.runn  # noqa: B018


def test_importing_the_package_loads_nothing_that_takes_time_or_may_be_missing() -> None:
    code = (
        "import sys, TotalPassportLib as tp\n"
        "assert callable(tp.TotalPassportError)\n"
        "print(sorted({'numpy', 'scipy', 'nibabel', 'onnxruntime', 'fastjsonschema'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("module", ["pipeline", "description_run", "alignment", "comparison", "job"])
def test_what_only_some_work_needs_is_loaded_by_that_work(module: str) -> None:
    """scipy's parts take longer to load than most scans, and every run waits for what its module loads."""
    code = (
        f"import sys, TotalPassportLib.{module}\n"
        "names = {'ndimage', 'interpolate', 'linalg', 'spatial', 'special', 'stats'}\n"
        "needed_by_some = {f'scipy.{name}' for name in names} | {'SimpleITK', 'highdicom', 'onnx', 'zarr', 'dask'}\n"
        "print(sorted(needed_by_some & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_type_checkers_are_told_that_the_package_is_typed() -> None:
    assert (PACKAGES / "TotalPassportLib" / "py.typed").is_file()
