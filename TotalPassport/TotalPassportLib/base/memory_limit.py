"""A limit to what this process may still take, for networks that nobody has released and anybody may have made."""

from __future__ import annotations

import sys
from types import TracebackType

from .memory import available_bytes, data_bytes

if sys.platform != "win32":
    import resource

SLACK_BYTES = 2**30
"""For what libraries take beside the arrays that are estimated, such as the memory of their threads."""


class MemoryLimit:
    """Lets this process take so much more memory inside its block and no more, where the system can do that (Linux).

    What is refused comes back as an error of whoever has asked for it, as if there were no more memory.

    Parameters
    ----------
    further_bytes : float, optional
        What may be taken besides what is taken already; not more than is free. None sets no limit.
    beside_bytes : float
        What other work in this process may take meanwhile.
    """

    def __init__(self, further_bytes: float | None, beside_bytes: float = 0.0) -> None:
        self._further_bytes = further_bytes
        self._beside_bytes = beside_bytes
        self._former: tuple[int, int] | None = None

    def __enter__(self) -> MemoryLimit:
        if self._further_bytes is not None and sys.platform.startswith("linux"):
            self._former = resource.getrlimit(resource.RLIMIT_DATA)
            most = self._further_bytes + self._beside_bytes
            self._set(min(most, available_bytes() or most))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.lift()

    def tighten(self, further_bytes: float) -> None:
        """Allow from now on twice as much as was estimated, if that is less than before."""
        if self._former is not None:
            self._set(2 * further_bytes + SLACK_BYTES + self._beside_bytes)

    def lift(self) -> None:
        """End the limit."""
        if self._former is not None and sys.platform != "win32":
            resource.setrlimit(resource.RLIMIT_DATA, self._former)
            self._former = None

    def _set(self, further_bytes: float) -> None:
        if sys.platform == "win32":
            return
        now, hard = resource.getrlimit(resource.RLIMIT_DATA)
        wanted = data_bytes() + round(further_bytes)
        if now == resource.RLIM_INFINITY or wanted < now:
            resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))
