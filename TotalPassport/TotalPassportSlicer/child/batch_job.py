"""All scans of a folder as one job of the child process, which runs them as the command ``batch`` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.options import RunOptions

from ..nodes.scans_table import ScansTable
from .jobs import Event, Job, Outcome, Status
from .scan_list import ScanList, ScanState
from .tasks import JOB_SCHEMA

CANCEL_GRACE_MS = 6000
"""Its processes are told at once and end within two seconds, and then it writes what is said of all scans."""


def batch_job(inputs: Sequence[Path], output: Path, options: RunOptions, scans: ScanList) -> Job:
    """Run scans on a disk into a folder; the job's value is the `ScansTable` of all organs.

    Parameters
    ----------
    inputs : sequence of Path
        Scans, folders of scans, patterns or lists, see `TotalPassportLib.batches.scan_sources`.
    output : Path
        The folder for everything, laid out as the command ``batch`` does, which can continue there.
    options : RunOptions
        As of a single run.
    scans : ScanList
        Follows where each scan stands.
    """

    def prepare(_folder: Path) -> dict[str, Any]:
        scans.fill((), output)
        return {
            "schema": JOB_SCHEMA,
            "action": "batch",
            "inputs": [str(path) for path in inputs],
            "output_folder": str(output),
            **options.entries(),
        }

    def load(result: Event) -> ScansTable:
        if not scans.count(ScanState.DONE):
            raise BadInput(scans.summary, scans.first_reason)
        return ScansTable.of_file(Path(result["table"]), output.name)

    return Job(
        prepare=prepare,
        load=load,
        hear=scans.hear,
        summary=lambda: (scans.summary, scans.count(ScanState.FAILED) > 0),
        cancelled_hint=_("What is finished stays in '{folder}', and the next run continues there.").format(
            folder=output
        ),
        cancel_grace_ms=CANCEL_GRACE_MS,
    )


def skip_what_did_not_run(scans: ScanList, outcome: Outcome) -> None:
    """Note at the end of a batch which scans it has not come to."""
    if outcome.status is Status.CANCELLED:
        scans.skip_rest(_("Not run: cancelled."))
    elif outcome.status is Status.FAILED:
        scans.skip_rest(outcome.sentence)
