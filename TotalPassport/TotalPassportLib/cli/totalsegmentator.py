"""The command ``totalsegmentator``: the official program's own command line, done by TotalPassport."""

from __future__ import annotations

import argparse
from typing import Any

from .. import __version__
from ..base.errors import BadInput
from ..base.events import Event
from ..models.task import list_tasks, load_task
from .parser import CommandParser
from .terminal import ProgressBar

SWITCHES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("-ml", "--ml"), "one label image instead of a folder of masks"),
    (("-f", "--fast"), "the task's fast mode"),
    (("-ff", "--fastest"), "the task's fastest mode"),
    (("-sl", "--save_lowres"), "keep the network's grid in fast or fastest mode"),
    (("-p", "--preview"), "also write preview_<task>.png: slices"),
    (("-rc", "--robust_crop"), "find what the scan is cut to by the finer model"),
    (("--higher_order_resampling_LEGACY", "--high_order_resampling_LEGACY"), "smoother labels, the older way"),
    (("-ho", "--higher_order_resampling", "--high_order_resampling"), "smoother labels"),
    (("-r", "--radiomics"), "refused: there is no pyradiomics here"),
    (("-sii", "--stats_include_incomplete"), "statistics also of structures at the border"),
    (("-sx", "--statistics_extra"), "spread, range, centre and box in the statistics"),
    (("-bs", "--body_seg"), "cut a CT to the patient first"),
    (("-fs", "--force_split"), "run on three parts of the scan, for less memory"),
    (("-ss", "--skip_saving"), "write no segmentation, only what else is asked for"),
    (("-ndm", "--no_derived_masks"), "without body.nii.gz and skin.nii.gz"),
    (("-v1o", "--v1_order"), "the values of version 1 in a label image of the task total"),
    (("-q", "--quiet"), "print nothing but warnings and errors"),
    (("-v", "--verbose"), "no effect"),
    (("--debug",), "no effect; TOTALPASSPORT_DEBUG=1 shows where an internal error came from"),
)
VALUES: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("-ot", "--output_type"), {"nargs": "+", "metavar": "TYPE", "help": "nifti, dicom_seg, dicom_rtstruct"}),
    (("-nr", "--nr_thr_resamp"), {"type": int, "default": 1, "metavar": "N", "help": "no effect"}),
    (("-ns", "--nr_thr_saving"), {"type": int, "default": 6, "metavar": "N", "help": "no effect"}),
    (("-cp", "--crop_path"), {"metavar": "DIR", "help": "no effect"}),
    (("-ro", "--resampling_order"), {"type": int, "default": 1, "metavar": "0-5", "help": "default: 1"}),
    (("-t", "--nora_tag"), {"default": "None", "metavar": "ID", "help": "refused"}),
    (("-ta", "--task"), {"default": "total", "metavar": "TASK", "help": "default: total"}),
    (
        ("-ms", "--model_size"),
        {"default": "big", "metavar": "{big,small}", "help": "networks of total_v3; default: big"},
    ),
    (("-rs", "--roi_subset"), {"nargs": "+", "metavar": "NAME", "help": "only these structures"}),
    (("-rsr", "--roi_subset_robust"), {"nargs": "+", "metavar": "NAME", "help": "the same by a finer crop"}),
    (
        ("-s", "--statistics"),
        {"nargs": "?", "const": True, "default": False, "metavar": "FILE", "help": "statistics.json, or another file"},
    ),
    (("-sa", "--stats_aggregation"), {"default": "mean", "metavar": "{mean,median}", "help": "default: mean"}),
    (("-rp", "--report"), {"metavar": "FILE", "help": "write what was run as JSON"}),
    (
        ("-rmb", "--remove_small_blobs"),
        {"nargs": "?", "const": 200.0, "default": False, "type": float, "metavar": "MM3", "help": "200 if left out"},
    ),
    (("-d", "--device"), {"default": "gpu", "metavar": "DEVICE", "help": "gpu (where one can be used), cpu or mps"}),
    (("-sp", "--save_probabilities"), {"metavar": "FILE", "help": "also write .npz and .pkl of the last network"}),
    (("-l", "--license_number"), {"metavar": "NUMBER", "help": "neither stored nor sent"}),
    (("--test",), {"type": int, "default": 0, "metavar": "N", "help": "refused"}),
    (("-lc", "--list-classes"), {"nargs": "?", "const": "total", "metavar": "TASK", "help": "values and names"}),
    (("--passport",), {"metavar": "FILE", "help": "also write the passport there; TotalPassport's own option"}),
)


def add_totalsegmentator(commands: argparse._SubParsersAction[CommandParser], epilog: str) -> None:
    """Add the command to the command line's parser."""
    parser = commands.add_parser(
        "totalsegmentator",
        help="take TotalSegmentator's own command line and write the same files",
        description="Takes the options of TotalSegmentator 2.18.0 and writes the same files. TOTALSEG_WEIGHTS_PATH "
        "names a folder with official weights, or several as in PATH; without it the installed models run.",
        epilog=epilog,
    )
    parser.add_argument("-i", dest="input", metavar="SCAN", help="the scan")
    parser.add_argument("-o", dest="output", metavar="PATH", help="folder of masks, or the label image with --ml")
    for names, text in SWITCHES:
        parser.add_argument(*names, action="store_true", help=text)
    for names, keywords in VALUES:
        parser.add_argument(*names, **keywords)
    parser.add_argument("-lt", "--list-tasks", action="store_true", help="list the tasks")
    parser.add_argument("--version", action="version", version=__version__)
    parser.set_defaults(command=_totalsegmentator)


def _totalsegmentator(arguments: argparse.Namespace) -> None:
    if arguments.list_tasks:
        print(tasks_table())
    elif arguments.list_classes is not None:
        print(classes_table(arguments.list_classes))
    else:
        _segment(arguments)


def _segment(arguments: argparse.Namespace) -> None:
    for name, value in (("-i", arguments.input), ("-o", arguments.output)):
        if value is None:
            raise BadInput(f"Segmenting needs the argument {name}.", "See 'totalpassport totalsegmentator --help'.")
    from .. import drop_in  # here, so that --help and --version answer at once

    taken = vars(arguments)
    given = {name: taken[name] for name in _names(SWITCHES) | _names(VALUES) if name not in OTHERWISE}
    types = [kind for text in arguments.output_type or ["nifti"] for kind in text.split(",")]
    with ProgressBar() as bar:
        drop_in.totalsegmentator(
            arguments.input,
            arguments.output,
            **given,
            output_type=types[0] if len(types) == 1 else types,
            statistics_exclude_masks_at_border=not arguments.stats_include_incomplete,
            on_event=_only_warnings(bar) if arguments.quiet else bar.show,
        )
    if not arguments.quiet and not arguments.skip_saving:
        print(f"  {'segmentation':13}{arguments.output}")


OTHERWISE = ("output_type", "stats_include_incomplete", "list_classes")
"""Options that the function has otherwise, or not at all."""


def _names(options: Any) -> set[str]:
    """Return the function's names of some options: the first long one of each."""
    longs = (next(name for name in names if name.startswith("--")) for names, _ in options)
    return {name.removeprefix("--").replace("-", "_") for name in longs}


def _only_warnings(bar: ProgressBar) -> Any:
    def show(event: Event) -> None:
        if event["event"] == "warning":
            bar.show(event)

    return show


def tasks_table() -> str:
    """Return the tasks with modality, licence and number of structures, a line each."""
    tasks = list_tasks()
    width = max(len(task.name) for task in tasks)
    lines = [f"{'TASK':{width}}  MODALITY  LICENSE  CLASSES"]
    for task in tasks:
        licensed = "no" if task.licence.open else "yes"
        lines.append(f"{task.name:{width}}  {task.modality:8}  {licensed:7}  {len(task.labels)}")
    return "\n".join(lines)


def classes_table(name: str) -> str:
    """Return values and names of a task's structures, a line each."""
    return "\n".join(f"{value:4}  {label.name}" for value, label in load_task(name).labels.items())
