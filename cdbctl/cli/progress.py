"""Live progress on a terminal: which sources have answered, which are still awaited."""

from __future__ import annotations

from types import TracebackType
from typing import TextIO

from cdbctl.model.reading import Observed, Unavailable


class Progress:
    """One line on the terminal that is gone when the work is done."""

    def __init__(self, stream: TextIO, *, enabled: bool) -> None:
        self._stream = stream
        self._enabled = enabled
        self._answered = 0
        self._silent: list[str] = []

    def __enter__(self) -> Progress:
        self._show("looking at the stack …")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._show("")

    def arrived(self, reading: Observed[object] | Unavailable) -> None:
        """Count one more answer, or name the source that gave none."""
        if isinstance(reading, Unavailable):
            self._silent.append(reading.source)
        else:
            self._answered += 1
        unanswered = f", no answer from {', '.join(self._silent)}" if self._silent else ""
        self._show(f"{self._answered} sources answered{unanswered}")

    def _show(self, text: str) -> None:
        if not self._enabled:
            return
        from cdbctl.render.text import make_visible

        shown = make_visible(text)[:100].encode(self._stream.encoding or "ascii", "replace")
        self._stream.write(f"\r\x1b[K{shown.decode(self._stream.encoding or 'ascii')}")
        self._stream.flush()
