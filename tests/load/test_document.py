"""The strict reader of YAML files."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.errors import Problem
from cdbctl.load.document import Document, parse_document, read_document


def parsed(text: str | bytes) -> Document:
    problems: list[Problem] = []
    raw = text.encode() if isinstance(text, str) else text
    document = parse_document(raw, file="x.yaml", problems=problems)
    assert problems == []
    assert document is not None
    return document


def complaints(text: str | bytes, *, max_bytes: int = 1024 * 1024) -> list[str]:
    problems: list[Problem] = []
    raw = text.encode() if isinstance(text, str) else text
    parse_document(raw, file="x.yaml", problems=problems, max_bytes=max_bytes)
    return [str(problem) for problem in problems]


class TestPlainData:
    def test_only_true_and_false_are_booleans(self) -> None:
        document = parsed("[true, False, yes, no, on, off, y, n]")
        assert document.data == [True, False, "yes", "no", "on", "off", "y", "n"]

    def test_dates_and_times_stay_text(self) -> None:
        assert parsed("[2026-02-09, 2026-02-09T08:00:00Z, 12:30:45]").data == [
            "2026-02-09",
            "2026-02-09T08:00:00Z",
            "12:30:45",
        ]

    def test_numbers_are_those_of_yaml_1_2(self) -> None:
        assert parsed("[1, -2, +3, 0o17, 0x1F, 010, 1.5, .5, 1e3, 1_000, 0b1, '7']").data == [
            1, -2, 3, 15, 31, 10, 1.5, 0.5, 1000.0, "1_000", "0b1", "7",
        ]  # fmt: skip

    def test_nothing_is_none(self) -> None:
        assert parsed("[null, ~, NULL, 'null', '']").data == [None, None, None, "null", ""]
        assert parsed("a:").data == {"a": None}

    def test_a_block_text_keeps_its_lines(self) -> None:
        assert parsed("a: |\n  one\n  two\nb: >\n  one\n  two\n").data == {"a": "one\ntwo\n", "b": "one two\n"}

    def test_windows_line_ends_and_a_byte_order_mark_change_nothing(self) -> None:
        plain = "# note\na: 1\nb:\n  - x\n  - |\n    t\n    u\n"
        windows = parsed(b"\xef\xbb\xbf" + plain.replace("\n", "\r\n").encode())
        assert windows.data == parsed(plain).data
        assert windows.line(("b", 1)) == parsed(plain).line(("b", 1)) == 5

    def test_umlauts_arrows_and_emoji_are_text(self) -> None:
        text = "Prüfung → ❌ 👩‍💻 ≥"
        assert parsed(f"a: {text}").data == {"a": text}


class TestLines:
    TEXT = "# one\na: 1\nb:\n\n  c:\n    - x\n    - {y: 2,\n       z: 3}\n"

    @pytest.mark.parametrize(
        ("path", "line"),
        [
            ((), 2),
            (("a",), 2),
            (("b",), 3),
            (("b", "c"), 5),
            (("b", "c", 0), 6),
            (("b", "c", 1, "y"), 7),
            (("b", "c", 1, "z"), 8),
        ],
    )
    def test_every_value_knows_the_line_of_its_key(self, path: tuple[str | int, ...], line: int) -> None:
        assert parsed(self.TEXT).line(path) == line

    def test_what_is_absent_has_the_line_of_what_is_around_it(self) -> None:
        assert parsed(self.TEXT).line(("b", "missing", "deeper")) == 3
        assert parsed(self.TEXT).line(("b", "c", 7)) == 5

    def test_a_problem_names_file_line_and_field(self) -> None:
        problem = parsed(self.TEXT).problem(("b", "c", 1, "z"), "is wrong")
        assert str(problem) == "x.yaml:8: b.c[1].z: is wrong"

    def test_the_parser_without_c_gives_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fast = parsed(self.TEXT)
        monkeypatch.delattr(yaml, "CSafeLoader")
        assert parsed(self.TEXT) == fast


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("a: 1\nb: 2\na: 3\n", "x.yaml:3: a: duplicate key: it is already on line 1"),
            ("s:\n  x: {a: 1, a: 2}", "x.yaml:2: s.x.a: duplicate key: it is already on line 2"),
            ("a: &here 1\n", "x.yaml:1: a: anchors (&name) are not used here: write the value out"),
            ("a: 1\nb: *here\n", "x.yaml:2: b: aliases (*name) are not used here: write the value out"),
            ("a: !!int 5\n", "x.yaml:1: a: tags (tag:yaml.org,2002:int) are not used here"),
            ("a: !py x\n", "x.yaml:1: a: tags (!py) are not used here"),
            ("a: {<<: {b: 1}}\n", "x.yaml:1: a.<<: merge keys (<<) are not used here: write the values out"),
            ("a: 1\n---\nb: 2\n", "x.yaml:2: a second document begins here: only one is read"),
            ("%YAML 1.1\n---\na: 1\n", "x.yaml:1: directives (%YAML, %TAG) are not used here"),
            ("[a]: 1\n", "x.yaml:1: a key must be text, not a mapping or a list"),
            ("- {5: 1}\n", "x.yaml:1: [0].5: a key must be text: put it in quotes"),
            ("true: 1\n", "x.yaml:1: true: a key must be text: put it in quotes"),
            ("a: .nan\n", "x.yaml:1: a: .nan is not a number that can be used"),
            ("a: 1e999\n", "x.yaml:1: a: 1e999 is too large a number: if it is text, put it in quotes"),
            ('a: "\\e[31m"\n', "x.yaml:1: a: holds a hidden character, written as an escape: remove it"),
            ('"\\u202e": 1\n', "x.yaml:1: \\u202e: the key holds a hidden character: remove it"),
            ("", "x.yaml: is empty"),
            ("# only words\n", "x.yaml: is empty"),
            ("---\n", "x.yaml: is empty"),
        ],
    )
    def test_what_could_be_read_in_two_ways_is_refused(self, text: str, complaint: str) -> None:
        assert complaints(text) == [complaint]

    @pytest.mark.parametrize(
        "hidden", ["\x00", "\x1b", "\x85", "\u2028", "\u2029", "\u202e", "\u200b", "\ufeff", "\x7f"]
    )
    def test_hidden_characters_are_refused_with_their_line(self, hidden: str) -> None:
        text = f"a: 1\n# b{hidden}approved: true\n"
        assert complaints(text) == [f"x.yaml:2: holds the hidden character U+{ord(hidden):04X}: remove it"]

    def test_a_lone_carriage_return_cannot_hide_a_line(self) -> None:
        assert complaints("# safe\rapproved: true\n") == ["x.yaml:1: holds the hidden character U+000D: remove it"]

    def test_all_duplicates_are_named_at_once(self) -> None:
        assert len(complaints("a: 1\nb: 1\na: 2\nb: 2\n")) == 2

    def test_broken_yaml_is_named_with_its_line(self) -> None:
        (complaint,) = complaints("a: 1\nb: [1, 2\nc: 3\n")
        assert complaint.startswith("x.yaml:3: is not valid YAML: ")

    def test_other_encodings_are_refused(self) -> None:
        assert complaints("a: 1\nb: ä".encode("latin-1")) == ["x.yaml:2: is not UTF-8 text: save it as UTF-8"]
        assert complaints("a: 1".encode("utf-16")) != []

    @pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
    def test_deep_nesting_is_a_problem_not_a_crash(self, opening: str) -> None:
        started = time.monotonic()
        assert complaints(opening * 20_000) != []
        assert time.monotonic() - started < 5

    def test_too_many_values_are_refused_early(self) -> None:
        assert complaints("[" + "1," * 200_000 + "]") == ["x.yaml:1: [99999]: holds more than 100000 values"]

    def test_a_large_file_is_not_read(self) -> None:
        assert complaints("a: 1", max_bytes=3) != []
        assert complaints("#" * (1024 * 1024 + 1)) == ["x.yaml: is larger than 1024 KiB"]


class TestFiles:
    def read(self, path: Path) -> list[str]:
        problems: list[Problem] = []
        assert read_document(path, file="x.yaml", problems=problems) is None
        return [str(problem) for problem in problems]

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        assert self.read(tmp_path / "no.yaml") == ["x.yaml: does not exist"]

    def test_a_folder_is_not_a_file(self, tmp_path: Path) -> None:
        assert self.read(tmp_path) == ["x.yaml: is not a file"]

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes exist on POSIX only")
    def test_a_named_pipe_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.yaml")
        assert self.read(tmp_path / "pipe.yaml") == ["x.yaml: is not a file"]

    def test_a_path_that_cannot_be_is_named(self, tmp_path: Path) -> None:
        assert self.read(tmp_path / ("x" * 5000))[0].startswith("x.yaml: cannot be read: ")


YAMLISH = st.text(alphabet=st.sampled_from(list("ab:-[]{}#&*!|>'\"%@`,? \n\r\t~<=.0159eE\\ü\u2028\x1b")), max_size=200)


@given(st.binary(max_size=300) | YAMLISH.map(str.encode))
def test_any_bytes_give_a_document_or_problems(raw: bytes) -> None:
    problems: list[Problem] = []
    document = parse_document(raw, file="x.yaml", problems=problems)
    assert document is not None or problems


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.text(st.characters(min_codepoint=32, max_codepoint=126)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdef", min_size=1), inner, max_size=4),
    max_leaves=12,
)


@given(JSON.filter(lambda value: value is not None))
def test_what_another_program_writes_as_yaml_is_read_back(value: object) -> None:
    text = yaml.dump(value, Dumper=_NoAliases, allow_unicode=True)
    assert parsed(text).data == value


class _NoAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True
