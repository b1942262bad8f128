"""All self-tests in one class, and how they run outside of a test runner."""

from __future__ import annotations

import unittest
from typing import Any

from .passport_tests import PassportTests
from .run_tests import RunTests
from .scene_tests import SceneTests


class SelfTests(RunTests, PassportTests, SceneTests):
    """Every ``test_`` method of the module's own test class."""


def run_each(test: Any) -> None:
    """Run all tests of a test case one after another; a skipped one says why, a failed one ends it.

    "Reload and Test" calls a test class without a test runner, where skipping would look like a failure.
    """
    for name in sorted(name for name in dir(test) if name.startswith("test_")):
        test.setUp()
        try:
            getattr(test, name)()
            test.delayDisplay(f"Passed: {name}")
        except unittest.SkipTest as reason:
            test.delayDisplay(f"Skipped {name}; {reason}")
        finally:
            test.tearDown()
