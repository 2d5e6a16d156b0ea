"""Start every process, as `receiver` or `python -m receiver`: prepare the streams first, then import the rest."""

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]  # the working directory: a file there might have the name of a module that we import

import os
import signal

from receiver.logs import streams

INTERRUPTED = 130  # the exit status that a shell expects after Ctrl-C


def main() -> None:
    """Run the command line. Ctrl-C prints one line and exits with 130, even while modules are being imported."""
    streams.prepare()
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # a module being imported might swallow its KeyboardInterrupt
        signal.signal(signal.SIGINT, lambda *_: _leave())
    from receiver.cli import main as commands  # noqa: PLC0415 - it takes a third of a second

    signal.signal(signal.SIGINT, before)
    try:
        commands()
    except KeyboardInterrupt:  # the command itself has already ended
        sys.exit(INTERRUPTED)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # nothing is left to interrupt


def _leave() -> None:
    streams.write_now(streams.STDERR, b"interrupted\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
