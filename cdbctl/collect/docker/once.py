"""An answer that is asked for once, however many threads want it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from cdbctl.collect.wire import Deadline

T = TypeVar("T")


class Once(Generic[T]):
    """Keeps the first answer. A failure is not kept: the next one who asks may be luckier."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answer: list[T] = []

    def get(self, ask: Callable[[], T], deadline: Deadline) -> T:
        """The kept answer, else that of ``ask``; raises what it raises, and TimeoutError."""
        if self._answer:
            return self._answer[0]
        if not self._lock.acquire(timeout=deadline.left()):
            raise TimeoutError
        try:
            if not self._answer:
                self._answer.append(ask())
            return self._answer[0]
        finally:
            self._lock.release()
