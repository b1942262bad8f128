"""Which engines a wish gets, by what is installed and what the processor can do."""

from __future__ import annotations

import onnxruntime
import pytest
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.segmentation import engines as module
from TotalPassportLib.segmentation.engines import (
    Engine,
    engines,
    plain_engine,
    processor_flags,
    provider_choices,
    provider_names,
)

OPENVINO, CPU = "OpenVINOExecutionProvider", "CPUExecutionProvider"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch):
    """Return a function that gives this machine execution providers and abilities."""

    def become(providers: list[str], flags: set[str]) -> None:
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: providers)
        monkeypatch.setattr(module, "processor_flags", lambda: frozenset(flags))

    return become


def ways(found: list[Engine]) -> list[tuple[str, str]]:
    return [(engine.provider, engine.arithmetic) for engine in found]


def test_exact_is_float32_wherever_it_runs(machine) -> None:
    machine([OPENVINO, CPU, "CUDAExecutionProvider", "DmlExecutionProvider"], {"amx_bf16"})
    for name in ("auto", "openvino", "cpu", "cuda", "directml"):
        assert {engine.arithmetic for engine in engines(name, "exact")} == {"float32"}
    assert ways(engines("auto", "exact")) == [("openvino", "float32"), ("cpu", "float32")]


@pytest.mark.parametrize("flag", ["amx_bf16", "avx512_bf16"])
def test_turbo_takes_bfloat16_only_where_the_processor_has_it(flag: str, machine) -> None:
    machine([OPENVINO, CPU], {"avx2", flag})
    assert ways(engines("auto", "turbo"))[0] == ("openvino", "bfloat16")
    machine([OPENVINO, CPU], {"avx2", "avx512f"})
    assert ways(engines("auto", "turbo")) == [("openvino", "float32"), ("cpu", "float32")]


def test_what_was_never_measured_runs_only_when_it_is_asked_for(machine) -> None:
    machine(["CUDAExecutionProvider", "CoreMLExecutionProvider", CPU], set())
    assert ways(engines()) == [("cpu", "float32")]
    assert ways(engines("cuda", "exact")) == [("cuda", "float32")]


def test_a_provider_that_is_not_installed_is_refused_instead_of_replaced(machine) -> None:
    machine([CPU], set())
    for name in provider_names():
        if name != "cpu":
            with pytest.raises(BadInput, match=f"cannot use the provider '{name}'"):
                engines(name)


def test_unknown_wishes_are_refused_with_what_there_is() -> None:
    with pytest.raises(BadInput, match=f"Use one of {', '.join(provider_choices())}"):
        engines("gpu")
    with pytest.raises(BadInput, match="Use one of exact, turbo"):
        engines("auto", "fast")


def test_the_plain_engine_is_always_there() -> None:
    assert plain_engine().execution_provider == CPU
    assert plain_engine() in engines("auto", "exact")


def test_this_machine_tells_what_its_processor_can_do() -> None:
    assert all(flag == flag.lower().strip() for flag in processor_flags())
