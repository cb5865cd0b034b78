"""Each line of a container comes out once, whole, behind the time at which the engine took it."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.collect.docker.frames import Frames, NotTheProtocolError, TerminalLines, read_stamp
from cdbctl.collect.logs.scanner import LINE_BYTES

STAMP = b"2026-02-09T08:00:48.062123456Z "
LATER = b"2026-02-09T08:00:49.000000000Z "


def frame(text: bytes, *, kind: int = 1, stamp: bytes = STAMP) -> bytes:
    """One entry as an engine sends it."""
    payload = stamp + text
    return bytes([kind, 0, 0, 0]) + len(payload).to_bytes(4, "big") + payload


def parsed(data: bytes, *, pieces: Sequence[int] = ()) -> list[bytes]:
    """The lines of a whole answer, taken in pieces."""
    frames = Frames()
    taken = []
    for size in pieces:
        taken.append(frames.take(data[:size]))
        data = data[size:]
    taken += [frames.take(data), frames.finish()]
    assert not frames.cut
    return b"".join(taken).split(b"\n")[:-1]


def plainly(entries: Sequence[tuple[int, bytes, bytes]]) -> list[bytes]:
    """The same, worked out from the entries by the plainest means."""
    lines: list[tuple[int, bytes]] = []
    open_lines: dict[int, tuple[bytes, bytes]] = {}
    for number, (kind, stamp, text) in enumerate(entries):
        first_stamp, before = open_lines.pop(kind, (stamp, b""))
        *whole, rest = (before + text).split(b"\n")
        for line in whole:
            lines.append((number, first_stamp + line))
            first_stamp = stamp
        if rest:
            open_lines[kind] = first_stamp, rest
    return [line for _, line in lines] + [stamp + rest for stamp, rest in open_lines.values()]


TEXTS = st.one_of(
    st.binary(max_size=60),
    st.binary(max_size=60).map(lambda text: text.replace(b"\n", b"") + b"\n"),
    st.just(frame(b"looks like an entry\n")),
    st.just(frame(b"looks like an entry\n") + b"\n"),
    st.just(b"\x01\x00\x00\x00\x00\x00\x00\x20" + STAMP + b"\n"),
    st.just(STAMP + b"looks like a stamp\n"),
    st.just(b"\n"),
)
ENTRIES = st.lists(st.tuples(st.sampled_from([1, 2]), st.sampled_from([STAMP, LATER]), TEXTS), max_size=12)


class TestLaws:
    @given(ENTRIES, st.lists(st.integers(0, 70), max_size=30))
    def test_any_entries_in_any_pieces_give_the_lines_that_were_written(
        self, entries: list[tuple[int, bytes, bytes]], pieces: list[int]
    ) -> None:
        data = b"".join(frame(text, kind=kind, stamp=stamp) for kind, stamp, text in entries)
        assert sorted(parsed(data, pieces=pieces)) == sorted(plainly(entries))

    @given(st.binary(max_size=200), st.integers(1, 20))
    def test_any_bytes_are_lines_or_refused(self, data: bytes, piece: int) -> None:
        frames = Frames()
        try:
            for start in range(0, len(data), piece):
                for line in frames.take(data[start : start + piece]).split(b"\n")[:-1]:
                    assert read_stamp(line)
        except NotTheProtocolError:
            pass

    @given(st.lists(st.binary(max_size=40).map(lambda text: text.replace(b"\n", b"")), max_size=8), st.integers(1, 50))
    def test_a_terminal_gives_the_same_lines_in_any_pieces(self, texts: list[bytes], piece: int) -> None:
        data = b"".join(STAMP + text + b"\r\n" for text in texts)
        terminal = TerminalLines()
        taken = b"".join(terminal.take(data[start : start + piece]) for start in range(0, len(data), piece))
        assert taken + terminal.finish() == data


class TestLongLines:
    @pytest.mark.parametrize("seed", range(5))
    def test_the_pieces_of_a_long_line_are_joined_behind_the_first_stamp(self, seed: int) -> None:
        text = b"a" * 16384 + b"b" * 16384 + b"end"
        data = frame(text[:16384]) + frame(text[16384:32768], stamp=LATER) + frame(text[32768:] + b"\n", stamp=LATER)
        chance = random.Random(seed)
        assert parsed(data, pieces=[chance.randrange(9000) for _ in range(4)]) == [STAMP + text]

    def test_pieces_of_both_streams_are_not_glued_together(self) -> None:
        data = frame(b"out ") + frame(b"err ", kind=2) + frame(b"put\n") + frame(b"or\n", kind=2) + frame(b"next\n")
        assert parsed(data) == [STAMP + b"out put", STAMP + b"err or", STAMP + b"next"]

    def test_a_long_line_whose_end_the_driver_lost_is_not_glued_to_the_next(self) -> None:
        frames = Frames(pieces_share_stamps=True)
        taken = frames.take(frame(b"a" * 16384) + frame(b"end") + frame(b"next\n", stamp=LATER))
        assert taken == STAMP + b"a" * 16384 + b"end\n" + LATER + b"next\n"

    def test_a_line_without_an_end_is_a_line(self) -> None:
        assert parsed(frame(b"one\n") + frame(b"two")) == [STAMP + b"one", STAMP + b"two"]

    def test_an_endless_line_is_kept_up_to_the_limit_only(self) -> None:
        frames = Frames()
        for _ in range(1000):
            assert frames.take(frame(b"x" * 16384)) == b""
        assert len(frames.finish()) <= LINE_BYTES + 64

    def test_an_endless_entry_is_not_collected(self) -> None:
        size = 50_000_000
        frames = Frames()
        taken = frames.take(b"\x01\x00\x00\x00" + (len(STAMP) + size).to_bytes(4, "big") + STAMP)
        for _ in range(size // 100_000):
            taken += frames.take(b"x" * 100_000)
            assert len(frames._rest) < 300_000
        assert not frames.cut
        assert len(taken + frames.finish()) <= LINE_BYTES + 64

    def test_an_endless_entry_of_many_lines_is_read_line_by_line(self) -> None:
        text = b"0123456789\n" * 30_000
        lines = parsed(frame(text) + frame(b"after\n", stamp=LATER), pieces=[70_000, 70_000, 9])
        assert lines == [STAMP + b"0123456789"] * 30_000 + [LATER + b"after"]

    def test_a_long_line_of_a_terminal_is_freed_of_the_stamps_inside(self) -> None:
        text = b"a" * 16384 + b"b" * 16384 + b"end\r\n"
        data = STAMP + text[:16384] + LATER + text[16384:32768] + LATER + text[32768:] + STAMP + b"next\r\n"
        terminal = TerminalLines()
        assert terminal.take(data) == STAMP + text + STAMP + b"next\r\n"

    def test_an_endless_line_of_a_terminal_is_cut(self) -> None:
        terminal = TerminalLines()
        taken = b"".join([terminal.take(STAMP), *(terminal.take(b"x" * 50_000) for _ in range(100))])
        taken += terminal.take(b"\n" + STAMP + b"next\n")
        assert taken.count(b"\n") == 2
        assert len(taken) < 4 * LINE_BYTES
        assert taken.endswith(b"\n" + STAMP + b"next\n")


class TestWhatTheEngineSays:
    def test_its_own_error_is_not_a_line(self) -> None:
        frames = Frames()
        said = b"error from daemon in stream: unexpected EOF"
        assert frames.take(frame(b"fine\n") + frame(said, kind=3, stamp=b"")) == STAMP + b"fine\n"
        assert frames.complaints == [said]

    def test_an_answer_that_ends_inside_an_entry_is_cut(self) -> None:
        data = frame(b"whole\n") + frame(b"half of it\n")[:-3]
        frames = Frames()
        assert frames.take(data) == STAMP + b"whole\n"
        assert frames.cut

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (frame(b"x\n", kind=9), "an entry of type 9"),
            (frame(b"x\n", kind=0), "an entry of type 0"),
            (b"HTTP/1.1 200 OK\r\n\r\n", "no entry at all"),
            (frame(b"without a stamp\n", stamp=b""), "without a time stamp"),
            (frame(b"x\n", stamp=b"2026-02-30T08:00:48.062+01:00 "), "a time that cannot be"),
        ],
    )
    def test_what_is_no_log_of_an_engine_is_refused(self, data: bytes, reason: str) -> None:
        with pytest.raises(NotTheProtocolError, match=reason):
            Frames().take(data)

    def test_a_terminal_without_stamps_is_refused(self) -> None:
        with pytest.raises(NotTheProtocolError, match="without a time stamp"):
            TerminalLines().take(b"hello\n")


@pytest.mark.parametrize(
    ("written", "stamp"),
    [
        (b"2026-02-09T08:00:48.062123456Z ", STAMP),
        (b"2026-02-09T09:00:48.062123456+01:00 ", STAMP),
        (b"2026-02-08T23:30:48-08:30 ", b"2026-02-09T08:00:48.000000000Z "),
        (b"2026-02-09T08:00:48Z ", b"2026-02-09T08:00:48.000000000Z "),
        (b"2026-02-09T08:00:48.5Z 12345Z ", b"2026-02-09T08:00:48.500000000Z "),
    ],
)
def test_the_stamps_of_other_engines_are_read_as_those_of_docker(written: bytes, stamp: bytes) -> None:
    text = b"12345Z x\n" if written.endswith(b"12345Z ") else b"x\n"
    entry = written.removesuffix(b"12345Z ") + text
    header = b"\x01\x00\x00\x00" + len(entry).to_bytes(4, "big")
    assert Frames().take(header + entry) == stamp + text
