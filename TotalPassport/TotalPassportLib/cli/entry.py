"""Where the command ``totalpassport`` begins: Ctrl-C ends it in a sentence even while it is being loaded."""

import sys


def main() -> int:
    """Run the command line of this process and return its exit code."""
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
