"""A new user, any folder names, an extension that nobody may write to, and no locale: whole runs work all the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.networks import write_model
from support.processes import files_below

EXTENSION = Path(__file__).parents[2]
SHIPPED = ("TotalPassport.py", "TotalPassportLib", "TotalPassportSlicer", "Resources")
STORY = """
import json, locale, sys
from pathlib import Path

sys.path.insert(0, {testing!r})
from host import SlicerHost
from panel_driver import Panel

host = SlicerHost.start()
host.app.setTemporaryPath({temporary!r})
panel = Panel(host, host.load_module({file!r}))
import TotalPassportLib

phantom = panel.add_phantom("Größe 1, 医")
host.enter(panel.widget)
panel.choose_scan(phantom)
panel.choose("model:mine")
outcome = panel.apply_and_wait(300)
for button, file in ((panel.ui.exportButton, {passport!r}), (panel.ui.saveLogButton, {log!r})):
    panel.answer_save_dialog(file)
    button.click()
print(json.dumps([outcome.status.value, outcome.sentence, TotalPassportLib.__file__, panel.error_dialogs()]))
host.reset()
"""


@pytest.fixture
def extension(tmp_path: Path) -> Path:
    """The extension as it is shipped, in a folder with spaces and letters of all kinds.

    What Python has made of its files here goes along, for it would be made anew by each process: none may keep it.
    """
    folder = tmp_path / "Erweiterungen für 医学" / "Total Passport"
    for name in SHIPPED:
        source = EXTENSION / name
        if source.is_dir():
            shutil.copytree(source, folder / name)
        else:
            folder.mkdir(parents=True)
            shutil.copy(source, folder)
    return folder


@pytest.fixture
def read_only(extension: Path) -> Iterator[Path]:
    """The same, on a file system that takes nothing, which holds for root, too."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount a folder read-only")
    done = subprocess.run(["mount", "--bind", extension, extension], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"a folder cannot be mounted here: {done.stderr.strip()}")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", extension], check=True)
        with pytest.raises(OSError, match="Read-only"):
            (extension / "new").touch()
        yield extension
    finally:
        subprocess.run(["umount", "-l", extension], check=True)


def new_user(folder: Path, **changes: str) -> dict[str, str]:
    """Return the environment of somebody who has just been given an account."""
    home = folder / "Zoë Müller 山田"
    kept = ("PATH", "LD_LIBRARY_PATH", "VTK_DEFAULT_OPENGL_WINDOW", "SYSTEMROOT")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "HOME": str(home),
        "TOTALPASSPORT_HOME": str(home / "Modelle & Netze"),
        "OMP_NUM_THREADS": "1",
        **changes,
    }


def run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in an environment and in no other."""
    return subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8", check=False)


def run_story(extension: Path, folder: Path, **changes: str) -> None:
    """Open the panel of an extension in a process of its own, run a small network, export, and look at everything."""
    environment = new_user(folder, **changes)
    write_model(Path(environment["TOTALPASSPORT_HOME"]) / "models" / "mine", name="mine", title="Mein Netz, 網")
    results, temporary = folder / "Ergebnisse für Zoë", folder / "temporär 一時"
    results.mkdir()
    temporary.mkdir()
    code = STORY.format(
        testing=str(EXTENSION / "Testing"),
        temporary=str(temporary),
        file=str(extension / "TotalPassport.py"),
        passport=str(results / "Paß 1.json"),
        log=str(results / "Protokoll 記録.log"),
    )
    before = [name for name in files_below(extension) if not name.endswith(".pyc")]
    script = folder / "story.py"
    script.write_text(code, encoding="utf-8")
    done = run([sys.executable, "-B", str(script)], environment)
    assert done.returncode == 0, done.stderr[-3000:]
    status, sentence, library, dialogs = json.loads(done.stdout.splitlines()[-1])
    assert status == "done", sentence
    assert dialogs == []
    assert Path(library).is_relative_to(extension)
    passport = json.loads((results / "Paß 1.json").read_text(encoding="utf-8"))
    assert passport["organs"]
    assert "Finished" in (results / "Protokoll 記録.log").read_text(encoding="utf-8")
    assert list(temporary.glob("TotalPassport-*")) == []
    assert [name for name in files_below(extension) if not name.endswith(".pyc")] == before


@pytest.mark.slow
def test_a_new_user_with_spaces_and_letters_of_all_kinds_in_every_path(extension: Path, tmp_path: Path) -> None:
    run_story(extension, tmp_path)


@pytest.mark.slow
def test_an_extension_that_cannot_be_written_to_and_no_locale(read_only: Path, tmp_path: Path) -> None:
    run_story(read_only, tmp_path, LANG="C", LC_ALL="C")


@pytest.mark.slow
@pytest.mark.parametrize("locale", [{"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}, {"LC_ALL": "POSIX"}])
def test_the_command_line_where_the_system_knows_ascii_alone(
    extension: Path, tmp_path: Path, locale: dict[str, str]
) -> None:
    environment = new_user(tmp_path, PYTHONUTF8="0", PYTHONPATH=str(extension), **locale)
    model = write_model(tmp_path / "Netz 網", name="mine")
    scan = tmp_path / "Größe 1, 医.nii.gz"
    shutil.copy(EXTENSION / "TotalPassportLib" / "data" / "demo" / "demo_ct_labels.nii.gz", scan)
    command = [sys.executable, "-B", "-m", "TotalPassportLib", "run", str(scan), "-o", str(tmp_path / "Ergebnis ü")]
    done = run([*command, "--model", str(model)], environment)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "'Größe 1, 医.nii.gz'" in done.stderr, "names are readable in what is said"
    names = files_below(tmp_path / "Ergebnis ü")
    assert "Größe 1, 医_segmentation.nii.gz" in names
    assert "Größe 1, 医_passport.json" in names
