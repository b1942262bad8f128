"""The process environment that Qt, VTK and PySide6 read once, when they are first imported.

Nothing here imports Qt, VTK or Slicer: `prepare` has to run before any of them is loaded.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import subprocess
import sys
import time
import uuid

#: Environment variable that every process started by the host inherits; its value tells our children from others'.
SESSION_VARIABLE = "TOTALPASSPORT_HOST_SESSION"

REQUIRED_PACKAGES = ("slicer_core", "PySide6", "trame_slicer", "vtk", "numpy")

#: Turns Qt's enums into ``IntEnum``/``IntFlag``, because PythonQt's enums are integers too (1 | 2).
_PYSIDE_ENUMS_ARE_INTEGERS = "0x3"

#: Generous, because a busy machine may need a minute to load VTK for the first time.
_PROBE_TIMEOUT_S = 300

_RENDERING_PROBE = """
import vtk
window = vtk.vtkRenderWindow()
window.SetOffScreenRendering(1)
window.SetSize(16, 16)
window.AddRenderer(vtk.vtkRenderer())
window.Render()
raise SystemExit(0 if window.SupportsOpenGL() else 3)
"""


_session_process_id: int | None = None


def prepare() -> None:
    """Set the variables that make Qt and VTK work without a display; values set by the caller are kept."""
    global _session_process_id
    if _session_process_id == os.getpid():
        return
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
    os.environ.setdefault("PYSIDE6_OPTION_PYTHON_ENUM", _PYSIDE_ENUMS_ARE_INTEGERS)
    os.environ.setdefault("QT_LOGGING_RULES", "qt.qpa.*=false")
    os.environ[SESSION_VARIABLE] = uuid.uuid4().hex
    _session_process_id = os.getpid()


def in_ci() -> bool:
    """True where a missing library is a failure rather than a reason to skip."""
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


def _probe(code: str) -> str | None:
    """Run ``code`` in a process of its own (a missing driver may crash it); the reason why it failed, or None."""
    command = [sys.executable, "-c", code]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"no picture within {_PROBE_TIMEOUT_S} s"
    if result.returncode == 0:
        return None
    last_line = (result.stderr.strip().splitlines() or [f"exit code {result.returncode}"])[-1]
    return last_line.strip()


@functools.cache
def host_unavailable_reason() -> str | None:
    """Why the host cannot start on this machine, in one sentence; None when it can."""
    missing = [name for name in REQUIRED_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        return f"the Slicer test host needs the Python packages {', '.join(missing)}"
    prepare()
    try:
        importlib.import_module("PySide6.QtWidgets")
        importlib.import_module("slicer_core")
    except ImportError as error:  # a system library that they need, such as libEGL
        return f"the Slicer test host's libraries do not load: {error}"
    return None


@functools.cache
def rendering_unavailable_reason() -> str | None:
    """Why nothing can be rendered off screen on this machine, in one sentence; None when it can."""
    reason = host_unavailable_reason()
    if reason:
        return reason
    reason = _probe(_RENDERING_PROBE)
    return f"off-screen rendering does not work: {reason}" if reason else None


def session_processes() -> dict[int, str]:
    """Processes other than this one that carry our session mark: {process id: command line}.

    Orphans are found as well: a child whose launcher was killed belongs to nobody, but keeps its environment.
    The helper is not, by which Python keeps count of what its processes share (`multiprocessing.resource_tracker`):
    another test of the same run may have started it, and it ends with this process. Empty on systems without ``/proc``.
    """
    mark = f"{SESSION_VARIABLE}={os.environ.get(SESSION_VARIABLE, '')}".encode()
    found = {}
    for entry in os.listdir("/proc") if os.path.isdir("/proc") else []:
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/environ", "rb") as environ:
                if mark not in environ.read().split(b"\0"):
                    continue
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                command = file.read().replace(b"\0", b" ").decode(errors="replace").strip()
            if "from multiprocessing.resource_tracker import main" not in command:
                found[int(entry)] = command
        except OSError:  # ended meanwhile, or not ours to read
            continue
    return found


def remaining_processes(grace_s: float = 3.0) -> dict[int, str]:
    """What `session_processes` still finds after giving processes that were told to end a moment to do so."""
    deadline = time.monotonic() + grace_s
    while (found := session_processes()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found
