"""The state of the repository, read by the real git from real repositories."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.collect import git_program
from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.git import _read_records, read_repository
from cdbctl.model.repository import RepositoryFacts

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs file names or rights that Windows does not have")
GIT = shutil.which("git") or "git"
AT = "2026-02-09T08:00:58+00:00"


class Repository:
    """A repository that a test writes to."""

    def __init__(self, top: Path) -> None:
        self.top = top
        top.mkdir(parents=True, exist_ok=True)
        self.git("init", "--initial-branch=main")
        self.git("config", "user.name", "Test")
        self.git("config", "user.email", "test@example.org")

    def git(self, *arguments: str, check: bool = True) -> str:
        environment = {**os.environ, "GIT_COMMITTER_DATE": AT, "GIT_AUTHOR_DATE": AT, "GIT_EDITOR": "true"}
        return subprocess.run(
            [GIT, *arguments], cwd=self.top, check=check, capture_output=True, text=True, env=environment
        ).stdout

    def write(self, name: str, text: str = "x\n") -> None:
        (self.top / name).parent.mkdir(parents=True, exist_ok=True)
        (self.top / name).write_text(text, encoding="utf-8")

    def commit(self, name: str, text: str = "x\n", subject: str = "a change") -> None:
        self.write(name, text)
        self.git("add", name)
        self.git("commit", "-m", subject)


@pytest.fixture(autouse=True)
def _clean_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test depends on the configuration of the person who runs it."""
    home = tmp_path / "home"
    home.mkdir()
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    yield
    git_program._find_git.cache_clear()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repo")
    made.commit("README.md", subject="Merge pull request #809")
    return made


def read(root: Path, *, exclude: tuple[str, ...] = (), timeout_seconds: float = 10.0) -> RepositoryFacts:
    return read_repository(root, exclude=exclude, timeout_seconds=timeout_seconds).value


def no_answer(root: Path, timeout_seconds: float = 10.0) -> NoAnswer:
    with pytest.raises(NoAnswer) as caught:
        read(root, timeout_seconds=timeout_seconds)
    return caught.value


def counts(facts: RepositoryFacts) -> tuple[int, int, int, int]:
    return facts.staged, facts.changed, facts.unmerged, facts.untracked


def test_a_clean_repository(repository: Repository) -> None:
    seen = read_repository(repository.top, exclude=(), timeout_seconds=10.0)
    commit = repository.git("rev-parse", "HEAD").strip()
    assert seen.value == RepositoryFacts(
        branch="main", commit=commit, subject="Merge pull request #809",
        committed_at=datetime(2026, 2, 9, 8, 0, 58, tzinfo=UTC), staged=0, changed=0, unmerged=0, untracked=0,
        sample=(), upstream=None, ahead=None, behind=None, operation=None,
    )  # fmt: skip
    assert seen.text == (
        f"commit {commit} of 2026-02-09T08:00:58+00:00: Merge pull request #809\nbranch main\nno upstream\n"
        "no operation in progress\nstaged 0, changed 0, unmerged 0, untracked 0\n"
    )


def test_fifty_six_untracked_files_are_not_clean(repository: Repository) -> None:
    for number in range(56):
        repository.write(f"docs/{number:02}.md")
    facts = read(repository.top)
    assert counts(facts) == (0, 0, 0, 56)
    assert facts.sample == tuple(f"docs/{number:02}.md" for number in range(20))


def test_staged_changed_deleted_and_renamed_files_are_told_apart(repository: Repository) -> None:
    for name in ("changed", "deleted", "renamed", "both"):
        repository.commit(name, text=f"{name}\n" * 20)
    repository.write("changed", "other\n")
    (repository.top / "deleted").unlink()
    repository.git("mv", "renamed", "new name")
    repository.write("both", "one\n")
    repository.git("add", "both")
    repository.write("both", "two\n")
    repository.write("staged only")
    repository.git("add", "staged only")
    facts = read(repository.top)
    assert counts(facts) == (3, 5, 0, 0)
    assert set(facts.sample) == {"changed", "deleted", "new name", "both", "staged only"}


def test_the_report_folder_counts_for_nothing_wherever_it_lies(repository: Repository, tmp_path: Path) -> None:
    repository.commit("reports/daily/latest.md")
    repository.write("reports/daily/latest.md", "changed\n")
    repository.write("reports/[x]/new.md")
    repository.write("reports-of-others.md")
    outside = str(tmp_path / "elsewhere")
    assert counts(read(repository.top, exclude=("reports", outside, "../x"))) == (0, 0, 0, 1)
    assert counts(read(repository.top, exclude=(str(repository.top / "reports"),))) == (0, 0, 0, 1)
    assert counts(read(repository.top, exclude=("reports/[x]",))) == (0, 1, 0, 1)
    assert counts(read(repository.top)) == (0, 1, 0, 2)


def test_a_root_below_the_top_shows_the_whole_repository(repository: Repository) -> None:
    repository.write("above.md")
    repository.write("stack/inside.md")
    repository.write("stack/reports/x.md")
    repository.write("reports/y.md")
    facts = read(repository.top / "stack", exclude=("reports",))
    assert facts.sample == ("above.md", "reports/y.md", "stack/inside.md")


@posix_only
def test_hostile_file_names_are_counted_and_shown_harmlessly(repository: Repository) -> None:
    names = [b"a\nb", b'"quoted" \\', b"\xff\xfe", b"\x1b[31mred", b"? looks like a record", "ü →".encode()]
    for name in names:
        (repository.top / os.fsdecode(name)).write_text("x", encoding="utf-8")
    seen = read_repository(repository.top, exclude=(), timeout_seconds=10.0)
    assert seen.value.untracked == len(names)
    shown = {"a\\nb", '"quoted" \\', "\\xff\\xfe", "\\x1b[31mred", "? looks like a record", "ü →"}
    assert set(seen.value.sample) == shown
    assert all(f"?? {name}\n" in seen.text for name in shown)


def test_a_detached_head_has_no_branch(repository: Repository) -> None:
    repository.git("checkout", "--detach")
    assert read(repository.top).branch is None


def test_the_distance_to_the_upstream_is_counted(repository: Repository, tmp_path: Path) -> None:
    repository.git("clone", "--bare", ".", str(tmp_path / "origin.git"))
    repository.git("remote", "add", "origin", str(tmp_path / "origin.git"))
    repository.git("fetch", "origin")
    repository.git("branch", "--set-upstream-to=origin/main")
    repository.commit("one")
    repository.commit("two")
    facts = read(repository.top)
    assert (facts.upstream, facts.ahead, facts.behind) == ("origin/main", 2, 0)
    repository.git("update-ref", "-d", "refs/remotes/origin/main")
    facts = read(repository.top)
    assert (facts.upstream, facts.ahead, facts.behind) == ("origin/main", None, None)


@pytest.fixture
def divided(repository: Repository) -> Repository:
    """Two branches that changed the same line; the current one is ``main``."""
    repository.git("checkout", "-b", "other")
    repository.commit("README.md", "other\n")
    repository.git("checkout", "main")
    repository.commit("README.md", "main\n")
    return repository


@pytest.mark.parametrize(
    ("command", "operation"),
    [
        (("merge", "other"), "merge"),
        (("rebase", "other"), "rebase"),
        (("rebase", "--apply", "other"), "rebase"),
        (("cherry-pick", "other"), "cherry-pick"),
        (("revert", "HEAD~1"), "revert"),
    ],
)
def test_an_operation_that_waits_for_a_person_is_named(
    divided: Repository, command: tuple[str, ...], operation: str
) -> None:
    if operation == "revert":
        divided.commit("README.md", "again\n")
    divided.git(*command, check=False)
    facts = read(divided.top)
    assert (facts.operation, facts.unmerged, facts.sample) == (operation, 1, ("README.md",))


def test_a_bisection_is_named_also_in_a_second_working_tree(repository: Repository, tmp_path: Path) -> None:
    repository.git("worktree", "add", str(tmp_path / "second"))
    second = Repository.__new__(Repository)
    second.top = tmp_path / "second"
    second.git("bisect", "start")
    assert (read(second.top).operation, read(repository.top).operation) == ("bisect", None)


class TestNoAnswer:
    def test_outside_a_repository(self, tmp_path: Path) -> None:
        failure = no_answer(tmp_path)
        assert failure.reason == "it is not inside a git repository"
        assert failure.remedy.startswith("git init ")

    def test_without_commits(self, tmp_path: Path) -> None:
        failure = no_answer(Repository(tmp_path / "new").top)
        assert (failure.reason, failure.remedy) == (
            "the repository has no commits yet",
            "commit the files of the stack",
        )

    def test_in_a_bare_repository(self, repository: Repository, tmp_path: Path) -> None:
        repository.git("clone", "--bare", ".", str(tmp_path / "bare.git"))
        assert no_answer(tmp_path / "bare.git").reason == "it is a bare repository"

    def test_for_a_folder_that_does_not_exist(self, tmp_path: Path) -> None:
        assert no_answer(tmp_path / "nowhere").reason == "the folder cannot be entered"

    @pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can give files away")
    def test_for_a_repository_of_somebody_else(self, tmp_path: Path) -> None:
        top = Repository(tmp_path / "it's theirs").top
        for path in (top, top / ".git"):
            os.chown(path, 65534, 65534)
        failure = no_answer(top)
        assert failure.reason == f"git does not trust the repository at {top}: it belongs to another user"
        subprocess.run(failure.remedy, shell=True, check=True, env=os.environ)  # noqa: S602 - as a person pastes it
        assert no_answer(top).reason == "the repository has no commits yet"

    def test_without_git(self, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        failure = no_answer(repository.top)
        assert (failure.reason, failure.remedy) == ("git is not installed", "install git")

    @posix_only
    def test_with_a_git_in_the_current_folder(
        self, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "git").write_text("#!/bin/sh\n", encoding="utf-8")
        (tmp_path / "git").chmod(0o755)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("PATH", ".")
        assert "in the current folder" in no_answer(repository.top).reason

    @posix_only
    def test_when_git_hangs_and_its_child_holds_the_pipe(
        self, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "git").write_text("#!/bin/sh\nsleep 30 &\nwait\n", encoding="utf-8")
        (tmp_path / "git").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        started = time.monotonic()
        assert no_answer(repository.top, timeout_seconds=0.3).reason == "git did not answer within 0.3 s"
        assert time.monotonic() - started < 3.0

    @posix_only
    def test_when_git_complains_without_end(
        self, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        script = f"#!{sys.executable}\nimport sys\nsys.stderr.write('warning: hm\\n' * 50_000)\nsys.exit(3)\n"
        (tmp_path / "git").write_text(script, encoding="utf-8")
        (tmp_path / "git").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        reason = no_answer(repository.top).reason
        assert reason.startswith("git failed: warning: hm")
        assert len(reason) < 3_000


@posix_only
class TestHostileConfiguration:
    """Reading a repository runs no program that the repository names."""

    @pytest.fixture
    def trap(self, tmp_path: Path) -> Path:
        program = tmp_path / "trap"
        program.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\ncat\n", encoding="utf-8")
        program.chmod(0o755)
        return program

    def sprung(self, trap: Path) -> bool:
        return (trap.parent / "sprung").exists()

    @pytest.mark.parametrize("setting", ["core.fsmonitor", "core.pager", "core.sshCommand", "diff.external"])
    def test_of_a_program(self, repository: Repository, trap: Path, setting: str) -> None:
        repository.git("config", setting, str(trap))
        repository.write("README.md", "changed\n")
        assert read(repository.top).changed == 1
        assert not self.sprung(trap)

    def test_of_hooks(self, repository: Repository, trap: Path) -> None:
        for hook in ("post-index-change", "fsmonitor-watchman", "pre-auto-gc"):
            shutil.copy(trap, repository.top / ".git" / "hooks" / hook)
        repository.write("README.md", "changed\n")
        assert read(repository.top).changed == 1
        assert not self.sprung(trap)

    @pytest.mark.parametrize("setting", ["clean", "process"])
    def test_of_filters_also_in_an_included_file(self, repository: Repository, trap: Path, setting: str) -> None:
        repository.write(".gitattributes", "* filter=Evil.Name\n")
        extra = trap.parent / "extra.cfg"
        subprocess.run([GIT, "config", "-f", str(extra), f"filter.Evil.Name.{setting}", str(trap)], check=True)
        subprocess.run([GIT, "config", "-f", str(extra), "filter.Evil.Name.required", "true"], check=True)
        repository.git("config", "include.path", str(extra))
        os.utime(repository.top / "README.md", (1, 1))
        facts = read(repository.top)
        assert not self.sprung(trap)
        assert (facts.changed, facts.untracked) == (0, 1)

    def test_of_signatures(self, repository: Repository, trap: Path) -> None:
        commit = repository.git("cat-file", "commit", "HEAD")
        head, _, message = commit.partition("\n\n")
        signed = f"{head}\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n\n{message}"
        made = subprocess.run(
            [GIT, "hash-object", "-t", "commit", "-w", "--stdin"],
            cwd=repository.top, input=signed, text=True, check=True, capture_output=True,
        ).stdout.strip()  # fmt: skip
        repository.git("reset", "--soft", made)
        repository.git("config", "log.showSignature", "true")
        repository.git("config", "gpg.program", str(trap))
        assert read(repository.top).commit == made
        assert not self.sprung(trap)

    def test_the_trap_of_these_tests_does_spring_for_an_unguarded_git(self, repository: Repository, trap: Path) -> None:
        repository.git("config", "core.fsmonitor", str(trap))
        repository.git("status", check=False)
        assert self.sprung(trap)


def test_the_environment_cannot_point_git_elsewhere(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Repository(tmp_path / "other")
    other.commit("x", subject="the other one")
    monkeypatch.setenv("GIT_DIR", str(other.top / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.top))
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    assert read(repository.top).subject == "Merge pull request #809"


def test_reading_changes_nothing_in_the_repository(repository: Repository) -> None:
    os.utime(repository.top / "README.md", (1, 1))  # an ordinary git status would now refresh the index
    before = (repository.top / ".git" / "index").read_bytes()
    read(repository.top)
    assert (repository.top / ".git" / "index").read_bytes() == before


PATHS = st.binary(min_size=1, max_size=20).filter(lambda path: b"\0" not in path)


@given(st.lists(st.tuples(st.sampled_from("12u?"), PATHS)))
def test_every_record_is_counted_once_whatever_its_path(entries: list[tuple[str, bytes]]) -> None:
    heads = {
        "1": b"1 M. N... 100644 100644 100644 a b ",
        "2": b"2 R. N... 100644 100644 100644 a b R100 ",
        "u": b"u UU N... 100644 100644 100644 100644 a b c ",
        "?": b"? ",
    }
    records = []
    for kind, path in entries:
        records.append(heads[kind] + path)
        if kind == "2":
            records.append(b"? the old name")
    status = _read_records(records)
    kinds = [kind for kind, _ in entries]
    assert status.changed == status.staged == kinds.count("1") + kinds.count("2")
    assert (status.unmerged, status.untracked) == (kinds.count("u"), kinds.count("?"))
    assert all(path.isprintable() for path in status.paths)
