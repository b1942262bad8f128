"""Where the command ``totalpassport`` begins: Ctrl-C ends it in a sentence even while it is being loaded."""

import os
import sys


def main() -> int:
    """Run the command line of this process and return its exit code."""
    _begin_again_in_utf8()
    try:
        from .main import main as run

        return run()
    except KeyboardInterrupt:
        import signal

        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one has nothing left to end
        if sys.stderr is not None:
            sys.stderr.write("totalpassport: Cancelled. Nothing was written.\n")
        return 5
    finally:
        # Python ends with the signal instead of our exit code if an interrupt has once passed through a text that is
        # executed, as data classes are made; the next such text makes it forget.
        exec("")


def _begin_again_in_utf8() -> None:
    """Replace this process by one for which names of files are UTF-8, where the system's locale knows ASCII alone.

    What a library in C++ is to open there would else be a name that it cannot be told, and be printed as escapes.
    """
    if os.name == "posix" and sys.getfilesystemencoding() in ("ascii", "us-ascii") and not sys.flags.utf8_mode:
        command = [sys.executable, "-X", "utf8", *sys.orig_argv[1:]]
        os.execve(sys.executable, command, {**os.environ, "PYTHONUTF8": "1"})
