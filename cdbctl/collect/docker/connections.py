"""The connections to one engine: kept open between questions, and never more than the way there can carry."""

from __future__ import annotations

import socket
import threading
import weakref

from cdbctl.collect.wire import Deadline

_MOST_IDLE = 8


class Connections:
    """Connections that wait for another question, and the count of all that are open."""

    def __init__(self) -> None:
        self._idle: list[socket.socket] = []
        self._open = 0
        self._changed = threading.Condition()
        # Whoever forgets to close them leaves nothing open: behind a socket may be an ssh.
        self._close_idle = weakref.finalize(self, _close_all, self._idle)

    def take(self, deadline: Deadline, *, most: int) -> socket.socket | None:
        """One that was kept, or None when there is room for a new one; waits until either is so.

        Raises TimeoutError. What was taken must be given back or discarded, a new one that was not made, too.
        """
        with self._changed:
            while not self._idle and self._open >= most:
                self._changed.wait(deadline.left())
            if self._idle:
                return self._idle.pop()
            self._open += 1
            return None

    def give_back(self, sock: socket.socket) -> None:
        """Keep it for another question."""
        with self._changed:
            if len(self._idle) < _MOST_IDLE:
                self._idle.append(sock)
                self._changed.notify()
                return
        self.discard(sock)

    def discard(self, sock: socket.socket | None) -> None:
        """Close it."""
        if sock is not None:
            sock.close()
        with self._changed:
            self._open -= 1
            self._changed.notify()

    def close(self) -> None:
        """Let go of those that wait."""
        with self._changed:
            idle = self._idle[:]
            self._idle.clear()
        for sock in idle:
            self.discard(sock)


def _close_all(idle: list[socket.socket]) -> None:
    while idle:
        idle.pop().close()
