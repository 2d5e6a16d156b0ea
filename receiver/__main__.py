"""Start every process, as `receiver` or `python -m receiver`: prepare the streams first, then import the rest."""

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]  # the working directory: a file there might have the name of a module that we import

import signal

from receiver.logs import streams


def main() -> None:
    """Run the command line. Ctrl-C prints one line and exits with 130, even while modules are being imported."""
    streams.prepare()
    # The command line of httpx, which nobody asks for, would import rich where that is installed: a tenth of our start.
    sys.modules["httpx._main"] = None  # type: ignore[assignment]  # httpx goes on without it
    with streams.leaving_at_ctrl_c():
        from receiver.cli import main as commands  # noqa: PLC0415 - it takes a tenth of a second
    try:
        commands()
    except KeyboardInterrupt:  # the command itself has already ended
        sys.exit(streams.INTERRUPTED)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # nothing is left to interrupt


if __name__ == "__main__":
    main()
