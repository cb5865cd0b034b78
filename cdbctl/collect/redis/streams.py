"""Looks at the streams that checks ask for: few round trips, a bounded number of entries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cdbctl.collect.wire import Deadline
from cdbctl.model.needs import StreamQuestion
from cdbctl.model.redis import ConsumerGroup, StreamFacts
from cdbctl.model.snapshot import Window

if TYPE_CHECKING:
    from redis import Redis

OTHER = "…other"
_MOST_ENTRIES = 10_000
_MOST_VALUES = 50
_PAGE_ENTRIES = 1000
_PAGE_BYTES = 4 * 1024 * 1024
_VALUE_CHARACTERS = 200
_SHARE = 0.6
"""Of the timeout: after that no further page is asked for."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LAST_SEQUENCE = 2**64 - 1


@dataclass(slots=True)
class _Stream:
    """One stream, and its entries inside the window as they are counted, newest first."""

    question: StreamQuestion
    length: int
    newest_at: datetime | None
    groups: tuple[ConsumerGroup, ...]
    page_entries: int
    upper: str
    """Id of the newest entry that is not counted yet."""
    in_window: int = 0
    complete: bool = False
    values: dict[str, Counter[bytes]] = field(default_factory=dict)

    @property
    def asked(self) -> int:
        """Size of the next page; 0 when nothing is left to ask for."""
        return 0 if self.complete else min(self.page_entries, _MOST_ENTRIES - self.in_window)

    def take(self, page: Sequence[tuple[bytes, Mapping[bytes, bytes] | None]]) -> None:
        self.complete = len(page) < self.asked
        self.in_window += len(page)
        for name in self.question.count_fields:
            key = name.encode()
            counted = self.values.setdefault(name, Counter())
            counted.update(fields[key] for _, fields in page if fields and key in fields)
        if page:
            self.upper = _id_before(page[-1][0])

    def facts(self) -> StreamFacts:
        return StreamFacts(
            name=self.question.name,
            length=self.length,
            newest_at=self.newest_at,
            in_window=self.in_window,
            in_window_complete=self.complete,
            counts={name: _most_common(counted) for name, counted in self.values.items()},
            groups=self.groups,
        )


def read_streams(
    client: Redis, questions: Sequence[StreamQuestion], *, window: Window, deadline: Deadline
) -> tuple[tuple[StreamFacts, ...], tuple[str, ...]]:
    """The streams that exist, and a note for each name that is none; raises the errors of redis-py."""
    if not questions:
        return (), ()
    with client.pipeline(transaction=False) as asking:
        for question in questions:
            asking.type(question.name)
        kinds = [readable(kind) for kind in asking.execute()]
    notes = tuple(
        f"{question.name}: " + ("does not exist" if kind == "none" else f"is a {kind}, not a stream")
        for question, kind in zip(questions, kinds, strict=True)
        if kind != "stream"
    )
    present = [question for question, kind in zip(questions, kinds, strict=True) if kind == "stream"]
    streams = list(_outlines(client, present, window))
    _count(client, streams, since=str(_milliseconds(window.since, up=True)), deadline=deadline)
    return tuple(stream.facts() for stream in streams), notes


def _outlines(client: Redis, questions: Sequence[StreamQuestion], window: Window) -> Iterator[_Stream]:
    """Everything but the entries, for all streams in one round trip."""
    with client.pipeline(transaction=False) as asking:
        for question in questions:
            asking.xlen(question.name)
            asking.xrevrange(question.name, count=1)
            asking.xinfo_groups(question.name)
            asking.memory_usage(question.name)
        answers = iter(asking.execute(raise_on_error=False))
    for question in questions:
        length, newest, groups, used_bytes = (next(answers) for _ in range(4))
        for answer in (length, newest, groups):
            if isinstance(answer, Exception) and "no such key" not in str(answer):
                raise answer
        # The size only bounds the pages; a user who may not ask for it gets small ones.
        entry_bytes = used_bytes / length if isinstance(used_bytes, int) and length else _PAGE_BYTES / 100
        yield _Stream(
            question=question,
            length=length,
            newest_at=_time(newest[0][0]) if newest else None,
            groups=() if isinstance(groups, Exception) else tuple(map(_group, groups)),
            page_entries=max(1, min(_PAGE_ENTRIES, int(_PAGE_BYTES / max(1.0, entry_bytes)))),
            upper=str(_milliseconds(window.until)),
        )


def _count(client: Redis, streams: Sequence[_Stream], *, since: str, deadline: Deadline) -> None:
    """Page through the window of all streams side by side, until all is counted or the time is used up.

    The first page is always asked for: on a slow day the newest entries are better than none.
    """
    while waiting := [stream for stream in streams if stream.asked]:
        if deadline.used_share() > _SHARE and any(stream.in_window for stream in streams):
            return
        with client.pipeline(transaction=False) as asking:
            for stream in waiting:
                asking.xrevrange(stream.question.name, max=stream.upper, min=since, count=stream.asked)
            for stream, page in zip(waiting, asking.execute(), strict=True):
                stream.take(page)


def _group(group: Mapping[str, Any]) -> ConsumerGroup:
    lag = group.get("lag")
    return ConsumerGroup(
        name=readable(group["name"]), pending=int(group["pending"]), lag=None if lag is None else int(lag)
    )


def _most_common(counted: Counter[bytes]) -> dict[str, int]:
    """Value -> entries, most frequent first, at most 50 values and the rest together."""
    shown: dict[str, int] = {}
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    for number, (value, times) in enumerate(ordered):
        name = readable(value)[:_VALUE_CHARACTERS] if number < _MOST_VALUES else OTHER
        shown[name] = shown.get(name, 0) + times
    return shown


def readable(raw: object) -> str:
    """Text of the server; bytes that are not UTF-8 are made visible."""
    return raw.decode("utf-8", errors="backslashreplace") if isinstance(raw, bytes) else str(raw)


def _milliseconds(at: datetime, *, up: bool = False) -> int:
    whole, rest = divmod(at - _EPOCH, _MILLISECOND)
    return whole + 1 if up and rest else whole


def _time(entry: bytes) -> datetime | None:
    """The time inside an id; None for one that a person made up (``99999999999999999-1``)."""
    try:
        return _EPOCH + int(entry.partition(b"-")[0]) * _MILLISECOND
    except (OverflowError, ValueError):
        return None


def _id_before(entry: bytes) -> str:
    """The next smaller id. Servers before 6.2 have no exclusive ranges."""
    milliseconds, sequence = map(int, entry.split(b"-"))
    return f"{milliseconds}-{sequence - 1}" if sequence else f"{milliseconds - 1}-{_LAST_SEQUENCE}"
