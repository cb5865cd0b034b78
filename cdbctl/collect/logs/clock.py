"""Time stamps of log lines against the window, one minute at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from cdbctl.model.snapshot import Window

_REMEMBERED = 4096
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute as a log writes it."""

    at: datetime | None
    """Its beginning in UTC; None when there is no such minute."""
    inside: bool | None
    """Whether all of it lies inside the window (or outside); None: look at each second."""


class Clock:
    """Reads the time stamps of one log. Converting a minute once is enough for all of its lines."""

    def __init__(self, window: Window, zone: tzinfo) -> None:
        self._window = window
        self._zone = zone
        self._minutes: dict[tuple[bytes, bytes | None], Minute] = {}

    def minute(self, stamp: bytes, zone: bytes | None) -> Minute:
        """The minute of a time stamp (``YYYY-MM-DD HH:MM…``)."""
        key = (stamp[:16], zone)
        found = self._minutes.get(key)
        if found is None:
            if len(self._minutes) >= _REMEMBERED:
                self._minutes.clear()
            found = self._minutes[key] = self._convert(*key)
        return found

    def at(self, stamp: bytes, zone: bytes | None) -> datetime | None:
        """The moment of a time stamp, or None when there is no such time."""
        minute = self.minute(stamp, zone).at
        if minute is None:
            return None
        micros = int(stamp[20:26].ljust(6, b"0"))
        return minute + timedelta(seconds=int(stamp[17:19]), microseconds=micros)

    def side(self, at: datetime | None) -> int | None:
        """Before (-1), inside (0) or after (1) the window."""
        return None if at is None else (at > self._window.until) - (at < self._window.since)

    def inside(self, at: datetime) -> bool:
        """Whether a moment lies inside the window; both ends belong to it."""
        return self._window.since <= at <= self._window.until

    def _convert(self, stamp: bytes, zone: bytes | None) -> Minute:
        try:
            at = self._utc(datetime.fromisoformat(stamp.decode()), zone)
        except (ValueError, OverflowError):
            return Minute(None, False)
        if at >= self._window.since and at + _MINUTE < self._window.until:
            return Minute(at, True)
        outside = at > self._window.until or at + _MINUTE < self._window.since
        return Minute(at, False if outside else None)

    def _utc(self, local: datetime, zone: bytes | None) -> datetime:
        fixed = _fixed_zone(zone)
        if fixed is not None:
            return local.replace(tzinfo=fixed).astimezone(UTC)
        # In the hour that autumn repeats, a log means the later reading unless that is still to come.
        later = local.replace(tzinfo=self._zone, fold=1).astimezone(UTC)
        return later if later <= self._window.until else local.replace(tzinfo=self._zone).astimezone(UTC)


def _fixed_zone(zone: bytes | None) -> tzinfo | None:
    if zone is None:
        return None
    if zone in (b"Z", b"UTC", b"GMT"):
        return UTC
    if zone[:1] not in b"+-":
        return None  # PostgreSQL prints the abbreviation of the log's own zone
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return timezone(-offset if zone[:1] == b"-" else offset)
