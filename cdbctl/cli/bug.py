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
    text = _text(bug, arguments)
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="cdbctl-bug-", suffix=".md", encoding="utf-8", delete=False
        ) as out:
            out.write(text)
    except OSError:
        return CdbctlError("cdbctl has a bug", why=text, next_step="report the lines above")
    return CdbctlError(
        "cdbctl has a bug",
        why=f"{type(bug).__name__}: {bug}",
        next_step=f"report it with the log {Path(out.name)}",
    )


def _text(bug: BaseException, arguments: Sequence[str]) -> str:
    import os

    from cdbctl.collect.redact import Redactor, known_secrets

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
    return Redactor(known_secrets(os.environ)).text("\n".join(lines))
