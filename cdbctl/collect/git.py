"""The git repository of the stack: what ``git status`` and the newest commit say."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cdbctl.collect.attempt import NoAnswer, Seen
from cdbctl.collect.git_program import Git, GitFailed
from cdbctl.collect.visible import visible
from cdbctl.model.repository import RepositoryFacts

MAX_SAMPLE = 20
MAX_SHOWN = 1_000
"""Paths in the evidence."""

_OPERATIONS = (
    ("rebase-merge", "rebase"),
    ("rebase-apply", "rebase"),
    ("MERGE_HEAD", "merge"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
    ("BISECT_LOG", "bisect"),
)
"""What git leaves in its folder while it waits for a person; a rebase may show several of them."""


def read_repository(root: Path, *, exclude: Sequence[str], timeout_seconds: float) -> Seen[RepositoryFacts]:
    """Read the state of the repository that holds ``root``.

    All of it counts, also when the root is one of its folders: a commit has no parts. Paths are relative to its
    top. ``exclude`` names files or folders, relative to ``root``, that count for nothing. Of a submodule only its
    commit is looked at.
    """
    git = Git(root, timeout_seconds)
    try:
        place = _place(git)
        git.disarm_filters()
        status = _status(git, _pathspecs(root, place.top, exclude))
        if status.commit is None:
            raise NoAnswer("the repository has no commits yet", remedy="commit the files of the stack")
        subject, committed_at = _commit(git, status.commit)
    except GitFailed as failure:
        raise _no_answer(failure, root) from failure
    facts = RepositoryFacts(
        branch=status.branch,
        commit=status.commit,
        subject=subject,
        committed_at=committed_at,
        staged=status.staged,
        changed=status.changed,
        unmerged=status.unmerged,
        untracked=status.untracked,
        sample=tuple(status.paths[:MAX_SAMPLE]),
        upstream=status.upstream,
        ahead=status.ahead,
        behind=status.behind,
        operation=next((name for file, name in _OPERATIONS if (place.folder / file).exists()), None),
    )
    return Seen(facts, _text(facts, status))


def head_commit(root: Path, *, timeout_seconds: float) -> str | None:
    """Object id of HEAD; None where git cannot tell."""
    try:
        return Git(root, timeout_seconds).output("rev-parse", "--verify", "--quiet", "HEAD^{commit}").decode().strip()
    except (GitFailed, NoAnswer):
        return None


@dataclass(frozen=True, slots=True)
class _Place:
    top: Path
    folder: Path
    """Where git keeps its own files for this working tree."""


def _place(git: Git) -> _Place:
    answer = git.output("rev-parse", "--show-toplevel", "--absolute-git-dir")
    top, folder = os.fsdecode(answer.removesuffix(b"\n")).rsplit("\n", 1)
    return _Place(Path(top), Path(folder))


def _pathspecs(root: Path, top: Path, exclude: Sequence[str]) -> list[str]:
    """Everything but the excluded places; those outside the repository need no mention."""
    specs = [":(top)"]
    for name in exclude:
        place = Path(os.path.normpath(root.resolve() / name))
        if place.is_relative_to(top) and place != top:
            specs.append(f":(top,exclude,literal){place.relative_to(top).as_posix()}")
    return specs


@dataclass(slots=True)
class _Status:
    """Counted record by record, so that a million untracked files need no memory."""

    commit: str | None = None
    branch: str | None = None
    upstream: str | None = None
    ahead: int | None = None
    behind: int | None = None
    staged: int = 0
    changed: int = 0
    unmerged: int = 0
    untracked: int = 0
    paths: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    left_out: int = 0


def _status(git: Git, pathspecs: Sequence[str]) -> _Status:
    records = git.records(
        "status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--ahead-behind", "--find-renames",
        "--ignore-submodules=dirty", "--", *pathspecs,
    )  # fmt: skip
    return _read_records(records)


def _read_records(records: Iterable[bytes]) -> _Status:
    """Read the output of ``git status --porcelain=v2 --branch -z``, split at its NUL bytes."""
    status = _Status()
    remaining = iter(records)
    for record in remaining:
        kind, _, rest = record.partition(b" ")
        match kind:
            case b"#":
                _read_header(status, rest.decode("utf-8", "backslashreplace"))
            case b"1":
                _count_tracked(status, rest, rest.split(b" ", 7)[7])
            case b"2":
                _count_tracked(status, rest, rest.split(b" ", 8)[8])
                next(remaining, None)  # the name before the renaming
            case b"u":
                status.unmerged += 1
                _show(status, rest[:2], rest.split(b" ", 9)[9])
            case b"?":
                status.untracked += 1
                _show(status, b"??", rest)
            case _:
                pass  # kinds that a future git may add count for nothing
    return status


def _read_header(status: _Status, line: str) -> None:
    name, _, value = line.partition(" ")
    match name:
        case "branch.oid":
            status.commit = None if value == "(initial)" else value
        case "branch.head":
            status.branch = None if value == "(detached)" else value
        case "branch.upstream":
            status.upstream = value
        case "branch.ab" if counts := re.fullmatch(r"\+(\d+) -(\d+)", value):
            status.ahead, status.behind = int(counts[1]), int(counts[2])
        case _:
            pass


def _count_tracked(status: _Status, rest: bytes, path: bytes) -> None:
    status.changed += 1
    status.staged += rest[:1] != b"."
    _show(status, rest[:2], path)


def _show(status: _Status, state: bytes, path: bytes) -> None:
    if len(status.shown) >= MAX_SHOWN:
        status.left_out += 1
        return
    name = visible(path.decode("utf-8", "backslashreplace"))
    status.paths.append(name)
    status.shown.append(f"{state.decode('ascii', 'replace')} {name}")


def _commit(git: Git, commit: str) -> tuple[str, datetime]:
    """Subject and time of a commit."""
    answer = git.output(
        "log", "-1", "--no-show-signature", "--encoding=UTF-8", "--no-color", "--format=tformat:%ct%x00%s", commit, "--"
    )
    seconds, _, subject = answer.removesuffix(b"\n").partition(b"\0")
    return visible(subject.decode("utf-8", "backslashreplace")), datetime.fromtimestamp(int(seconds), UTC)


def _text(facts: RepositoryFacts, status: _Status) -> str:
    lines = [
        f"commit {facts.commit} of {facts.committed_at.isoformat()}: {facts.subject}",
        f"branch {facts.branch}" if facts.branch else "HEAD is detached",
        f"upstream {facts.upstream}, ahead {facts.ahead}, behind {facts.behind}" if facts.upstream else "no upstream",
        f"{facts.operation} in progress" if facts.operation else "no operation in progress",
        f"staged {facts.staged}, changed {facts.changed}, unmerged {facts.unmerged}, untracked {facts.untracked}",
        *status.shown,
    ]
    if status.left_out:
        lines.append(f"[{status.left_out:,} more paths]")
    return "\n".join(lines) + "\n"


def _no_answer(failure: GitFailed, root: Path) -> NoAnswer:
    words = failure.words
    if found := re.search(r"dubious ownership in repository at '(.*)'|unsafe repository \('(.*)' is owned", words):
        place = found[1] or found[2]
        return NoAnswer(
            f"git does not trust the repository at {place}: it belongs to another user",
            remedy=f"git config --global --add safe.directory {shlex.quote(place)}",
        )
    if "not a git repository" in words:
        return NoAnswer("it is not inside a git repository", remedy=f"git init {shlex.quote(str(root))}")
    if "must be run in a work tree" in words:
        return NoAnswer("it is a bare repository", remedy="point --root at a working tree, e.g. a clone")
    if "cannot change to" in words:
        return NoAnswer("the folder cannot be entered", remedy="correct --root or the permissions of the folder")
    return NoAnswer(f"git failed: {words}", remedy=f"git -C {shlex.quote(str(root))} status")
