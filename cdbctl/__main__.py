"""``python -m cdbctl`` and the ``cdbctl`` program."""

from __future__ import annotations

import sys


def run() -> None:
    """Run the command line and leave with its exit status."""
    from cdbctl.cli.app import main

    sys.exit(main())


if __name__ == "__main__":
    run()
