"""The folder of migrations."""

from __future__ import annotations

import os
import sys
from hashlib import sha256
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.migrations import MAX_TEXT, natural_order, read_migrations
from cdbctl.model.migrations import MigrationFile
from cdbctl.sql.grammar import MAX_SQL_BYTES

FOLDER = "governance/migrations"
RISK_EVENTS = (
    "-- ü → ✅\nCREATE TABLE risk_events (\n  id SERIAL PRIMARY KEY\n);\nCREATE INDEX i ON risk_events (id);\n"
)
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "repo" / FOLDER
    place.mkdir(parents=True)
    return place


def read(folder: Path, **limits: float) -> dict[str, MigrationFile]:
    seen = read_migrations(folder.parents[1], FOLDER, **limits)
    return {file.name: file for file in seen.value.files}


def problem(folder: Path, name: str = "a.sql") -> str | None:
    return read(folder)[name].problem


def test_a_file_says_what_it_brings(folder: Path) -> None:
    (folder / "0004_risk_events.sql").write_text(RISK_EVENTS, encoding="utf-8", newline="\n")
    seen = read_migrations(folder.parents[1], FOLDER)
    assert seen.value.path == FOLDER
    (file,) = seen.value.files
    assert file == MigrationFile(
        name="0004_risk_events.sql",
        path="governance/migrations/0004_risk_events.sql",
        sha256=sha256(RISK_EVENTS.encode()).hexdigest(),
        creates=("public.risk_events", "public.i"),
        adds_columns=(),
        drops=(),
        other_statements=0,
        problem=None,
    )
    assert seen.text == (
        "governance/migrations: 1 file\n"
        f"\n0004_risk_events.sql  sha256 {file.sha256}\n"
        "  line 2: creates public.risk_events\n"
        "  line 5: creates public.i\n"
    )


def test_two_files_of_one_number_and_gaps_are_all_read_in_order(folder: Path) -> None:
    names = ["10_j.sql", "004_b.sql", "004_a.sql", "9_i.sql", "README.md", ".hidden.sql", "002_x.SQL"]
    for name in names:
        (folder / name).write_text("SELECT 1;", encoding="utf-8")
    assert list(read(folder)) == ["002_x.SQL", "004_a.sql", "004_b.sql", "9_i.sql", "10_j.sql"]


def test_an_empty_folder_is_fine(folder: Path) -> None:
    assert read(folder) == {}


def test_an_empty_file_brings_nothing(folder: Path) -> None:
    (folder / "a.sql").write_bytes(b"")
    file = read(folder)["a.sql"]
    assert (file.problem, file.creates, file.sha256) == (None, (), sha256(b"").hexdigest())


@given(st.lists(st.sampled_from(["CREATE TABLE ü (i int);", "-- →", "", "SELECT 'a\nb';"]), max_size=6), st.booleans())
def test_effects_ignore_line_ends_and_byte_order_marks_and_the_checksum_does_not(lines: list[str], bom: bool) -> None:
    unix = "\n".join(lines).encode()
    windows = (b"\xef\xbb\xbf" if bom else b"") + unix.replace(b"\n", b"\r\n")
    with TemporaryDirectory() as name:
        place = Path(name)
        (place / "1.sql").write_bytes(unix)
        (place / "2.sql").write_bytes(windows)
        one, two = read_migrations(place, ".").value.files
    assert (one.sha256, two.sha256) == (sha256(unix).hexdigest(), sha256(windows).hexdigest())
    assert (one.creates, one.other_statements) == (two.creates, two.other_statements)
    assert one.problem is two.problem is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"SELECT 1;\nSELECT '\xfc'", "line 2: not UTF-8 (byte 0xfc)"),
        (b"SELECT 1;\nCREATE TABL x", 'line 2, column 8: syntax error at or near "TABL"'),
        (b"\\restrict x\nSELECT 1;", "line 1, column 1: \\restrict is a command of psql, not SQL"),
        (b"SELECT 1;\n\\connect cdb\n", "line 2, column 1: \\connect is a command of psql, not SQL"),
        (b"SELECT 1;\0DROP TABLE t", "line 1, column 10: contains a NUL character"),
        (b"-" * (MAX_SQL_BYTES + 1), "larger than 1,000,000 bytes: 1,000,001"),
    ],
)
def test_a_file_that_cannot_be_understood_costs_no_other_file(folder: Path, content: bytes, words: str) -> None:
    (folder / "a.sql").write_bytes(content)
    (folder / "b.sql").write_text(RISK_EVENTS, encoding="utf-8")
    found = read(folder)
    assert found["a.sql"].problem == words
    assert found["a.sql"].creates == ()
    assert found["b.sql"].creates == ("public.risk_events", "public.i")
    assert f"problem: {words}" in read_migrations(folder.parents[1], FOLDER).text


def test_a_folder_named_like_a_file_is_a_problem(folder: Path) -> None:
    (folder / "a.sql").mkdir()
    assert problem(folder) == "not a regular file"


@posix_only
def test_a_pipe_is_a_problem_and_nobody_waits_for_it(folder: Path) -> None:
    os.mkfifo(folder / "a.sql")
    assert problem(folder) == "not a regular file"


@posix_only
def test_a_symbolic_link_out_of_the_repository_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.sql").write_text("CREATE TABLE stolen (i int)", encoding="utf-8")
    (folder / "a.sql").symlink_to(tmp_path / "secret.sql")
    file = read(folder)["a.sql"]
    assert file.problem == "a symbolic link that leads outside the repository"
    assert (file.creates, file.sha256) == ((), "")


@posix_only
def test_a_symbolic_link_inside_the_repository_is_followed(folder: Path) -> None:
    (folder.parents[1] / "shared.sql").write_text(RISK_EVENTS, encoding="utf-8")
    (folder / "a.sql").symlink_to("../../shared.sql")
    assert read(folder)["a.sql"].creates == ("public.risk_events", "public.i")


@posix_only
@pytest.mark.parametrize("target", ["a.sql", "nowhere.sql"])
def test_a_symbolic_link_to_nothing_is_a_problem(folder: Path, target: str) -> None:
    (folder / "a.sql").symlink_to(target)
    assert (problem(folder) or "").startswith("cannot be read: ")


@posix_only
def test_a_name_that_no_report_could_hold_is_shown_by_its_escapes(folder: Path) -> None:
    (folder / os.fsdecode(b"1\xff\n\x1b[31m.sql")).write_text("SELECT 1", encoding="utf-8")
    assert list(read(folder)) == ["1\\xff\\n\\x1b[31m.sql"]


def test_what_the_time_did_not_allow_is_said(folder: Path) -> None:
    (folder / "a.sql").write_text(RISK_EVENTS, encoding="utf-8")
    file = read(folder, timeout_seconds=-1.0)["a.sql"]
    assert (file.problem, file.creates) == ("not read: the time for the folder was over", ())


def test_a_missing_folder_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(NoAnswer) as caught:
        read_migrations(tmp_path, FOLDER)
    assert (caught.value.reason, caught.value.remedy) == (
        "the folder does not exist",
        "correct paths.migrations in cdbctl.yaml",
    )


def test_a_file_in_place_of_the_folder_is_no_answer(tmp_path: Path) -> None:
    (tmp_path / "migrations").write_text("", encoding="utf-8")
    with pytest.raises(NoAnswer, match="it is not a folder"):
        read_migrations(tmp_path, "migrations")


def test_the_evidence_stays_small(folder: Path) -> None:
    text = "".join(f"CREATE TABLE t{number} (i int);\n" for number in range(10_000))
    (folder / "a.sql").write_text(text, encoding="utf-8")
    seen = read_migrations(folder.parents[1], FOLDER)
    assert len(seen.value.files[0].creates) == 10_000
    assert len(seen.text) < MAX_TEXT + 100
    assert seen.text.endswith("[cut after 200,000 characters]\n")


@given(st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(["a", "b_2", "ü"]))))
def test_files_are_ordered_by_their_numbers(parts: list[tuple[int, str]]) -> None:
    names = [f"{number}_{name}.sql" for number, name in parts]
    assert sorted(names, key=natural_order) == [f"{number}_{name}.sql" for number, name in sorted(parts)]


@given(st.lists(st.text(max_size=10)), st.randoms())
def test_any_names_have_one_order(names: list[str], random: Random) -> None:
    shuffled = random.sample(names, len(names))
    assert sorted(names, key=natural_order) == sorted(shuffled, key=natural_order)
