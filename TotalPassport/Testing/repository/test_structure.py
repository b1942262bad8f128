"""The rooms of the house: what may import what, and that nothing goes round in circles."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGES = Path(__file__).resolve().parents[2]
LIBRARY, SLICER = "TotalPassportLib", "TotalPassportSlicer"

MAY_IMPORT = {
    "base": set(),
    "image": {"base"},
    "models": {"base", "image"},
    "segmentation": {"base", "image", "models"},
    "itk_infer": {"base", "image", "models", "segmentation"},
    "passport": {"base", "image"},
    "alignment": {"base", "image", "passport"},
    "comparison": {"base", "passport", "alignment"},
    "cohorts": {"base", "passport", "comparison", "pages"},
    "pages": {"base"},
    "exports": {"base", "image", "passport"},
    "report": {"base", "image", "passport", "pages"},
}
"""Room of the library -> rooms that it knows. The rooms on top (cli, benchmark, pipeline, job) may know all of them."""


def modules(package: str) -> dict[str, Path]:
    """Return dotted name -> file of every module of a package."""
    found = {}
    for path in (PACKAGES / package).rglob("*.py"):
        parts = path.relative_to(PACKAGES).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def parsed(path: Path) -> ast.Module:
    """Return what a file says, read once for all tests."""
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    """Return the modules of ``known`` that a module imports anywhere, inside functions too, but not for types alone."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    found = set()
    for node in _run_time_nodes(parsed(path)):
        if isinstance(node, ast.ImportFrom):
            origin = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*origin, *([node.module] if node.module else [])])
            for alias in node.names:
                full = f"{base}.{alias.name}"
                found |= {full} if full in known else {base} & known.keys()
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names} & known.keys()
    return found - {name}


def _run_time_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from _run_time_nodes(node)


@cache
def graph(package: str) -> dict[str, set[str]]:
    """Return name -> what it imports, for every module of a package."""
    known = modules(package)
    return {name: imports(name, path, known) for name, path in known.items()}


def circle(edges: dict[str, set[str]]) -> list[str]:
    """Return the modules that are left when whatever imports nothing of the rest is taken away again and again."""
    left = dict(edges)
    while done := {name for name, others in left.items() if not others & left.keys()}:
        left = {name: others for name, others in left.items() if name not in done}
    return sorted(left)


@pytest.mark.parametrize("package", [LIBRARY, SLICER])
def test_no_module_imports_itself_by_way_of_others(package: str) -> None:
    edges = graph(package)
    assert len(edges) > 30
    assert circle(edges) == []


def test_a_circle_would_be_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": set()}) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("room", MAY_IMPORT)
@pytest.mark.slow
def test_a_room_knows_only_the_rooms_before_it(room: str) -> None:
    known = defaultdict(set)
    for name, others in graph(LIBRARY).items():
        if name.split(".")[1:2] == [room]:
            known[room] |= {[*other.split("."), ""][1] for other in others} - {room, ""}
    assert known[room] <= MAY_IMPORT[room]


def test_the_library_knows_neither_slicer_nor_qt() -> None:
    for path in modules(LIBRARY).values():
        for node in ast.walk(parsed(path)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            assert not {name.split(".")[0] for name in names} & {"slicer", "qt", "ctk", "vtk", SLICER}, path


def test_no_two_files_of_one_name_mean_different_things() -> None:
    """What stands in both places does the same there: a command beside its room, words beside words."""
    homonyms = {"passport", "models", "benchmark", "study", "export", "align", "compare", "wording"}
    names = defaultdict(list)
    for package in (LIBRARY, SLICER):
        for path in modules(package).values():
            if path.stem != "__init__":
                names[path.stem].append(path.relative_to(PACKAGES).as_posix())
    assert {name: paths for name, paths in names.items() if len(paths) > 1 and name not in homonyms} == {}


def test_no_two_public_functions_or_classes_of_one_name_mean_different_things() -> None:
    homonyms = {"main"}
    """What runs when a file is started."""
    names = defaultdict(list)
    for package in (LIBRARY, SLICER):
        for path in modules(package).values():
            for node in parsed(path).body:
                decorators = getattr(node, "decorator_list", ())
                if any(ast.unparse(each) == "overload" for each in decorators):
                    continue  # the same function, once more for type checkers
                if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                    names[node.name].append(path.relative_to(PACKAGES).as_posix())
    assert {name: paths for name, paths in names.items() if len(paths) > 1 and name not in homonyms} == {}


def test_no_file_or_folder_has_the_name_of_a_module_of_the_standard_library() -> None:
    paths = [path for package in (LIBRARY, SLICER) for path in modules(package).values()]
    names = {path.stem if path.stem != "__init__" else path.parent.name for path in paths}
    assert names & sys.stdlib_module_names == set()


def test_no_data_class_of_several_fields_is_built_by_position() -> None:
    """A field that is added beside its kin would otherwise give its value to another one."""
    wrong = []
    for path in [path for package in (LIBRARY, SLICER) for path in modules(package).values()]:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ClassDef):
                decorators = [ast.unparse(each) for each in node.decorator_list if "dataclass" in ast.unparse(each)]
                fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
                if decorators and len(fields) > 3 and "kw_only=True" not in decorators[0]:
                    wrong.append(f"{path.name}: {node.name}")
    assert wrong == []
