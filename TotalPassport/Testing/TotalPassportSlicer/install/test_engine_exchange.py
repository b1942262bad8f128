"""Packages that bring onnxruntime: one at a time, the one that suits, and never none where there was one. Real pip."""

from __future__ import annotations

import importlib.metadata
import platform
from typing import Any

import pytest
from support.wheels import OtherPython

BROKEN = "raise ImportError('libmissing.so: cannot open shared object file')\n"


@pytest.fixture(scope="module")
def other_python(tmp_path_factory: pytest.TempPathFactory) -> OtherPython:
    """The environment of all tests, which each of them finds empty."""
    return OtherPython(tmp_path_factory.mktemp("other-python"))


@pytest.fixture
def slicer_python(slicer_host: Any, other_python: OtherPython, monkeypatch: pytest.MonkeyPatch) -> OtherPython:
    """Slicer's Python on a Linux PC: it has nothing yet, and can have everything."""
    from TotalPassportSlicer.install import import_check

    there = other_python
    there.empty()
    slicer_host.packaging.installer = lambda names: there.pip("install", "-q", *names)
    slicer_host.packaging.uninstaller = lambda names: there.pip("uninstall", "-q", "--yes", *names)
    monkeypatch.setattr(importlib.metadata.Distribution, "discover", there.discover)
    monkeypatch.setattr(import_check, "python_program", lambda: there.python)
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    there.offer("nibabel", "5.3")
    there.offer("fastjsonschema", "2.20")
    there.offer("onnxruntime", "1.31.0")
    there.offer("onnxruntime-openvino", "1.24.1", "onnxruntime")
    return there


@pytest.fixture
def exchange(slicer_python: OtherPython) -> Any:
    from TotalPassportSlicer.install import engine_exchange

    return engine_exchange


@pytest.fixture
def installation(slicer_python: OtherPython) -> Any:
    from TotalPassportSlicer.install import installation

    return installation


def installed() -> dict[str, str]:
    from TotalPassportLib.base import distributions

    return distributions.installed()


class TestFirstInstallation:
    """Nothing is there yet."""

    def test_the_distribution_that_suits_the_machine_is_proposed_and_installed(self, installation: Any) -> None:
        missing = installation.missing_requirements()
        assert missing == ["fastjsonschema>=2.19", "nibabel>=5.2", "onnxruntime-openvino>=1.23"]
        assert installation.install_missing(missing) == ""
        assert installed() == {"onnxruntime-openvino": "1.24.1"}
        assert installation.missing_requirements() == []

    def test_where_it_cannot_be_had_the_plain_one_is_and_a_sentence_says_so(
        self, installation: Any, slicer_python: OtherPython
    ) -> None:
        next(slicer_python.wheels.glob("*openvino*")).unlink()
        note = installation.install_missing(installation.missing_requirements())
        assert "onnxruntime-openvino" in note
        assert "The plain onnxruntime was installed instead" in note
        assert "twice as long" in note
        assert installed() == {"onnxruntime": "1.31.0"}

    def test_one_that_does_not_start_is_replaced_too(self, installation: Any, slicer_python: OtherPython) -> None:
        slicer_python.offer("onnxruntime-openvino", "1.24.2", "onnxruntime", BROKEN)
        note = installation.install_missing(installation.missing_requirements())
        assert "libmissing.so" in note
        assert installed() == {"onnxruntime": "1.31.0"}

    def test_what_cannot_be_had_is_found_out_before_slicer_would_open_a_dialog_for_it(
        self, installation: Any, slicer_python: OtherPython, slicer_host: Any
    ) -> None:
        next(slicer_python.wheels.glob("*openvino*")).unlink()
        installation.install_missing(installation.missing_requirements())
        shown = [names for names, options in slicer_host.packaging.calls if options.get("show_progress", True)]
        assert ["onnxruntime>=1.23.2"] in shown
        assert not any("onnxruntime-openvino>=1.23" in names for names in shown)

    def test_a_slicer_without_an_installer_of_its_own_does_it_too(
        self, installation: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(installation.pip_commands, "_slicer_packaging", lambda: None)
        assert installation.install_missing(installation.missing_requirements()) == ""
        assert installed() == {"onnxruntime-openvino": "1.24.1"}

    def test_without_any_it_is_one_sentence(self, installation: Any, slicer_python: OtherPython) -> None:
        for wheel in slicer_python.wheels.glob("onnxruntime*"):
            wheel.unlink()
        with pytest.raises(installation.InstallationError, match="'onnxruntime' was not found where"):
            installation.install_missing(installation.missing_requirements())
        assert installed() == {}

    def test_on_windows_the_libraries_come_without_packages_that_would_replace_slicers(
        self, installation: Any, slicer_python: OtherPython, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(platform, "system", lambda: "Windows")
        monkeypatch.setattr(platform, "machine", lambda: "AMD64")
        slicer_python.offer("openvino", "2025.4.1", "openvino", "", "numpy<2.4")
        assert installation.install_missing(installation.missing_requirements()) == ""
        assert importlib.metadata.version("openvino") == "2025.4.1"
        slicer_python.pip("uninstall", "-q", "--yes", "openvino")
        assert installation.missing_requirements() == ["openvino~=2025.4.1"]
        assert installation.install_missing(["openvino~=2025.4.1"]) == ""

    @pytest.mark.parametrize("name", ["onnxruntime", "onnxruntime-gpu", "onnxruntime-training"])
    def test_whatever_is_there_already_will_do_and_nothing_is_put_beside_it(
        self, installation: Any, slicer_python: OtherPython, name: str
    ) -> None:
        slicer_python.offer(name, "1.30.0", "onnxruntime")
        slicer_python.install(f"{name}==1.30.0", "nibabel")
        missing = installation.missing_requirements()
        assert missing == ["fastjsonschema>=2.19"]
        installation.install_missing(missing)
        assert installed() == {name: "1.30.0"}

    @pytest.mark.parametrize("name", ["onnxruntime", "onnxruntime-directml", "onnxruntime-training"])
    def test_one_that_is_too_old_is_brought_up_to_date_not_joined_by_another(
        self, installation: Any, slicer_python: OtherPython, name: str
    ) -> None:
        for version in ("1.16.0", "1.31.0"):
            slicer_python.offer(name, version, "onnxruntime")
        slicer_python.install(f"{name}==1.16.0", "nibabel", "fastjsonschema")
        missing = installation.missing_requirements()
        assert missing == [f"{name}>=1.23.2"]
        installation.install_missing(missing)
        assert installed() == {name: "1.31.0"}


class TestExchange:
    """The plain one is there, and the user wants the faster one."""

    @pytest.fixture(autouse=True)
    def plain(self, slicer_python: OtherPython) -> None:
        slicer_python.install("onnxruntime")

    def test_the_faster_one_takes_its_place(self, exchange: Any, slicer_python: OtherPython) -> None:
        wanted = exchange.faster_engine()
        assert wanted.package == "onnxruntime-openvino"
        exchange.exchange_engine(wanted)
        assert installed() == {"onnxruntime-openvino": "1.24.1"}
        assert exchange.faster_engine() is None
        assert (slicer_python.packages / "onnxruntime" / "__init__.py").exists(), "the old one's removal took no file"

    def test_two_that_have_written_over_one_another_become_one(self, exchange: Any, slicer_python: OtherPython) -> None:
        slicer_python.install("onnxruntime-openvino")
        assert len(installed()) == 2
        exchange.exchange_engine(exchange.faster_engine())
        assert installed() == {"onnxruntime-openvino": "1.24.1"}
        assert (slicer_python.packages / "onnxruntime" / "__init__.py").exists()

    def test_somebodys_choice_of_another_one_is_left_alone(self, exchange: Any, slicer_python: OtherPython) -> None:
        slicer_python.offer("onnxruntime-gpu", "1.31.0", "onnxruntime")
        slicer_python.install("onnxruntime-gpu")
        assert exchange.faster_engine() is None

    def test_what_cannot_be_had_is_known_before_anything_is_taken_away(
        self, exchange: Any, slicer_python: OtherPython, slicer_host: Any
    ) -> None:
        next(slicer_python.wheels.glob("*openvino*")).unlink()
        slicer_host.packaging.uninstaller = None  # an error if it is called
        with pytest.raises(exchange.InstallationError, match="'onnxruntime-openvino' was not found where"):
            exchange.exchange_engine(exchange.faster_engine())
        assert installed() == {"onnxruntime": "1.31.0"}

    def test_one_that_does_not_start_makes_room_for_the_old_one(
        self, exchange: Any, slicer_python: OtherPython
    ) -> None:
        slicer_python.offer("onnxruntime-openvino", "1.24.2", "onnxruntime", BROKEN)
        with pytest.raises(exchange.InstallationError, match=r"libmissing\.so.*onnxruntime was put back"):
            exchange.exchange_engine(exchange.faster_engine())
        assert installed() == {"onnxruntime": "1.31.0"}
        assert BROKEN not in (slicer_python.packages / "onnxruntime" / "__init__.py").read_text(encoding="utf-8")

    def test_when_all_fails_the_sentence_says_that_nothing_is_left_and_what_to_do(
        self, exchange: Any, slicer_python: OtherPython
    ) -> None:
        slicer_python.offer("onnxruntime-openvino", "1.24.2", "onnxruntime", BROKEN)
        next(slicer_python.wheels.glob("onnxruntime-1*")).unlink()
        with pytest.raises(exchange.InstallationError, match="no network can run now") as failure:
            exchange.exchange_engine(exchange.faster_engine())
        assert "click Apply" in failure.value.hint
        assert installed() == {}

    def test_other_packages_stay_as_they_are(self, exchange: Any, slicer_python: OtherPython) -> None:
        slicer_python.offer("numpy", "2.0")
        slicer_python.offer("numpy", "2.5")
        slicer_python.install("numpy==2.0")
        slicer_python.offer("onnxruntime-openvino", "1.24.3", "onnxruntime", "", "numpy>=2.1")
        exchange.exchange_engine(exchange.faster_engine())
        assert importlib.metadata.version("numpy") == "2.0"
        assert installed() == {"onnxruntime-openvino": "1.24.1"}, "the newest that goes with what Slicer brings"
