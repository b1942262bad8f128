"""The documentation is a site without dead links that fetches nothing, and tells of the program as it is."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest
from mkdocs.exceptions import PluginError
from mkdocs.utils import yaml_load

from development import site_hooks

LINK = re.compile(r"\]\((?P<path>[^)\s]+)\)")


class _Addresses(HTMLParser):
    """Collects what a page fetches by itself, and the identifiers that links can lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in {"script", "img", "iframe", "source"} and values.get("src"):
            self.fetched.append(str(values["src"]))
        elif tag == "link" and values.get("href"):
            self.fetched.append(str(values["href"]))


@pytest.fixture(scope="module")
def site(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    process = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout + process.stderr  # dead links and anchors are warnings, and fail it
    return folder


def test_every_page_is_in_the_menu_and_has_its_place(repository: Path, site: Path) -> None:
    menu = yaml_load((repository / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    pages = [page for section in menu for pages in section.values() for entry in pages for page in entry.values()]
    written = {path.name for path in (repository / "docs").glob("*.md")}
    assert sorted(pages) == sorted(written | {"commands.md", "structures.md"})
    assert all((site / page.replace(".md", ".html")).is_file() for page in pages)


def test_no_page_fetches_anything_from_elsewhere(site: Path) -> None:
    fetched = [
        address for page in site.glob("*.html") for address in _Addresses(page.read_text(encoding="utf-8")).fetched
    ]
    assert len(fetched) > 50
    assert [address for address in fetched if re.match(r"(?:\w+:)?//", address)] == []


def test_the_pages_of_commands_and_structures_name_all_of_them(site: Path) -> None:
    commands = (site / "commands.html").read_text(encoding="utf-8")
    for command in ("run", "passport", "models import", "totalsegmentator"):
        assert f"totalpassport {command}</h2>" in re.sub(r"<a class=.*?</a>", "", commands)
    assert "<code>heart_ventricle_left</code>" in (site / "structures.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("link", ["../NO_SUCH_FILE.md", "../../outside.md"])
def test_a_link_to_a_file_that_is_not_there_fails_the_site(link: str) -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri="tutorial.md"))
    with pytest.raises(PluginError, match="does not exist"):
        site_hooks.on_page_markdown(f"[text]({link})", page, {"repo_url": "https://example.org"}, None)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_the_pages_at_the_top_lead_to_files_and_headings_that_exist(repository: Path, page: str) -> None:
    text = (repository / page).read_text(encoding="utf-8")
    for link in LINK.finditer(text):
        path, _, anchor = link["path"].partition("#")
        if "://" in path:
            continue
        target = repository / (path or page)
        assert target.exists(), link[0]
        if anchor:
            assert anchor in headings(target.read_text(encoding="utf-8")), link[0]


def headings(text: str) -> set[str]:
    """Return the anchors of a page as the public host makes them of its headings."""
    titles = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_repository_stays_small_enough_for_the_extensions_index(repository: Path) -> None:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=repository, capture_output=True, check=False)
    if listing.returncode != 0:
        pytest.skip("optional: this is not a clone")
    files = [repository / name.decode() for name in listing.stdout.split(b"\0") if name]
    assert len(files) > 300
    assert sum(path.stat().st_size for path in files if path.is_file()) < 100e6
