"""Where every process begins, as `receiver` and as `python -m receiver`: its streams first, then all the rest."""

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]  # the working directory, where a file may have the name of a module that we import

import os
import signal

from receiver.logs import streams

INTERRUPTED = 130  # what a shell expects of a command that Ctrl-C has ended


def main() -> None:
    """Run the command line. Ctrl-C is one line and status 130, also while the modules are still being imported."""
    streams.prepare()
    heeded = signal.getsignal(signal.SIGINT)
    if heeded is signal.default_int_handler:  # what it raises might be swallowed by whoever imports something
        signal.signal(signal.SIGINT, lambda *_: _leave())
    from receiver.cli import main as commands  # noqa: PLC0415 - it takes a third of a second

    signal.signal(signal.SIGINT, heeded)
    try:
        commands()
    except KeyboardInterrupt:  # after the command's own end
        sys.exit(INTERRUPTED)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # there is nothing left to interrupt


def _leave() -> None:
    streams.write_now(streams.STDERR, b"interrupted\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
