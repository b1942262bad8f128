"""The command ``plan``: how long a batch will take and what it will cost."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ..base.text import counted
from ..options import RunOptions, option_names
from .batch import BatchBar
from .parser import CommandParser
from .terminal import add_common_options, add_options, tell, time_text

if TYPE_CHECKING:
    from ..batches.batch_plan import BatchPlan


def add_plan(commands: argparse._SubParsersAction[CommandParser], epilog: str) -> None:
    """Add ``plan`` to the command line."""
    parser = commands.add_parser(
        "plan",
        help="tell how long and how dear a batch will be, from a small trial",
        description="Run a few of the scans as 'batch' does, keep nothing of them, and tell what many scans take on "
        "some machines like this one, with all that this assumes.",
        epilog=epilog,
    )
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="as for 'batch'")
    parser.add_argument("--scans", type=int, metavar="N", help="scans of the batch (default: those of the inputs)")
    parser.add_argument(
        "--machines", type=int, default=1, metavar="N", help="machines that run it (default: %(default)s)"
    )
    parser.add_argument("--price-per-hour", type=float, metavar="PRICE", help="of one machine, in any currency")
    parser.add_argument("--trial", type=int, default=8, metavar="N", help="scans to be run now (default: %(default)s)")
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="processes on each machine, as for 'batch' (default: 1)"
    )
    add_options(parser, [name for name in option_names() if name != "overwrite"])
    add_common_options(parser)
    parser.set_defaults(command=_plan)


def _plan(arguments: argparse.Namespace) -> None:
    from ..batches.batch_plan import plan_batch  # here, so that --help answers at once

    with BatchBar(arguments.quiet) as bar:
        plan = plan_batch(
            arguments.inputs,
            RunOptions.from_entries(vars(arguments)),
            scans=arguments.scans,
            machines=arguments.machines,
            price_per_hour=arguments.price_per_hour,
            trial=arguments.trial,
            jobs=arguments.jobs,
            on_event=bar.show,
        )
    tell(arguments, plan_text(plan), **plan_facts(plan))


def plan_facts(plan: BatchPlan) -> dict[str, Any]:
    """Return a plan for programs."""
    from ..batches.batch_plan import ASSUMPTIONS

    return {
        "scans": plan.n_scans,
        "machines": plan.n_machines,
        "seconds": round(plan.seconds, 1),
        "seconds_low": round(plan.seconds_low, 1),
        "seconds_high": round(plan.seconds_high, 1),
        "machine_hours": round(plan.machine_hours, 4),
        "cost": None if plan.cost is None else round(plan.cost, 2),
        "result_bytes": round(plan.result_bytes),
        "trial_scans": plan.n_trial,
        "trial_failed": plan.n_failed,
        "start_seconds": round(plan.start_seconds, 2),
        "seconds_per_scan": round(plan.seconds_per_scan, 3),
        "assumed": list(ASSUMPTIONS),
    }


def plan_text(plan: BatchPlan) -> str:
    """Return a plan in words, with all that it assumes."""
    from ..batches.batch_plan import ASSUMPTIONS

    low, high = time_text(plan.seconds_low), time_text(plan.seconds_high)
    lines = [
        f"{counted(plan.n_scans, 'scan')} on {counted(plan.n_machines, 'machine')}: about {time_text(plan.seconds)} "
        f"({low} to {high})",
        f"  {plan.machine_hours:.2f} machine hours"
        + ("" if plan.cost is None else f", {plan.cost:.2f} at {plan.price_per_hour:.2f} an hour"),
        f"  results take about {plan.result_bytes / 1e9:.2f} GB",
        f"measured: {counted(plan.n_trial, 'scan')}, {plan.seconds_per_scan:.2f} s each "
        f"(± {plan.uncertainty_seconds:.2f} s), {plan.start_seconds:.1f} s to begin"
        + (f"; {plan.n_failed} failed and do not count" if plan.n_failed else ""),
        "assumed:",
        *(f"  {text}" for text in ASSUMPTIONS),
    ]
    return "\n".join(lines)
