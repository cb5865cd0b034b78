"""``python -m cdbctl`` and the ``cdbctl`` program."""

from __future__ import annotations

import os
import sys


def run() -> None:
    """Run the command line and leave with its exit status, at once.

    A thread whose source never answered must not hold the end, and clearing away everything that was imported takes
    longer than many a command.
    """
    _open_what_is_closed()
    try:
        from cdbctl.cli.app import main

        status = main()
    except KeyboardInterrupt:  # before main could take it
        status = 130
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # the reader has gone away
            status = status or 1
    os._exit(status)


def _open_what_is_closed() -> None:
    """Let stdout and stderr lead nowhere where the caller closed them (``>&-``), before a socket takes their place."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - open until the end


if __name__ == "__main__":
    run()
