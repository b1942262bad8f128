"""What mkdocs does not do by itself: pages made of the program, and links from a page to files beside ``docs``.

Named in ``mkdocs.yml``. The pages of commands and structures are made when the site is built, so they are never behind
the program.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

REPOSITORY = Path(__file__).resolve().parents[1]
OUTSIDE = re.compile(r"\]\((?P<path>(?:\.\./)+[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")
"""A link of a page to what lies outside its folder."""


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made of the program, and the pictures of the README."""
    for name, text in (("commands.md", commands_page()), ("structures.md", structures_page())):
        files.append(File.generated(config, name, content=text))
    for picture in sorted((REPOSITORY / "Screenshots").iterdir()):
        address = f"Screenshots/{picture.name}"
        files.append(File.generated(config, address, abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Lead links that leave ``docs`` to the pictures in the site, or to the repository's page of the file."""

    def elsewhere(link: re.Match[str]) -> str:
        target = (REPOSITORY / "docs" / page.file.src_uri).parent.joinpath(link["path"]).resolve()
        if not target.is_relative_to(REPOSITORY) or not target.exists():
            raise PluginError(f"{page.file.src_uri} links to {link['path']}, which does not exist.")
        inside = target.relative_to(REPOSITORY).as_posix()
        if inside.startswith("Screenshots/"):
            return f"]({inside})"
        kind = "tree" if target.is_dir() else "blob"
        return f"]({config['repo_url'].rstrip('/')}/{kind}/main/{inside}{link['anchor'] or ''})"

    return OUTSIDE.sub(elsewhere, markdown)


def commands_page() -> str:
    """Return the page of all commands and their options, as their own help tells them."""
    from TotalPassportLib.cli.main import command_line_parser

    parts = ["# Commands\n\nWhat `totalpassport COMMAND --help` says, of this version.\n"]
    for name, parser in _commands(command_line_parser()):
        parser.formatter_class = _WideHelp
        parts.append(f"## totalpassport {name}\n\n```\n{parser.format_help().rstrip()}\n```\n")
    return "\n".join(parts)


def structures_page() -> str:
    """Return the page of all structures: which task finds what, by which name and value."""
    from TotalPassportLib.models.task import list_tasks

    parts = ["# Structures", "What each [task](tasks.md) finds. *Value* is that of the task's own label image."]
    for task in list_tasks():
        rows = [f"| {value} | `{label.name}` | {label.display_name} |" for value, label in task.labels.items()]
        parts += [f"## {task.name}", task.description]
        parts += ["\n".join(["| value | name | shown as |", "|---|---|---|", *rows])]
    return "\n\n".join(parts) + "\n"


class _WideHelp(argparse.RawDescriptionHelpFormatter):
    """Lines as wide as a page, whatever the terminal that builds it."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=100)


def _commands(parser: argparse.ArgumentParser, prefix: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield every command by the words that call it, those of commands with commands of their own too."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, child in action.choices.items():
                yield f"{prefix}{name}", child
                yield from _commands(child, f"{prefix}{name} ")
