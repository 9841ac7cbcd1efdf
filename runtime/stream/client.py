"""A small client, for Python programs and as an example: it waits where it is told to and has no thread of its own.

(The websockets library reads ahead in one: up to 16 messages, then the server begins to drop poses.)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.sync.client import connect

from runtime.goals import Goal
from runtime.stream import messages
from runtime.stream.hub import StreamError
from runtime.stream.server import PORT

URL = f"ws://127.0.0.1:{PORT}"
MAX_CHARACTERS = 10_000


@dataclass(frozen=True)
class Scene:
    """What poses are of."""

    number: int
    bodies: tuple[str, ...]
    """Names of the bodies of a character, root first."""
    parents: tuple[int, ...]
    """Index of each body's parent, -1 for the root."""
    characters: tuple[tuple[str, str | None], ...]
    """Name and task of each; without a controller the task is None."""
    props: tuple[dict[str, Any], ...]
    """Name, shape and size of each."""


@dataclass(frozen=True)
class Poses:
    """Where everybody is at one instant; world frame, z up, metres."""

    time: float
    """Simulated, s."""
    skipped: int
    """Poses made by the server since the last ones given, and not seen."""
    position: np.ndarray  # [N, 15, 3] m
    rotation: np.ndarray  # [N, 15, 4] wxyz
    fallen: tuple[bool, ...]
    """Of each of the N characters."""
    prop_position: np.ndarray  # [M, 3] m
    prop_rotation: np.ndarray  # [M, 4] wxyz


class StreamClient:
    """A connection to a `Stream`. A context manager; for one thread."""

    scene: Scene
    """What the last poses were of."""
    errors: deque[str]
    """What the server said of requests it refused, the last 100."""

    def __init__(self, url: str = URL, timeout: float = 10.0) -> None:
        """Connect and wait for the scene.

        Args:
            url: the stream's.
            timeout: longest wait, s.

        Raises:
            StreamError: nobody is there, or it is no stream of this version.
        """
        self.errors = deque(maxlen=100)
        self._frame = 0
        self._timeout = timeout
        self._exit = ExitStack()
        try:
            self._connection = self._exit.enter_context(
                connect(url, open_timeout=timeout, compression=None, max_size=messages.MAX_UPDATE_BYTES, proxy=None)
            )
        except (OSError, InvalidHandshake, InvalidURI) as error:
            raise StreamError(f"{url}: {error}") from error
        self._pending: Poses | None = None
        try:
            while not hasattr(self, "scene"):
                self._take(self._receive(timeout))
        except BaseException:
            self.close()
            raise

    def poses(self, timeout: float | None = None) -> Poses:
        """Return the newest poses, waiting for some that were not given before.

        Args:
            timeout: longest wait, s; None is the one given at the start.

        Raises:
            StreamError: none came in time, the connection broke, or a message broke the format.
        """
        while self._pending is None:
            self._take(self._receive(self._timeout if timeout is None else timeout))
        while (more := self._receive(0.0, wait=False)) is not None:
            self._take(more)
        newest, self._pending = self._pending, None
        return newest

    def set_goal(self, character: str, goal: Goal | None) -> None:
        """Ask a character to do something; None is its controller's default. A refusal comes to `errors`."""
        self._send(messages.GoalRequest(character, goal))

    def push(self, character: str, impulse: Sequence[float], body: str = "torso") -> None:
        """Push a character's body by an impulse [3] N·s, world frame. A refusal comes to `errors`."""
        x, y, z = (float(value) for value in impulse)
        self._send(messages.PushRequest(character, (x, y, z), body))

    def close(self) -> None:
        """Say goodbye."""
        self._exit.close()

    def _send(self, asked: messages.Request) -> None:
        try:
            self._connection.send(messages.request(asked))
        except ConnectionClosed as error:
            raise StreamError(f"the stream has closed: {error}") from error

    def _receive(self, timeout: float, *, wait: bool = True) -> bytes | str | None:
        try:
            return self._connection.recv(timeout=timeout)
        except TimeoutError as error:
            if not wait:
                return None
            raise StreamError(f"nothing came within {timeout:g} s") from error
        except ConnectionClosed as error:
            raise StreamError(f"the stream has closed: {error}") from error

    def _take(self, data: bytes | str | None) -> None:
        try:
            message = messages.unpack(data or b"", messages.MAX_UPDATE_BYTES)
            if message["type"] == "scene":
                self.scene = read_scene(message)
            elif message["type"] == "poses":
                frame, self._pending = read_poses(message, getattr(self, "scene", None), self._frame)
                self._frame = frame
            elif message["type"] == "error":
                self.errors.append(str(message.get("message"))[:500])
        except messages.MessageError as error:
            raise StreamError(f"a message that is none of a version {messages.VERSION} stream: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def read_scene(message: dict[str, Any]) -> Scene:
    """Read a scene; raises MessageError."""
    if message.get("version") != messages.VERSION:
        raise messages.MessageError(f"version: expected {messages.VERSION}, found {repr(message.get('version'))[:40]}")
    number, bodies, parents = message.get("scene"), message.get("bodies"), message.get("parents")
    characters, props = message.get("characters"), message.get("props")
    if not (
        isinstance(number, int)
        and isinstance(bodies, list) and all(isinstance(name, str) for name in bodies)
        and isinstance(parents, list) and len(parents) == len(bodies) <= 1000
        and all(isinstance(parent, int) and -1 <= parent < body for body, parent in enumerate(parents))
        and isinstance(characters, list) and len(characters) <= MAX_CHARACTERS
        and all(isinstance(c, dict) and isinstance(c.get("name"), str) for c in characters)
        and all(isinstance(c.get("task"), str | None) for c in characters)
        and isinstance(props, list) and len(props) <= MAX_CHARACTERS
        and all(isinstance(prop, dict) and isinstance(prop.get("name"), str) for prop in props)
    ):  # fmt: skip
        raise messages.MessageError(f"expected a scene, found {repr(message)[:200]}")
    return Scene(
        number, tuple(bodies), tuple(parents), tuple((c["name"], c.get("task")) for c in characters), tuple(props)
    )


def read_poses(message: dict[str, Any], scene: Scene | None, last: int) -> tuple[int, Poses]:
    """Read poses of `scene`; returns their frame's number. `last` is that of the frame before, 0 for none.

    Raises:
        MessageError: they are of another scene, or not of its size.
    """
    number, frame, time = message.get("scene"), message.get("frame"), message.get("time")
    if scene is None or number != scene.number:
        raise messages.MessageError(f"poses of scene {repr(number)[:40]}, which was not described")
    if type(frame) is not int or not isinstance(time, float):
        raise messages.MessageError(f"expected a frame's number and its time, found {repr((frame, time))[:100]}")
    people, bodies, props = len(scene.characters), len(scene.bodies), len(scene.props)
    fallen = message.get("fallen")
    if not isinstance(fallen, list) or len(fallen) != people or not all(isinstance(one, bool) for one in fallen):
        raise messages.MessageError(f"fallen: expected {people} truth values, found {repr(fallen)[:100]}")
    arrays = {
        field: messages.floats(message.get(field), shape, field)
        for field, shape in {
            "position": (people, bodies, 3), "rotation": (people, bodies, 4),
            "prop_position": (props, 3), "prop_rotation": (props, 4),
        }.items()
    }  # fmt: skip
    return frame, Poses(time, frame - last - 1 if last else 0, fallen=tuple(fallen), **arrays)
