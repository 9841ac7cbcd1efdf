"""The server's two faces: `Stream` for the simulation thread, and the thread that the network runs in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

import numpy as np

from runtime.goals import GoalError
from runtime.stream import messages
from runtime.stream.hub import ClientStatus, Hub, StreamError
from runtime.stream.mailbox import Mailbox
from runtime.world import World

__all__ = ["ClientStatus", "Stream", "StreamError"]

PORT = 8765


class Stream:
    """Shows a world to other programs and lets them set goals. A context manager.

    Everything but `exchange` may be called from any thread.
    """

    def __init__(
        self,
        world: World,
        host: str = "127.0.0.1",
        port: int = PORT,
        *,
        origins: Sequence[str] = (),
        max_clients: int = 8,
    ) -> None:
        """Listen.

        Args:
            world: whose characters are shown; only `exchange` touches it.
            host: address to listen on. Whoever can reach it can steer: other machines, too, where it is not 127.0.0.1.
            port: 0 takes a free one, see `url`.
            origins: of the web pages that may connect from a browser, such as "http://localhost:8000".
            max_clients: how many programs may be connected; more are told to come back later.

        Raises:
            StreamError: the address cannot be listened on.
        """
        self._world = world
        self._mailbox = Mailbox()
        self._frame = 0
        self._scene: tuple[Any, ...] | None = None
        self._scene_number = 0
        self._hub = Hub(self._mailbox, list(origins), max_clients)
        listening: Future[tuple[str, int]] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._hub.serve(host, port, listening)), name="stream", daemon=True
        )
        self._thread.start()
        self._address = listening.result()

    @property
    def url(self) -> str:
        """Where clients find it."""
        host, port = self._address
        return f"ws://[{host}]:{port}" if ":" in host else f"ws://{host}:{port}"

    @property
    def clients(self) -> tuple[ClientStatus, ...]:
        """Who is connected, and how much of what they were sent and missed."""
        return self._hub.statuses()

    def exchange(self) -> None:
        """Apply what clients have asked for since the last call, and send them the poses of now. Waits for nobody.

        Call it from the thread that steps the world, once a frame. Poses are those of `World.render_poses`.
        """
        for client, asked in self._mailbox.take():
            try:
                self._apply(asked)
            except (GoalError, ValueError) as problem:
                self._hub.tell(client, str(problem))
        if not self._hub.statuses():
            return
        characters, props = self._world.characters, self._world.props
        described = (
            tuple((c.name, None if c.controller is None else c.controller.task) for c in characters),
            tuple((prop.name, prop.shape, tuple(np.ravel(prop.size).tolist())) for prop in props),
        )
        if described != self._scene:
            self._scene, self._scene_number = described, self._scene_number + 1
            shapes = [{"name": name, "shape": shape, "size": list(size)} for name, shape, size in described[1]]
            self._hub.offer_scene(messages.scene(self._scene_number, described[0], shapes))
        self._frame += 1
        packed = messages.poses(
            self._scene_number, self._frame, self._world.time, self._world.render_poses(),
            [character.fallen for character in characters], _stacked([prop.render_pose() for prop in props]),
        )  # fmt: skip
        self._hub.offer_poses(packed)

    def close(self) -> None:
        """Send clients away and stop listening."""
        self._hub.stop()
        self._thread.join()

    def _apply(self, asked: messages.Request) -> None:
        found = [character for character in self._world.characters if character.name == asked.character]
        if not found:
            names = ", ".join(character.name for character in self._world.characters)
            raise ValueError(f"character: expected one of {names}, found {asked.character!r}")
        if isinstance(asked, messages.GoalRequest):
            found[0].goal = asked.goal
        else:
            found[0].push(asked.impulse, asked.body)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _stacked(poses: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Return positions [N, 3] and rotations [N, 4], also of nothing."""
    if not poses:
        return np.zeros((0, 3)), np.zeros((0, 4))
    return np.stack([position for position, _ in poses]), np.stack([rotation for _, rotation in poses])
