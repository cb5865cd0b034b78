"""The folder of SQL migrations: what each file would bring into the catalog."""

from __future__ import annotations

import os
import re
import stat
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from cdbctl.collect.attempt import NoAnswer, Seen
from cdbctl.collect.visible import visible
from cdbctl.model.migrations import MigrationFile, MigrationFolder
from cdbctl.sql.catalog_state import Effects
from cdbctl.sql.effects import effects
from cdbctl.sql.grammar import MAX_SQL_BYTES, GrammarError, parse

MAX_TEXT = 200_000
BOM = b"\xef\xbb\xbf"


def read_migrations(root: Path, folder: str, *, timeout_seconds: float = 2.0) -> Seen[MigrationFolder]:
    """Read every ``*.sql`` file of the folder. A file that cannot be understood says so and costs no other file."""
    deadline = time.monotonic() + timeout_seconds
    place = root / folder
    read = [
        _read(place / name, root, late=time.monotonic() > deadline) for name in sorted(_names(place), key=natural_order)
    ]
    files = tuple(file for file, _ in read)
    path = _relative(place, root)
    head = f"{path}: {len(files)} {'file' if len(files) == 1 else 'files'}\n"
    text = head + "".join(_paragraph(file, seen) for file, seen in read)
    if len(text) > MAX_TEXT:
        text = f"{text[:MAX_TEXT]}\n[cut after {MAX_TEXT:,} characters]\n"
    return Seen(MigrationFolder(path=path, files=files), text)


def natural_order(name: str) -> tuple[tuple[str | int, ...], str]:
    """``9_a.sql`` comes before ``10_b.sql``; equal numbers are ordered by the rest of the name."""
    parts = re.split(r"([0-9]+)", name)
    return tuple(int(part) if index % 2 else part for index, part in enumerate(parts)), name


def _names(place: Path) -> list[str]:
    try:
        names = [entry.name for entry in place.iterdir()]
    except FileNotFoundError as error:
        raise NoAnswer("the folder does not exist", remedy="correct paths.migrations in cdbctl.yaml") from error
    except NotADirectoryError as error:
        raise NoAnswer("it is not a folder", remedy="correct paths.migrations in cdbctl.yaml") from error
    except OSError as error:
        raise NoAnswer(f"the folder cannot be read: {error.strerror}", remedy="correct its permissions") from error
    return [name for name in names if name.lower().endswith(".sql") and not name.startswith(".")]


def _read(file: Path, root: Path, *, late: bool) -> tuple[MigrationFile, Effects]:
    """One file and its effects; problems become part of the answer."""
    raw, problem = b"", "not read: the time for the folder was over" if late else _obstacle(file, root)
    seen = effects(())
    if problem is None:
        try:
            raw = file.read_bytes()
            content = without_line_end_style(raw)
            seen = effects(parse(content.decode("utf-8")))
        except GrammarError as error:
            problem = str(error)
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            problem = f"line {line}: not UTF-8 (byte 0x{content[error.start]:02x})"
        except OSError as error:
            problem = f"cannot be read: {error.strerror}"
    found = MigrationFile(
        name=_printable(file.name),
        path=_relative(file, root),
        sha256=sha256(raw).hexdigest() if raw or problem is None else "",
        creates=seen.creates,
        adds_columns=seen.adds_columns,
        drops=seen.drops,
        other_statements=seen.other_statements,
        problem=problem,
        drops_columns=seen.drops_columns,
        recreates=seen.recreates,
    )
    return found, seen


def without_line_end_style(content: bytes) -> bytes:
    """What two checkouts of the same file have in common."""
    return content.removeprefix(BOM).replace(b"\r\n", b"\n")


def _obstacle(file: Path, root: Path) -> str | None:
    """Why a file is not even opened."""
    try:
        real = file.resolve(strict=True)
        facts = real.stat()
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of symbolic links, before Python 3.13
        return f"cannot be read: {getattr(error, 'strerror', None) or 'a loop of symbolic links'}"
    homes = (root.resolve(), file.parent.resolve())
    if not any(real.is_relative_to(home) for home in homes):
        return "a symbolic link that leads outside the repository"
    if not stat.S_ISREG(facts.st_mode):
        return "not a regular file"
    if facts.st_size > MAX_SQL_BYTES:
        return f"larger than {MAX_SQL_BYTES:,} bytes: {facts.st_size:,}"
    return None


def _paragraph(file: MigrationFile, seen: Effects) -> str:
    lines = ["", f"{file.name}  sha256 {file.sha256 or 'unknown'}"]
    if file.problem:
        lines.append(f"  problem: {file.problem}")
    lines += [f"  line {line}: {what}" for line, what in seen.notable]
    if count := seen.other_statements:
        lines.append(f"  {count} other {'statement' if count == 1 else 'statements'}")
    return "\n".join(lines) + "\n"


def _relative(path: Path, root: Path) -> str:
    with suppress(ValueError):  # a folder configured outside the root is shown by its full name
        path = path.relative_to(root)
    return _printable(path.as_posix())


def _printable(name: str) -> str:
    """Bytes that are not UTF-8 become ``\\xff``, control characters and the like ``\\x1b``."""
    return visible(os.fsencode(name).decode("utf-8", "backslashreplace"))
