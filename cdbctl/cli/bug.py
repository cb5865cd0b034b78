"""A bug of cdbctl: a log that can be sent as it is."""

from __future__ import annotations

import platform
import tempfile
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cdbctl import __version__
from cdbctl.errors import CdbctlError


def write_bug_report(bug: BaseException, arguments: Sequence[str]) -> CdbctlError:
    """Write the bug down, secrets replaced, and return the error that names the file."""
    import os

    from cdbctl.collect.redact import Redactor, known_secrets

    redactor = Redactor(known_secrets(os.environ))
    text = redactor.text(_text(bug, arguments))
    name = f"cdbctl-bug-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.md"
    log = Path(tempfile.gettempdir()) / name
    try:
        with log.open("x", encoding="utf-8", newline="\n") as out:
            out.write(text)
    except OSError:
        return CdbctlError("cdbctl has a bug", why=text, next_step="report the lines above")
    return CdbctlError(
        "cdbctl has a bug",
        why=redactor.text(f"{type(bug).__name__}: {bug}"),
        next_step=f"report it with the log {log}",
    )


def _text(bug: BaseException, arguments: Sequence[str]) -> str:
    lines = (
        "# Bug in cdbctl",
        "",
        f"- version: {__version__}",
        f"- python: {platform.python_version()} on {platform.platform()}",
        f"- at: {datetime.now(UTC).isoformat(timespec='seconds')}",
        f"- command: {' '.join(arguments)}",
        "",
        "```",
        *traceback.format_exception(bug),
        "```",
        "",
    )
    return "\n".join(lines)
