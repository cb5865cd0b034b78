"""Stored runs: one folder for each, whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryFile
from typing import Any

from cdbctl.errors import CdbctlError, ExitStatus, UsageError
from cdbctl.model.codec import CodecError, decode, encode
from cdbctl.model.report import Report
from cdbctl.model.run_folder import SNAPSHOT_SCHEMA, day_name, is_day, run_name, run_order
from cdbctl.model.snapshot import Snapshot
from cdbctl.render.rows import stored_text
from cdbctl.render.text import escape_unseen

UNFINISHED = ".writing-"
"""What the names of files and folders begin with that are not finished."""
LEFTOVER_SECONDS = 86_400
SWEPT_DAYS = 30
LARGEST_SNAPSHOT_BYTES = 500_000_000
EARLIEST_YEAR, LATEST_YEAR = 1970, 9990
"""Of a run: beside them there is room for windows and for time zones."""
_EVIDENCE_ID = re.compile(r"E\d{1,6}")


class ArchiveError(CdbctlError):
    """A run that could not be stored. What was stored before is as it was."""

    status = ExitStatus.USAGE
    folder: Path | None = None
    """Where the run is stored all the same, when only ``latest.md`` could not follow it."""


def store(reports: Path, *, report: Report, texts: Mapping[str, str]) -> Path:
    """Write a run into a folder of its own and let ``latest.md`` follow; return the folder.

    ``texts`` are the rendered files by name. Everything that needs space is written under temporary names first,
    so a full disk is met before anything that others read has changed.
    """
    snapshot = report.snapshot
    daily = reports / "daily"
    day = daily / day_name(snapshot.taken_at)
    files = {**texts, **_files(snapshot)}
    unfinished = [day / f"{UNFINISHED}{token_hex(6)}", daily / f"{UNFINISHED}{token_hex(6)}.md"]
    try:
        with _removed_on_failure(unfinished):
            day.mkdir(parents=True, exist_ok=True)
            _sweep(daily)
            _write(unfinished[0], files)
            _write_file(unfinished[1], texts.get("report.md", ""))
            folder = _publish(unfinished[0], day, report)
            _follow(folder, unfinished[1], daily)
    except OSError as error:
        raise ArchiveError(
            f"the report could not be stored in {daily}",
            why=f"{error.strerror or error}" + (f": {error.filename}" if error.filename else ""),
            next_step="make room or make the folder writable, or name another one with --out",
        ) from error
    return folder


def writable(reports: Path) -> str | None:
    """Why nothing could be stored in a folder, or None. Leaves nothing behind."""
    for folder in (reports / "daily", reports, *reports.absolute().parents):
        try:
            if not folder.exists():
                continue
            if not folder.is_dir():
                return f"{folder} is not a folder"
            with TemporaryFile(dir=folder) as file:
                file.write(b"\0" * 4096)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            return f"{error.strerror or error}: {folder}"
        return None
    return f"no folder above {reports} exists"


def dump_snapshot(snapshot: Snapshot) -> str:
    """A snapshot as JSON text; invisible and acting characters are escaped, so that showing it does no harm."""
    data = {"schema": SNAPSHOT_SCHEMA, **encode(snapshot)}
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return f"{escape_unseen(text)}\n"


def load_snapshot(path: Path) -> Snapshot:
    """Read ``snapshot.json``, given as a file or by the folder of its run; UsageError says what is wrong with it."""
    file = path / "snapshot.json" if path.is_dir() else path
    data = _read_json(file)
    found = data.get("schema") if isinstance(data, dict) else None
    if found != SNAPSHOT_SCHEMA:
        raise _unusable(file, _schema_problem(found))
    try:
        snapshot = decode(Snapshot, data)
    except CodecError as error:
        raise _unusable(file, f"it does not hold what a snapshot holds: {error}") from error
    for name, at in _own_times(snapshot):
        if not EARLIEST_YEAR <= at.year <= LATEST_YEAR:
            raise _unusable(file, f"its {name} is {at.isoformat()}: no run was made then")
    return snapshot


def _own_times(snapshot: Snapshot) -> Iterator[tuple[str, datetime]]:
    """The times of the run itself; what its sources say may be dated as it likes."""
    yield "taken_at", snapshot.taken_at
    yield "finished_at", snapshot.finished_at
    for name, window in (("window", snapshot.window), ("soak_stretch", snapshot.soak_stretch)):
        if window is not None:
            yield f"{name}.since", window.since
            yield f"{name}.until", window.until


def _read_json(file: Path) -> Any:
    try:
        facts = file.stat()
        if not stat.S_ISREG(facts.st_mode):  # a pipe or a device would never end
            raise _unusable(file, "it is not a file")
        if facts.st_size > LARGEST_SNAPSHOT_BYTES:
            raise _unusable(file, f"it is larger than {LARGEST_SNAPSHOT_BYTES // 1_000_000} MB")
        return json.loads(file.read_text(encoding="utf-8-sig"), parse_constant=_no_constant)
    except OSError as error:
        raise _unusable(file, f"{error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise _unusable(file, f"it is not UTF-8 text: {error.reason} at byte {error.start}") from error
    except RecursionError as error:
        raise _unusable(file, "it is nested too deeply to be a snapshot") from error
    except ValueError as error:
        raise _unusable(file, f"it is cut off or not JSON: {error}") from error


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _schema_problem(found: object) -> str:
    if not isinstance(found, str):
        return f"it has no key 'schema', so it is not a snapshot of cdbctl (expected {SNAPSHOT_SCHEMA})"
    kind, _, version = found.rpartition("/")
    if kind == SNAPSHOT_SCHEMA.rpartition("/")[0] and version.isdecimal():
        return f"it is {found}, written by another version of cdbctl; this one reads {SNAPSHOT_SCHEMA}"
    return f"it is {found[:60]}, not a snapshot; the snapshot of a run is its snapshot.json"


def _unusable(file: Path, why: str) -> UsageError:
    return UsageError(
        f"{file} cannot be used as a snapshot",
        why=why,
        next_step="name the snapshot.json of a stored run, or the folder of that run",
    )


def _files(snapshot: Snapshot) -> dict[str, str]:
    """What every run stores beside its rendered texts."""
    files = {"snapshot.json": dump_snapshot(snapshot)}
    for item in snapshot.evidence():
        if not _EVIDENCE_ID.fullmatch(item.id):
            # Only a snapshot from elsewhere can hold such an id, and it must not choose where files are written.
            raise ArchiveError("the evidence could not be stored", why=f"{item.id!r:.60} is no evidence id like E001")
        files[item.file] = stored_text(item)
    return files


def _write(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir()
    (folder / "evidence").mkdir()
    for name, text in files.items():
        _write_file(folder / name, text)
    _sync_folder(folder / "evidence")
    _sync_folder(folder)


def _write_file(path: Path, text: str) -> None:
    with path.open("xb") as file:
        file.write(text.encode("utf-8", errors="backslashreplace"))
        file.flush()
        os.fsync(file.fileno())


def _publish(unfinished: Path, day: Path, report: Report) -> Path:
    """Give a complete folder its name: the first one of its second that is free."""
    number = 1
    while True:
        folder = day / run_name(report.snapshot.taken_at, number)
        try:
            # A rename never replaces a folder that holds something, so two runs at once both get their own.
            unfinished.rename(folder)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise
            number += 1
        else:
            _sync_folder(day)
            return folder


def _follow(folder: Path, text: Path, daily: Path) -> None:
    """Let ``latest.md`` be the report of the newest run; when it cannot, the run is stored nevertheless."""
    try:
        if _newest(daily, until=max(folder.parent.name, day_name(datetime.now(UTC)))) == folder:
            text.replace(daily / "latest.md")
        text.unlink(missing_ok=True)
    except OSError as error:
        failure = ArchiveError(
            f"{daily / 'latest.md'} was not replaced: it is the report of an older run",
            why=f"{error.strerror or error}; this run is stored in {folder}",
            next_step=f"read {folder / 'report.md'}, and make latest.md a file that can be replaced",
        )
        failure.folder = folder
        raise failure from error
    _sync_folder(daily)


def _newest(daily: Path, *, until: str) -> Path | None:
    """The newest run up to a day; one that a wrong clock dated later must not hold ``latest.md`` for years."""
    for day in sorted((item for item in daily.iterdir() if is_day(item.name) and item.name <= until), reverse=True):
        runs = [(order, item) for item in day.glob("*") if (order := run_order(item.name))]
        if runs:
            return max(runs)[1]
    return None


def _sync_folder(folder: Path) -> None:
    """Make new names durable, where the system can: Windows cannot open a folder."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _removed_on_failure(paths: list[Path]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for path in paths:
            _remove(path)
        raise


def _sweep(daily: Path) -> None:
    """Remove what killed runs left unfinished more than a day ago."""
    with suppress(OSError):
        days = sorted((item for item in daily.iterdir() if is_day(item.name)), reverse=True)[:SWEPT_DAYS]
        for folder in (daily, *days):
            for item in folder.glob(f"{UNFINISHED}*"):
                if time.time() - item.lstat().st_mtime > LEFTOVER_SECONDS:
                    _remove(item)


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
