"""What the lines of a container say of the time, beside what its engine says: in which zone they are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

_ENOUGH = 50
_FEWEST = 3
_MOST_LINES = 0.8
_QUARTER_SECONDS = 15 * 60


class OwnTime:
    """Finds out by how many quarters of an hour time stamps without an offset are ahead of UTC."""

    def __init__(self, declared: tzinfo) -> None:
        self._declared = declared
        self._quarters: Counter[int] = Counter()
        self._at: datetime | None = None

    @property
    def wanted(self) -> bool:
        """Whether more lines would say more."""
        return self._quarters.total() < _ENOUGH

    def compare(self, stamp: bytes, zone: bytes | None, at: datetime | None) -> None:
        """Look at one line: its own time stamp, and when the engine took it."""
        if zone is not None or at is None:
            return
        try:
            own = datetime.fromisoformat(stamp[:19].decode("ascii")).replace(tzinfo=UTC)
        except ValueError:
            return
        self._quarters[round((own - at).total_seconds() / _QUARTER_SECONDS)] += 1
        self._at = at

    def remarks(self) -> Iterator[str]:
        """Say it when it is not as declared: the reader compares such lines with the times of the report."""
        total = self._quarters.total()
        if self._at is None or total < _FEWEST:
            return
        ((quarters, count),) = self._quarters.most_common(1)
        ahead = timedelta(seconds=quarters * _QUARTER_SECONDS)
        if count < total * _MOST_LINES or abs(ahead) > timedelta(hours=14):
            return
        if ahead != self._at.astimezone(self._declared).utcoffset():
            yield f"its lines are written in {_named(ahead)}, and all times here are those of the engine"


def _named(ahead: timedelta) -> str:
    minutes = round(ahead.total_seconds() / 60)
    return f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}" if minutes else "UTC"
