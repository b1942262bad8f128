"""pytest fixtures; a test folder's conftest.py takes them over.

from host import fixtures

slicer_host_process, slicer_host, rendering = fixtures.slicer_host_process, fixtures.slicer_host, fixtures.rendering
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from .environment import host_unavailable_reason, in_ci, rendering_unavailable_reason

MANY_OBJECTS = 50_000
"""A library that another test has loaded brings some hundred thousand, and looking through them takes a second."""


def skip_or_fail(reason: str | None) -> None:
    """Do nothing without a reason; otherwise fail in CI, where everything has to be there, and skip elsewhere."""
    if reason and in_ci():
        pytest.fail(reason, pytrace=False)
    elif reason:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def slicer_host_process() -> Any:
    """The host of this process, not reset between tests; use ``slicer_host`` in tests."""
    skip_or_fail(host_unavailable_reason())
    from .slicer_host import SlicerHost

    return SlicerHost.start()


@pytest.fixture
def slicer_host(slicer_host_process: Any) -> Iterator[Any]:
    """A host with an empty scene; afterwards whatever went wrong behind the test's back fails it."""
    host = slicer_host_process
    if len(gc.get_objects()) > MANY_OBJECTS:  # the reset looks for cycles among what the test itself has made
        host.let_collector_pass_over_what_is_there()
    yield host
    host.reset()


@pytest.fixture
def rendering(slicer_host: Any) -> Any:
    """The host, where pictures can be rendered; elsewhere the test is skipped, or fails in CI."""
    skip_or_fail(rendering_unavailable_reason())
    return slicer_host
