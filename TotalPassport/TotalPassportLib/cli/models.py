"""The subcommand ``models``: what there is, bringing it in, checking it, deleting it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..base.errors import ModelError, TotalPassportError
from ..base.text import LONGEST_SENTENCE, shown_name
from .describe import add_describe, describe_model
from .parser import CommandParser
from .terminal import ProgressBar, add_common_options, tell
from .wording import error_text, hint_text

Handler = Callable[[argparse.Namespace], None]

DESCRIPTION = """\
Models are kept in a folder of yours; the environment variable TOTALPASSPORT_HOME puts it elsewhere.

Where the network is blocked: 'totalpassport models info NAME' shows the addresses; get the files with a browser on
any machine, and bring them in with 'totalpassport models import FILE...'."""


def add_models(commands: argparse._SubParsersAction[CommandParser], epilog: str) -> None:
    """Add ``models`` and its own commands to the command line."""
    parser = commands.add_parser(
        "models",
        help="list models, bring them in, check and delete them",
        description=DESCRIPTION,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(metavar="ACTION")
    action = _adder(actions, epilog)
    action("list", _list_models, "show every model and whether it is installed")
    info = action("info", _show_model, "show all that is known of a model, also where to download it")
    info.add_argument("name", metavar="NAME")
    getting = action("download", _download_model, "download a model's released weights and convert them")
    getting.add_argument("name", metavar="NAME")
    importing = action("import", _import_models, "bring in models from files or folders")
    importing.set_defaults(supervised=True)
    _add_import(importing)
    add_describe(action("describe", describe_model, "write the description of an ONNX network of your own"))
    _add_convert(action("convert", _convert_weights, "convert official weights into a model folder"))
    checking = action("verify", _verify_models, "check that installed models are what was installed")
    checking.add_argument("name", metavar="NAME", nargs="?", help="default: all that are installed")
    removal = action("remove", _remove_model, "delete an installed model")
    removal.add_argument("name", metavar="NAME")
    removal.add_argument("--forget", action="store_true", help="also forget the hashes that its released files had")


def _adder(
    actions: argparse._SubParsersAction[CommandParser], epilog: str
) -> Callable[[str, Handler, str], CommandParser]:
    def add(name: str, handler: Handler, text: str) -> CommandParser:
        parser = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=epilog)
        add_common_options(parser)
        parser.set_defaults(command=handler)
        return parser

    return add


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths",
        type=Path,
        nargs="*",
        metavar="PATH",
        help="zips or folders of official weights, a folder of such zips, MONAI's bundle (folder, zip or .pt), a model "
        "folder or ONNX file of TotalPassport; default: the folder where TotalSegmentator keeps its weights",
    )
    parser.add_argument(
        "--as", dest="name", metavar="NAME", help="what to call it; any weights are accepted under a name of your own"
    )


def _add_convert(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, metavar="PATH", help="zip or folder of official weights")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="the model folder to make")
    parser.add_argument("--as", dest="name", metavar="NAME", help="what to call the model")


def _list_models(options: argparse.Namespace) -> None:
    from ..models.catalogue import list_models

    models = [_facts(entry) for entry in list_models()]
    if options.json:
        print(json.dumps(models))
        return
    width = max(len(shown_name(model["name"])) for model in models)
    for model in models:
        state = "installed" if model["installed"] else "not installed"
        size = model["installed_bytes"] or model["download_bytes"]
        about = " " if model["installed"] else "~"
        megabytes = f"{about}{size / 1e6:.0f} MB" if size else ""
        name, licence, title = (shown_name(model[key]) for key in ("name", "licence", "title"))
        print(f"{name:{width}}  {state:13}  {megabytes:>8}  {licence:10}  {title}")


def _facts(entry: Any) -> dict[str, Any]:
    """Return what is known of a model, for programs."""
    installed = entry.installed
    return {
        "name": entry.name,
        "title": entry.title,
        "description": entry.description,
        "licence": entry.licence,
        "spacing_mm": entry.spacing_mm,
        "installed": installed,
        "folder": str(entry.folder) if installed else None,
        "installed_bytes": entry.installed_bytes if installed else None,
        "download_bytes": entry.approximate_bytes or None,
        "bundle": vars(entry.bundle) if entry.bundle is not None else None,
        "datasets": [
            {
                "folder": dataset.folder,
                "part": dataset.part,
                "url": dataset.url,
                **{kind: vars(getattr(dataset, kind)) for kind in ("archive", "checkpoint", "plans")},
            }
            for dataset in entry.datasets
        ],
    }


def _show_model(options: argparse.Namespace) -> None:
    from ..models.catalogue import find_entry
    from ..models.store import read_record

    entry = find_entry(options.name)
    facts = _facts(entry)
    try:
        facts["record"] = read_record(entry) if entry.installed else None
    except TotalPassportError as error:
        facts["record"] = None
        print(f"totalpassport: warning: {error_text(error)}", file=sys.stderr)
    if options.json:
        print(json.dumps(facts))
        return
    print(f"{shown_name(entry.title)}\n{shown_name(entry.description, LONGEST_SENTENCE)}\n")
    lines = {
        "licence": entry.licence,
        "voxel size": _spacing_text(entry),
        "installed": facts["folder"] or "no",
        "size": f"{facts['installed_bytes'] / 1e6:.1f} MB" if entry.installed else None,
        "download": f"about {entry.approximate_bytes / 1e6:.0f} MB" if entry.urls else None,
        "since": facts["record"]["installed"] if facts["record"] else None,
        "came by": facts["record"]["way"] if facts["record"] else None,
    }
    for key, value in lines.items():
        if value is not None:
            print(f"  {key:12}{shown_name(str(value), LONGEST_SENTENCE)}")
    for dataset in entry.datasets:
        print(f"\n  {dataset.folder}\n    {dataset.url or 'not published: a licence is needed'}")
        for name in ("archive", "checkpoint", "plans"):
            print(f"    {name + ' SHA-256':20}{getattr(dataset, name).sha256 or 'recorded when it first comes'}")
    if entry.bundle is not None:
        print(f"\n  {entry.bundle.checkpoint} of MONAI's bundle {entry.bundle.version}\n    {entry.bundle.url}")
        print(f"    {'MD5':20}{entry.bundle.md5}")
        for address in entry.bundle.archives:
            print(f"    {'the whole bundle':20}{address}")
    if not entry.installed:
        print(f"\n{hint_text(entry.needs)}")


def _spacing_text(entry: Any) -> str:
    if entry.spacing_mm is None:
        return "the scan's own"
    return " x ".join(f"{size:g}" for size in entry.spacing_mm) + " mm"


def _download_model(options: argparse.Namespace) -> None:
    from ..models.catalogue import find_entry
    from ..models.transfer.intake import download_with_companions, missing_models

    missing = missing_models(options.name)
    if not missing:
        folder = find_entry(options.name).folder
        tell(options, f"'{options.name}' is installed already.", model=options.name, folder=folder)
        return
    if len(missing) > 1 and not options.quiet:
        names = ", ".join(entry.name for entry in missing)
        megabytes = sum(entry.approximate_bytes for entry in missing) / 1e6
        print(f"'{options.name}' needs {names}: about {megabytes:.0f} MB together.", file=sys.stderr)
    with ProgressBar(options.quiet) as bar:
        folders = download_with_companions(options.name, bar.show)
    for entry, folder in zip(missing, folders, strict=True):
        tell(options, f"'{entry.name}' is installed: {folder}", model=entry.name, folder=folder)


def _import_models(options: argparse.Namespace) -> None:
    from ..models.transfer.intake import import_models

    with ProgressBar(options.quiet) as bar:
        folders = import_models(options.paths, options.name, bar.show)
    for folder in folders:
        tell(options, f"'{folder.name}' is installed: {folder}", model=folder.name, folder=folder)


def _convert_weights(options: argparse.Namespace) -> None:
    from ..models.transfer.intake import convert_to

    with ProgressBar(options.quiet) as bar:
        name = convert_to(options.path, options.output, options.name, bar.show)
    usage = f"totalpassport run CT.nii.gz -o RESULTS --model {options.output}"
    tell(options, f"The model '{name}' is in {options.output}\n  {usage}", model=name, folder=options.output)


def _verify_models(options: argparse.Namespace) -> None:
    from ..models.catalogue import find_entry, list_models
    from ..models.store import check_integrity

    if options.name:
        check_integrity(find_entry(options.name))
        tell(options, f"'{options.name}' is what was installed.", model=options.name, sound=True)
        return
    damaged = []
    for entry in list_models():
        if entry.installed:
            try:
                check_integrity(entry)
                tell(options, f"'{entry.name}' is what was installed.", model=entry.name, sound=True)
            except TotalPassportError as error:
                damaged.append(entry.name)
                text = error_text(error)
                tell(options, f"'{entry.name}' is damaged: {text}", model=entry.name, sound=False, reason=text)
    if damaged:
        raise ModelError(f"Damaged: {', '.join(damaged)}.", "Remove these models and bring them in again.")


def _remove_model(options: argparse.Namespace) -> None:
    from ..models.store import remove_model

    remove_model(options.name, options.forget)
    tell(options, f"'{options.name}' is removed.", model=options.name, removed=True)
