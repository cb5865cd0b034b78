"""Asks many questions at once, by a bounded number of threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import TypeVar

from cdbctl.collect.attempt import NoAnswer

T = TypeVar("T")


def answers(questions: Iterable[tuple[str, Callable[[], T]]], *, threads: int) -> dict[str, T | NoAnswer]:
    """The answer to each question by its name, or the reason why there is none.

    Every question keeps to its own deadline; the threads are daemons all the same, so that none can hold the end
    of the program.
    """
    waiting: SimpleQueue[tuple[str, Callable[[], T]]] = SimpleQueue()
    arrived: SimpleQueue[tuple[str, T | NoAnswer | Exception]] = SimpleQueue()
    names = []
    for name, ask in questions:
        names.append(name)
        waiting.put((name, ask))

    def work() -> None:
        while True:
            try:
                name, ask = waiting.get_nowait()
            except Empty:
                return
            arrived.put((name, _answer(ask)))

    for _ in range(min(threads, len(names))):
        threading.Thread(target=work, daemon=True).start()
    found: dict[str, T | NoAnswer] = {}
    for _ in names:
        name, answer = arrived.get()
        if isinstance(answer, Exception) and not isinstance(answer, NoAnswer):
            raise answer
        found[name] = answer
    return found


def _answer(ask: Callable[[], T]) -> T | NoAnswer | Exception:
    try:
        return ask()
    except NoAnswer as failure:
        return failure
    except Exception as defect:  # noqa: BLE001 - it is raised again by the one who waits for the answer
        return defect
