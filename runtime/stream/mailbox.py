"""Where requests wait for the simulation: the one thing that both threads touch on their way in."""

from __future__ import annotations

import threading

from runtime.stream.messages import PushRequest, Request

MAX_WAITING = 256
"""Requests waiting at most; one a character for goals, so that only pushes and made-up names can reach it."""


class Mailbox:
    """Requests in the order they came, each with its client's number; a character's later goal replaces its earlier."""

    def __init__(self) -> None:
        """Make an empty one."""
        self._lock = threading.Lock()
        self._waiting: dict[object, tuple[int, Request]] = {}
        self._pushes = 0

    def put(self, client: int, request: Request) -> bool:
        """Leave a request; returns False when there is no room, because nobody takes them."""
        with self._lock:
            key: object = request.character
            if isinstance(request, PushRequest):
                self._pushes += 1
                key = self._pushes
            self._waiting.pop(key, None)
            if len(self._waiting) >= MAX_WAITING:
                return False
            self._waiting[key] = (client, request)
            return True

    def take(self) -> list[tuple[int, Request]]:
        """Return all that wait and forget them."""
        if not self._waiting:  # read without the lock: what comes this moment is taken next time
            return []
        with self._lock:
            taken, self._waiting = list(self._waiting.values()), {}
            return taken
