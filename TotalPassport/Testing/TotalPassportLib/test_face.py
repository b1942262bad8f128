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


def loaded(program: str, modules: set[str]) -> list[str]:
    """Return which of some modules a program has loaded at its end."""
    code = f"{program}\nimport sys; print(*({modules!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    return sorted(done.stdout.split())


def test_importing_the_package_loads_nothing_that_takes_time_or_may_be_missing() -> None:
    program = "import TotalPassportLib as tp; assert callable(tp.TotalPassportError)"
    assert loaded(program, {"numpy", "scipy", "nibabel", "onnxruntime", "fastjsonschema"}) == []


@pytest.mark.parametrize("module", ["pipeline", "description_run", "alignment", "comparison", "job"])
def test_what_only_some_work_needs_is_loaded_by_that_work(module: str) -> None:
    """scipy's parts take longer to load than most scans, and every run waits for what its module loads."""
    parts = {f"scipy.{name}" for name in ("ndimage", "interpolate", "linalg", "spatial", "special", "stats")}
    others = {"SimpleITK", "highdicom", "onnx", "zarr", "dask"}
    assert loaded(f"import TotalPassportLib.{module}", parts | others) == []


def test_type_checkers_are_told_that_the_package_is_typed() -> None:
    assert (PACKAGES / "TotalPassportLib" / "py.typed").is_file()
