"""Words to the terminal: results to stdout, talk to stderr, whatever the console can show."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any, TextIO

from cdbctl.errors import CdbctlError, UsageError


def say(text: str) -> None:
    """Write a result to stdout, byte for byte: LF stays LF on every system."""
    _write_result(text)


def say_json(document: dict[str, Any]) -> None:
    """Write a JSON document to stdout; escaped where the console cannot show all of Unicode."""
    import json

    text = json.dumps(document, ensure_ascii=not can_show_unicode(sys.stdout), indent=2)
    _write_result(text + "\n")


def tell(text: str) -> None:
    """Write talk or progress to stderr; when nobody can hear it, the work goes on."""
    with suppress(OSError):
        _write(sys.stderr, text)


def called_as() -> str:
    """How the caller started this program, so that printed commands can be typed as they are."""
    return os.environ.get("CDBCTL_CALLED_AS", "cdbctl")


def complain(error: CdbctlError) -> None:
    """Say what happened, why, and what to do next."""
    from cdbctl.render.text import make_visible

    tell(f"error: {make_visible(error.what)}\n")
    if error.why:
        tell("  why:  " + make_visible(error.why).replace("\n", "\n        ") + "\n")
    if error.next_step:
        tell(f"  next: {make_visible(error.next_step)}\n")


def can_show_unicode(stream: TextIO) -> bool:
    """Whether the stream takes every character."""
    return (stream.encoding or "ascii").lower().replace("-", "").startswith(("utf8", "utf16"))


def wants_color(stream: TextIO) -> bool:
    """Whether colours help: a terminal, and nobody said no (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _write_result(text: str) -> None:
    try:
        _write(sys.stdout, text)
    except BrokenPipeError:  # the reader had enough, as in `| head -1`
        raise
    except OSError as error:
        raise UsageError(
            "the result could not be written to stdout",
            why=error.strerror or str(error),
            next_step="make room where stdout goes, or send it elsewhere",
        ) from error


def _write(stream: TextIO, text: str) -> None:
    encoding = stream.encoding or "ascii"
    data = text.encode(encoding, errors="backslashreplace")
    buffer = getattr(stream, "buffer", None)
    if buffer is None:
        stream.write(data.decode(encoding))
        stream.flush()
        return
    stream.flush()
    buffer.write(data)
    buffer.flush()
