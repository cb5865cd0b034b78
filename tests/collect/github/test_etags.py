"""The file of stored answers: private, sealed, bounded, and never a reason to fail."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdbctl.collect.github import cache
from cdbctl.collect.github.cache import FILE, EtagCache, Stored

URL = "https://api.github.com/repos/jannek/stack"
TOKEN = "ghp_secret"
ANSWER = Stored('W/"abc"', "", '{"name": "stack"}')
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs the rights or files of POSIX")


def stored(folder: Path, url: str = URL, answer: Stored = ANSWER, token: str = TOKEN) -> Path:
    here = EtagCache(folder, token)
    here.keep(url, answer)
    assert here.save() == ""
    return folder / FILE


def found(folder: Path, url: str = URL, token: str = TOKEN) -> Stored | None:
    return EtagCache(folder, token).find(url)


def test_what_was_kept_is_found_again(tmp_path: Path) -> None:
    stored(tmp_path / "new" / "folder")
    assert found(tmp_path / "new" / "folder") == ANSWER
    assert found(tmp_path / "new" / "folder", URL + "/branches") is None
    assert found(tmp_path / "new" / "folder", token="ghp_other") is None


@posix_only
def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        file = stored(tmp_path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [item.name for item in tmp_path.iterdir()] == [FILE]


def test_neither_the_token_nor_an_address_is_in_it(tmp_path: Path) -> None:
    text = stored(tmp_path).read_text(encoding="utf-8")
    assert TOKEN not in text
    assert URL not in text


def test_what_another_hand_changed_is_not_believed(tmp_path: Path) -> None:
    file = stored(tmp_path)
    document = json.loads(file.read_text(encoding="utf-8"))
    (entry,) = document["entries"].values()
    for name in ("etag", "next_page", "body", "seal"):
        changed = {**entry, name: entry[name] + "x"}
        forged = {**document, "entries": dict.fromkeys(document["entries"], changed)}
        file.write_text(json.dumps(forged), encoding="utf-8")
        assert found(tmp_path) is None


def test_an_entry_moved_to_another_address_is_not_believed(tmp_path: Path) -> None:
    file = stored(tmp_path)
    other = stored(tmp_path / "other", URL + "/other")
    entry = next(iter(json.loads(other.read_text(encoding="utf-8"))["entries"].values()))
    document = json.loads(file.read_text(encoding="utf-8"))
    moved = {**document, "entries": dict.fromkeys(document["entries"], entry)}
    file.write_text(json.dumps(moved), encoding="utf-8")
    assert found(tmp_path) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 200_000, b'{"format": "other", "entries": {}}', b"1" * 9000],
)
def test_a_damaged_or_foreign_file_is_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    assert found(tmp_path) is None
    stored(tmp_path)
    assert found(tmp_path) == ANSWER


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entry=st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_no_entry_can_make_it_fail(tmp_path: Path, entry: object) -> None:
    (tmp_path / FILE).unlink(missing_ok=True)
    file = stored(tmp_path)
    document = json.loads(file.read_text(encoding="utf-8"))
    (key,) = document["entries"]
    file.write_text(json.dumps({**document, "entries": {key: entry, "x": entry}}), encoding="utf-8")
    here = EtagCache(tmp_path, TOKEN)
    assert here.find(URL) is None
    here.keep(URL, ANSWER)
    assert here.save() == ""
    assert found(tmp_path) == ANSWER


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(tmp_path)
    monkeypatch.setattr(cache, "LARGEST_FILE_BYTES", 10)
    assert found(tmp_path) is None


@posix_only
def test_a_pipe_in_its_place_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / FILE)
    assert found(tmp_path) is None


def test_it_stays_within_its_size_and_keeps_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "LARGEST_FILE_BYTES", 20_000)
    here = EtagCache(tmp_path, TOKEN)
    for number in range(100):
        here.keep(f"{URL}/{number}", Stored("e", "", "x" * 500))
    here.save()
    assert (tmp_path / FILE).stat().st_size <= 20_000
    assert found(tmp_path, f"{URL}/99") is not None
    assert found(tmp_path, f"{URL}/0") is None


def test_a_huge_answer_is_not_kept(tmp_path: Path) -> None:
    stored(tmp_path, answer=Stored("e", "", "x" * (cache.LARGEST_BODY + 1)))
    assert found(tmp_path) is None


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    here = EtagCache(tmp_path / "file", TOKEN)
    here.keep(URL, ANSWER)
    assert "was not written" in here.save()


def test_where_nothing_changed_nothing_is_written(tmp_path: Path) -> None:
    assert EtagCache(tmp_path, TOKEN).save() == ""
    assert list(tmp_path.iterdir()) == []
