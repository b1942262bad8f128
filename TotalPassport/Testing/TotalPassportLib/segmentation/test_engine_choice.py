"""The engine that runs is the best that can be trusted, and the user hears when it is not the preferred one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from TotalPassportLib.base.errors import BadInput, ModelError
from TotalPassportLib.base.hints import Hint, HintCode
from TotalPassportLib.base.paths import cache_folder
from TotalPassportLib.models.description import Part
from TotalPassportLib.models.network_files import NetworkFiles
from TotalPassportLib.models.reading import read_model
from TotalPassportLib.segmentation import engine_choice as choice
from TotalPassportLib.segmentation.engine_choice import TRIALS_FILE, NetworkOpener
from TotalPassportLib.segmentation.engines import Engine, plain_engine
from TotalPassportLib.segmentation.session import NetworkSession

TRIED = Engine(provider="tried", execution_provider="CPUExecutionProvider", arithmetic="float32", options={})
"""The plain implementation under another name, so that it has to be tried."""
needs_openvino = pytest.mark.skipif(
    "OpenVINOExecutionProvider" not in onnxruntime.get_available_providers(),
    reason="optional: the installed onnxruntime has no OpenVINO",
)


@pytest.fixture
def part(small_plain_model: Path, home: Path) -> Part:
    """A part whose network has a head of its own; the cache is empty."""
    return read_model(small_plain_model).parts[0]


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that says which engines there are."""
    return lambda *engines: monkeypatch.setattr(choice, "engines", lambda *wish: list(engines))


@pytest.fixture
def openings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The providers of all sessions that are opened."""
    opened: list[str] = []

    class Counted(NetworkSession):
        def __init__(self, part: Part, engine: Engine, files: NetworkFiles, threads: int) -> None:
            opened.append(engine.provider)
            super().__init__(part, engine, files, threads)

    monkeypatch.setattr(choice, "NetworkSession", Counted)
    return opened


def open_one(
    part: Part, provider: str = "auto", precision: str = "exact", threads: int = 0
) -> tuple[NetworkSession, list[str]]:
    warnings: list[str] = []

    def warn(code: str, sentence: str) -> None:
        warnings.append(f"{code}: {sentence}")

    with NetworkOpener(provider, precision, warn, threads) as networks:
        networks.prepare(part)
        return networks.open(part), warnings


def spoil(monkeypatch: pytest.MonkeyPatch, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Make the tried engine compute something else."""
    original = NetworkSession.run

    def run(self: NetworkSession, patch: np.ndarray) -> np.ndarray:
        result = original(self, patch)
        return change(result) if self.engine.provider == "tried" else result

    monkeypatch.setattr(NetworkSession, "run", run)


def test_an_engine_that_does_what_it_should_is_tried_once_and_then_trusted(
    part: Part, offered: Any, openings: list[str]
) -> None:
    offered(TRIED, plain_engine())
    for _ in range(2):
        session, warnings = open_one(part)
        assert session.engine == TRIED
        assert warnings == []
    assert openings == ["cpu", "tried", "tried", "tried"], "the trial, beside the plain one, and the two uses"


def test_the_plain_engine_needs_no_trial(part: Part, offered: Any, openings: list[str]) -> None:
    offered(plain_engine())
    open_one(part)
    assert openings == ["cpu"]
    assert not (cache_folder() / TRIALS_FILE).exists()


@pytest.mark.parametrize(
    "change", [lambda found: found * 1.1, lambda found: np.roll(found, 1), lambda found: np.full_like(found, np.nan)]
)
def test_an_engine_that_computes_something_else_is_replaced_with_a_warning(
    change: Any, part: Part, offered: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered(TRIED, plain_engine())
    spoil(monkeypatch, change)
    for _ in range(2):  # from the trial, and from memory
        session, warnings = open_one(part)
        assert session.engine == plain_engine()
        assert len(warnings) == 1
        assert warnings[0].startswith("provider_fallback: tried in float32 cannot be used here (it computes something")
        assert warnings[0].endswith("cpu in float32 runs instead.")


def test_less_than_float32_may_differ_more(part: Part, offered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rounded = replace(TRIED, arithmetic="bfloat16")
    offered(rounded, plain_engine())
    spoil(monkeypatch, lambda found: found * 1.1)
    assert open_one(part, precision="turbo")[0].engine == rounded


def test_an_engine_that_is_far_slower_than_the_plain_one_is_replaced(
    part: Part, offered: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered(TRIED, plain_engine())
    original = choice._timed

    def timed(session: NetworkSession, patch: np.ndarray) -> tuple[np.ndarray, float]:
        found, _ = original(session, patch)
        return found, 9.0 if session.engine == TRIED else 3.0

    monkeypatch.setattr(choice, "_timed", timed)
    session, (warning,) = open_one(part)
    assert session.engine == plain_engine()
    assert "it takes 3.0 times as long as the plain one" in warning


def test_an_engine_that_cannot_be_opened_is_replaced(part: Part, offered: Any) -> None:
    offered(replace(TRIED, execution_provider="CUDAExecutionProvider"), plain_engine())
    session, warnings = open_one(part)
    assert session.engine == plain_engine()
    assert len(warnings) == 1


def test_a_provider_asked_for_by_name_is_never_replaced(part: Part, offered: Any, home: Path) -> None:
    offered(replace(TRIED, execution_provider="CUDAExecutionProvider"))
    with pytest.raises(BadInput, match="The provider 'tried' cannot be used") as refusal:
        open_one(part, "tried")
    assert refusal.value.hint == Hint(HintCode.CHECK_DRIVERS, other_provider="cpu")


def test_a_trial_is_repeated_when_anything_changes_that_it_depends_on(
    part: Part, offered: Any, openings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    offered(TRIED, plain_engine())
    open_one(part)
    trial = ["cpu", "tried", "tried"]
    assert openings == trial
    open_one(replace(part, sha256=None))
    assert openings == [*trial, "tried"], "the same network"
    monkeypatch.setattr(choice, "version_of_onnxruntime", lambda: "99.0")
    open_one(part)
    assert openings == [*trial, "tried", *trial]
    monkeypatch.setattr(choice, "processor_flags", lambda: frozenset({"another"}))
    open_one(part)
    assert openings == [*trial, "tried", *trial, *trial]


@pytest.mark.parametrize("change", ["patch_size_zyx", "divisor_zyx", "label_values", "head_sha256", "threads"])
def test_a_verdict_belongs_to_all_that_was_asked_of_the_network(change: str, part: Part) -> None:
    asked = {"patch_size_zyx": (32, 20, 24), "divisor_zyx": (4, 4, 4), "label_values": (0, 5), "head_sha256": "0" * 64}
    keys = {choice._key(each, TRIED, NetworkFiles(part), 2) for each in (part, replace(part, name="other"))}
    assert len(keys) == 1
    cores = 3 if change == "threads" else 2
    changed = part if change == "threads" else replace(part, **{change: asked[change]})
    assert choice._key(changed, TRIED, NetworkFiles(part), cores) not in keys


def test_a_fault_of_the_network_or_its_description_is_no_verdict_on_the_engine(
    part: Part, offered: Any, tmp_path: Path
) -> None:
    """A truncated file once left the verdict, for ever, that the engine cannot run the model."""
    whole = part.network.read_bytes()
    network = tmp_path / "network.onnx"
    spoiled = replace(part, network=network, sha256=None)
    offered(TRIED, plain_engine())
    for content in (whole[:-200], b"", b"no network" * 100):
        network.write_bytes(content)
        with pytest.raises(ModelError, match="ring the model in again"):
            open_one(spoiled)
    wrong = replace(part, label_values=(0, 5, 2), head=None, head_sha256=None)
    with pytest.raises(ModelError, match="instead of"):
        open_one(wrong)
    assert not (cache_folder() / TRIALS_FILE).exists()
    network.write_bytes(whole)
    session, warnings = open_one(spoiled)
    assert (session.engine, warnings) == (TRIED, [])


def test_threads_are_those_that_were_asked_for(part: Part, offered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []
    original = onnxruntime.InferenceSession

    def opened(path: str, options: Any, providers: list[Any]) -> Any:
        given.append(options.intra_op_num_threads)
        return original(path, options, providers=providers)

    monkeypatch.setattr(onnxruntime, "InferenceSession", opened)
    offered(plain_engine())
    assert open_one(part, threads=3)[0].threads == 3
    assert given == [3]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}', '{"a": {"error": "x", "slower": 1, "failure": null}}'])
def test_a_damaged_memory_is_forgotten(content: str, part: Part, offered: Any) -> None:
    offered(TRIED, plain_engine())
    cache_folder().mkdir(parents=True)
    (cache_folder() / TRIALS_FILE).write_text(content, encoding="utf-8")
    assert open_one(part)[0].engine == TRIED
    assert len(json.loads((cache_folder() / TRIALS_FILE).read_text(encoding="utf-8"))) == 1


def test_a_broken_model_is_told_as_such_even_when_it_is_opened_ahead(small_plain_model: Path, tmp_path: Path) -> None:
    part = replace(read_model(small_plain_model).parts[0], network=tmp_path / "none.onnx")
    with pytest.raises(ModelError, match="is missing"):
        open_one(part, "cpu")


@needs_openvino
@pytest.mark.parametrize(("precision", "error"), [("exact", 1e-4), ("turbo", 0.1)])
@pytest.mark.slow
def test_openvino_gives_what_the_plain_engine_gives(precision: str, error: float, part: Part) -> None:
    session, warnings = open_one(part, "openvino", precision)
    assert warnings == []
    assert session.engine.execution_provider == "OpenVINOExecutionProvider"
    patch = np.random.default_rng(1).standard_normal(part.patch_size_zyx).astype(np.float32)
    expected = NetworkSession(part, plain_engine()).run(patch)
    assert np.abs(session.run(patch) - expected).max() < error * expected.std() * 10
