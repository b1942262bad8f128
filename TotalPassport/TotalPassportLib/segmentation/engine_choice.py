"""Which engine runs a network: the first one that can be opened, computes what it should, and is not slower.

An execution provider may be installed and yet take another one's place silently, compute in another arithmetic than it
was asked for, or be far slower than the processor's own. So an engine is tried once on a small patch, beside
onnxruntime's own float32 implementation; the result is kept in the cache for this network, machine and version.
"""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import __version__
from ..base.errors import BadInput, ModelError, TotalPassportError
from ..base.files import make_folder, read_json
from ..base.hints import Hint, HintCode
from ..base.memory import available_bytes, return_free_memory
from ..base.outputs import atomic_write
from ..base.paths import cache_folder
from ..models.description import Part
from ..models.network_files import NetworkFiles
from .engines import Engine, engines, plain_engine, processor_flags, version_of_onnxruntime
from .session import EngineFailed, NetworkSession, usable_cores

TRIALS_FILE = "engines.json"
MOST_TRIALS = 200
"""Results that are remembered; the oldest are forgotten first."""
TRIAL_DIVISORS = 2
"""Size of the patch of a trial, in steps of the network's divisor, so that its deepest level keeps some voxels."""
FLOAT32_ERROR, OTHER_ERROR = 1e-3, 0.2
"""Largest mean difference from the plain engine, by the spread of its results. Another order of float32 sums makes
3e-6, OpenVINO's own normalisation 2e-3, bfloat16 2e-2; what is above is another network."""
TRIAL_RUNS, ENOUGH_SECONDS = 3, 2.0
"""A trial ends after so many runs, or as soon as they have taken so long."""
MOST_TIMES_SLOWER, TELLING_SECONDS = 2.0, 0.05
"""Slower than this is not worth having; a difference in time that is shorter says more of the machine's other work."""

ROOM_FOR_NETWORK_BYTES = 4 * 2**30
"""What has to be free for a network to be opened beside those that are kept: the largest published ones take 3 GB."""

Warn = Callable[[str, str], None]


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """What a trial showed.

    Attributes
    ----------
    error : float
        Mean difference from the plain engine, by the spread of its results.
    slower : float
        Its time by the plain engine's.
    failure : str, optional
        Why it could not run at all.
    """

    error: float
    slower: float
    failure: str | None


class NetworkOpener:
    """Opens networks on the best engine that suits provider and precision; one of them ahead of its use, in a thread.

    Parameters
    ----------
    provider, precision : str
        See `engines.engines`.
    warn : callable
        Called with a code and a sentence where another engine than the preferred one runs.
    threads : int
        How many processor threads a network may use; 0 for all cores.
    keep : bool
        Keep networks open for the next scan, while there is room for another one; those that were not used for longest
        go first.

    Raises
    ------
    BadInput
        The provider or precision is unknown, or the installed onnxruntime cannot use the provider.
    """

    def __init__(self, provider: str, precision: str, warn: Warn, threads: int = 0, *, keep: bool = False) -> None:
        self.precision = precision
        self._cores = threads or usable_cores()
        self._provider, self._warn = provider, warn
        self._engines = engines(provider, precision)
        self._thread = ThreadPoolExecutor(1, "network")
        self._ahead: tuple[Part, Future[tuple[NetworkSession, str]]] | None = None
        self._files: dict[Part, NetworkFiles] = {}
        self._keep = keep
        self._kept: dict[Part, NetworkSession] = {}

    def __enter__(self) -> NetworkOpener:
        return self

    def __exit__(self, *error: object) -> None:
        self._thread.shutdown(cancel_futures=True)
        self._kept.clear()

    def files(self, part: Part) -> NetworkFiles:
        """Return the files of a part; always the same object, so that what has been read is not read again."""
        return self._files.setdefault(part, NetworkFiles(part))

    def prepare(self, part: Part) -> None:
        """Begin to open a network that will be asked for."""
        self._ahead = part, self._thread.submit(self._open, part)

    def open(self, part: Part) -> NetworkSession:
        """Open a network.

        Raises
        ------
        BadInput
            The provider was asked for by name and cannot be used.
        ModelError, OutOfMemory
            See `NetworkSession`.
        """
        if part in self._kept:
            session = self._kept[part] = self._kept.pop(part)  # now the one that was used last
            session.seconds = 0.0
            return session
        ahead, self._ahead = self._ahead, None
        self._make_room()
        session, fallback = ahead[1].result() if ahead is not None and ahead[0] == part else self._open(part)
        if fallback:
            self._warn("provider_fallback", fallback)
        if self._keep:
            self._kept[part] = session
        return session

    def _make_room(self) -> None:
        """Close kept networks, the one that was not used for longest first, until there is room for another one."""
        while self._kept and (available_bytes() or ROOM_FOR_NETWORK_BYTES) < ROOM_FOR_NETWORK_BYTES:
            del self._kept[next(iter(self._kept))]
            return_free_memory()

    def _open(self, part: Part) -> tuple[NetworkSession, str]:
        """Return an open network, and a sentence if another engine than the preferred one runs it."""
        refused: list[str] = []
        files = self.files(part)
        for engine in self._engines:
            try:
                if engine != plain_engine():
                    _require_trust(part, engine, files, self._cores)
                session = NetworkSession(part, engine, files, self._cores)
            except EngineFailed as error:
                refused.append(f"{engine.provider} in {engine.arithmetic} cannot be used here ({error})")
                continue
            runs = f"{'; '.join(refused)}; {engine.provider} in {engine.arithmetic} runs instead."
            return session, runs if refused else ""
        raise BadInput(
            f"The provider '{self._provider}' cannot be used: {'; '.join(refused)}.",
            Hint(HintCode.CHECK_DRIVERS, other_provider="cpu"),
        )


def _require_trust(part: Part, engine: Engine, files: NetworkFiles, cores: int) -> None:
    """Raise `EngineFailed` unless a trial, now or earlier, has shown that the engine does what it should."""
    key = _key(part, engine, files, cores)
    known = _read_results()
    if key in known:
        result = TrialResult(**known[key])
    else:
        result = _trial(part, engine, files, cores)
        _write_results({**known, key: vars(result)})
    most = FLOAT32_ERROR if engine.arithmetic == "float32" else OTHER_ERROR
    if result.failure:
        raise EngineFailed(result.failure)
    if not result.error <= most:
        raise EngineFailed("it computes something else than the network")
    if result.slower > MOST_TIMES_SLOWER:
        raise EngineFailed(f"it takes {result.slower:.1f} times as long as the plain one")


def _trial(part: Part, engine: Engine, files: NetworkFiles, cores: int) -> TrialResult:
    """Run a small patch on an engine and on the plain one.

    Raises
    ------
    ModelError
        The network itself, or its description, is at fault: the plain engine cannot run it either. That is no verdict
        on the engine.
    """
    sizes = zip(part.patch_size_zyx, part.divisor_zyx, strict=True)
    z, y, x = (min(size, TRIAL_DIVISORS * divisor) for size, divisor in sizes)
    small = replace(part, patch_size_zyx=(z, y, x))
    patch = np.random.default_rng(0).standard_normal((z, y, x)).astype(np.float32)
    expected, plain_seconds = _timed(NetworkSession(small, plain_engine(), files, cores), patch)
    try:
        found, seconds = _timed(NetworkSession(small, engine, files, cores), patch)
    except ModelError as failure:  # not a lack of memory, which may be over the next time
        return TrialResult(error=0.0, slower=0.0, failure=failure.message)
    error = float(np.abs(found - expected).mean() / max(float(expected.std()), 1e-12))
    slower = seconds / plain_seconds if seconds - plain_seconds > TELLING_SECONDS else 1.0
    return TrialResult(error=error if np.isfinite(error) else 1e9, slower=slower, failure=None)


def _timed(session: NetworkSession, patch: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the results of a patch, and the least time of some runs in seconds; the first one also prepares.

    A network of one size has no smaller patch: where that takes long, one run tells enough.
    """
    times: list[float] = []
    while len(times) < TRIAL_RUNS and sum(times) < ENOUGH_SECONDS:
        start = time.perf_counter()
        result = session.run(patch)
        times.append(time.perf_counter() - start)
    return np.array(result, np.float32), min(times)  # a copy: a session overwrites what it has given


def _key(part: Part, engine: Engine, files: NetworkFiles, cores: int) -> str:
    """Return a name for everything that the result of a trial depends on: what ran, where, and what was asked of it."""
    machine = (platform.system(), platform.machine(), sorted(processor_flags()), cores)
    way = vars(engine) | {"options": dict(engine.options)}
    asked = (part.patch_size_zyx, part.divisor_zyx, len(part.label_values), part.head_sha256)
    facts = [__version__, version_of_onnxruntime(), way, files.sha256, asked, machine]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def _read_results() -> dict[str, dict[str, Any]]:
    path = cache_folder() / TRIALS_FILE
    try:
        document = read_json(path) if path.exists() else {}
    except TotalPassportError:
        return {}
    items = document.items() if isinstance(document, dict) else ()
    return {key: value for key, value in items if _is_result(value)}


def _is_result(value: object) -> bool:
    if not isinstance(value, dict) or value.keys() != {"error", "slower", "failure"}:
        return False
    numbers = all(isinstance(value[name], int | float) for name in ("error", "slower"))
    return numbers and (value["failure"] is None or isinstance(value["failure"], str))


def _write_results(known: dict[str, dict[str, Any]]) -> None:
    try:
        with atomic_write(make_folder(cache_folder()) / TRIALS_FILE, internal=True) as temporary:
            temporary.write_text(json.dumps(dict(list(known.items())[-MOST_TRIALS:])), encoding="utf-8")
    except TotalPassportError:
        return  # a cache that cannot be written costs the next run a trial, nothing else
