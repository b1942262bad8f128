"""The CMake lists name exactly the files that are shipped: Slicer's configure step breaks on a path that is missing.

Run as a script with ``--write`` it brings the lists in line with the files on disk.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

MODULE_FOLDER = Path(__file__).resolve().parents[2]
CMAKE_FILE = MODULE_FOLDER / "CMakeLists.txt"
SCRIPT_FOLDERS = ("TotalPassportLib", "TotalPassportSlicer")
RESOURCE_SUFFIXES = {".png", ".ui", ".json", ".onnx", ".npy", ".gz", ".txt", ".md", ".typed"}
LISTS = ("MODULE_PYTHON_SCRIPTS", "MODULE_PYTHON_RESOURCES")


def shipped_scripts() -> list[str]:
    """Return the Python files of the module and of its two libraries, relative to the module's folder."""
    files = [path for folder in SCRIPT_FOLDERS for path in (MODULE_FOLDER / folder).rglob("*.py")]
    return ["TotalPassport.py", *_names(files)]


def shipped_resources() -> list[str]:
    """Return everything else that is needed at run time: icons, panel, tables, schemas, models, sample data."""
    folders = (MODULE_FOLDER / "Resources", *(MODULE_FOLDER / folder for folder in SCRIPT_FOLDERS))
    return _names([path for folder in folders for path in folder.rglob("*") if path.suffix in RESOURCE_SUFFIXES])


def _names(paths: list[Path]) -> list[str]:
    visible = (path for path in paths if not any(part.startswith((".", "__pycache__")) for part in path.parts))
    return sorted(path.relative_to(MODULE_FOLDER).as_posix() for path in visible)


def listed(name: str) -> list[str]:
    """Return the paths in one list of the CMake file."""
    match = re.search(rf"set\({name}\n(.*?)\)", CMAKE_FILE.read_text(encoding="utf-8"), re.DOTALL)
    assert match is not None, f"{CMAKE_FILE} has no list {name}"
    return match.group(1).split()


def write() -> None:
    """Bring both lists in line with the files on disk."""
    text = CMAKE_FILE.read_text(encoding="utf-8")
    for name, files in zip(LISTS, (shipped_scripts(), shipped_resources()), strict=True):
        lines = "".join(f"  {file}\n" for file in files)
        text = re.sub(rf"set\({name}\n.*?\)", f"set({name}\n{lines}  )", text, flags=re.DOTALL)
    CMAKE_FILE.write_text(text, encoding="utf-8")


def test_every_script_is_listed_once_and_exists() -> None:
    assert listed("MODULE_PYTHON_SCRIPTS") == shipped_scripts()


def test_every_resource_is_listed_once_and_exists() -> None:
    assert listed("MODULE_PYTHON_RESOURCES") == shipped_resources()


def test_no_file_of_a_kind_that_would_be_forgotten() -> None:
    known = RESOURCE_SUFFIXES | {".py"}
    folders = (MODULE_FOLDER / "Resources", *(MODULE_FOLDER / folder for folder in SCRIPT_FOLDERS))
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    strangers = [path for path in files if path.suffix not in known and "__pycache__" not in path.parts]
    assert strangers == []


def test_every_added_test_script_exists() -> None:
    tests = MODULE_FOLDER / "Testing" / "Python"
    scripts = re.findall(r"SCRIPT (\S+)\)", (tests / "CMakeLists.txt").read_text(encoding="utf-8"))
    assert scripts
    assert sorted(scripts) == sorted(path.name for path in tests.glob("test_*.py"))


def test_the_extension_says_what_the_index_asks_for() -> None:
    text = (MODULE_FOLDER.parent / "CMakeLists.txt").read_text(encoding="utf-8")
    for name in ("HOMEPAGE", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS", "DEPENDS"):
        match = re.search(rf'set\(EXTENSION_{name} "([^"]+)"\)', text)
        assert match is not None, name
    assert "EXTENSION_CATEGORY" not in text
    assert "project(TotalPassport)" in text


def test_the_entry_for_the_extensions_index_agrees_with_the_extension() -> None:
    root = MODULE_FOLDER.parent
    (file,) = (root / "docs" / "extensions-index").glob("*.json")
    entry = json.loads(file.read_text(encoding="utf-8"))
    text = (root / "CMakeLists.txt").read_text(encoding="utf-8")
    assert f"project({file.stem})" in text
    assert entry["$schema"].endswith("slicer-extension-catalog-entry-schema-v1.0.2.json#")
    assert f'set(EXTENSION_HOMEPAGE "{entry["scm_url"].removesuffix(".git")}")' in text
    assert entry["build_dependencies"] == []
    assert 'set(EXTENSION_DEPENDS "NA")' in text
    module = (MODULE_FOLDER / "TotalPassport.py").read_text(encoding="utf-8")
    assert f'translate("qSlicerAbstractCoreModule", "{entry["category"]}")' in module
    assert (entry["scm_revision"], entry["tier"]) == ("main", 1)
    known = {"$schema", "build_dependencies", "build_subdirectory", "category", "scm_revision", "scm_type", "scm_url"}
    assert set(entry) == known | {"tier"}


def test_the_readme_says_what_each_module_does_and_how_to_cite() -> None:
    text = (MODULE_FOLDER.parent / "README.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^#+ (.+?)\n(.*?)(?=^#+ |\Z)", text, re.DOTALL | re.MULTILINE))
    assert "**TotalPassport**" in sections["Modules"]
    version = re.search(
        r'__version__ = "(.+)"', (MODULE_FOLDER / "TotalPassportLib" / "__init__.py").read_text("utf-8")
    )
    assert version is not None
    assert f"version {version.group(1)}" in sections["How to cite"]


def test_the_screenshots_of_the_extension_exist() -> None:
    root = MODULE_FOLDER.parent
    text = (root / "CMakeLists.txt").read_text(encoding="utf-8")
    pictures = re.findall(r"SlicerTotalPassport/main/(\S+?\.png)", text)
    assert len(pictures) >= 3
    assert [name for name in pictures if not (root / name).is_file()] == []


if __name__ == "__main__":
    if "--write" in sys.argv:
        write()
    shipped = zip(LISTS, (shipped_scripts(), shipped_resources()), strict=True)
    wrong = [name for name, files in shipped if listed(name) != files]
    sys.exit(f"{CMAKE_FILE}: {', '.join(wrong)} not in line with the files; run with --write" if wrong else 0)
