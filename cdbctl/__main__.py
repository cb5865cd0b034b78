"""``python -m cdbctl`` and the ``cdbctl`` program."""

from __future__ import annotations

import os
import sys


def run() -> None:
    """Run the command line and leave with its exit status, at once.

    A thread whose source never answered must not hold the end, and clearing away everything that was imported takes
    longer than many a command.
    """
    from cdbctl.cli.app import main

    status = main()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # the reader has gone away
            status = status or 1
    os._exit(status)


if __name__ == "__main__":
    run()
