"""onnxruntime is loaded quietly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

LIBRARY = Path(__file__).resolve().parents[3]


def test_onnxruntime_is_told_to_report_nothing_before_it_is_loaded(tmp_path: Path) -> None:
    """Its releases since 1.31 report usage, and leave a session file in the folder for temporary files."""
    code = (
        "import os; from TotalPassportLib.base.runtime import onnxruntime_module as load; "
        "assert 'ORT_DISABLE_TELEMETRY' not in os.environ; module = load(); "
        "assert os.environ['ORT_DISABLE_TELEMETRY'] == '1'; "
        "from TotalPassportLib.segmentation.engines import plain_engine; plain_engine(); print(module.__version__)"
    )
    inherited = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment = {**inherited, "PYTHONPATH": str(LIBRARY), "TMPDIR": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip()
    assert list(tmp_path.iterdir()) == []


def test_nothing_but_the_runtime_imports_onnxruntime() -> None:
    """Whoever imported it elsewhere might be first, and it would not be quiet then."""
    folder = LIBRARY / "TotalPassportLib"
    importing = [
        path
        for path in folder.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip() == "import onnxruntime" and path.name != "runtime.py"
    ]
    for path in importing:
        assert "if TYPE_CHECKING:\n    import onnxruntime\n" in path.read_text(encoding="utf-8"), "for its types only"
    assert {path.name for path in importing} >= {"session.py"}


def test_where_onnxruntime_is_missing_one_sentence_says_how_to_get_it() -> None:
    code = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "from TotalPassportLib.base.errors import BadInput\n"
        "from TotalPassportLib.base.runtime import onnxruntime_module\n"
        "try: onnxruntime_module()\n"
        "except BadInput as error: print(error.exit_code, error)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(LIBRARY)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("2 The package that runs networks, onnxruntime, is not installed.")
    assert "Install the extra '" in done.stdout
