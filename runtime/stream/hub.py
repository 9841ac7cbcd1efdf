"""The network's side: one asyncio loop, one WebSocket server, and for every client a sender and a receiver.

What the simulation offers is left in `_offered`, and the loop looks there by itself every `LOOK_SECONDS`: if it is
late, it finds the newest. Calling it instead would make the simulation write to a socket and lose the interpreter's
lock to the loop in the middle of a frame (measured with two characters and one client: an exchange took 0.86 ms, the
slowest of a hundred 5.8; now 0.34 and 0.66). So the loop has its turn while physics and inference run, which need no
lock.
"""

from __future__ import annotations

import asyncio
import http
import itertools
import socket
import threading
from concurrent.futures import Future
from dataclasses import dataclass

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request as HttpRequest
from websockets.http11 import Response
from websockets.typing import Origin

from runtime.stream import messages
from runtime.stream.mailbox import Mailbox

LOOK_SECONDS = 0.004
SEND_SECONDS = 10.0
"""A client that takes nothing for so long is let go."""
REQUESTS_PER_SECOND = 200
MAX_BAD_REQUESTS = 100
"""A client whose requests are wrong so often is let go."""
_SEND_BUFFER = 64 * 1024  # bytes that the system may hold for a client: what is in there is old when it is read


class StreamError(OSError):
    """A stream that cannot be opened, or that has broken off."""


@dataclass(frozen=True)
class ClientStatus:
    """One client of a stream."""

    address: str
    sent: int
    """Messages of poses that it took."""
    dropped: int
    """Messages of poses that a newer one replaced before it took them."""
    bad_requests: int


class Client:
    """One connection, seen from the loop."""

    def __init__(self, number: int, connection: ServerConnection) -> None:
        """Wrap a connection."""
        self.number = number
        self.connection = connection
        self.sent = self.dropped = self.bad = 0
        self._scene: bytes | None = None
        self._poses: bytes | None = None
        self._error: bytes | None = None
        self._ready = asyncio.Event()

    def offer(self, *, scene: bytes | None = None, poses: bytes | None = None, error: bytes | None = None) -> None:
        """Leave messages for the sender; each replaces the one of its kind that was not taken."""
        self._scene, self._error = scene or self._scene, error or self._error
        if poses is not None:
            self.dropped += self._poses is not None
            self._poses = poses
        self._ready.set()

    async def send(self) -> None:
        """Send what is offered until the connection closes; abort it when it takes nothing."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            waiting, poses = [self._error, self._scene, self._poses], self._poses
            self._error = self._scene = self._poses = None
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    for message in waiting:
                        if message is not None:
                            await self.connection.send(message)
            except TimeoutError:
                self.connection.transport.abort()
                return
            self.sent += poses is not None

    def status(self) -> ClientStatus:
        """Return its numbers."""
        host, port, *_ = self.connection.remote_address or ("?", 0)
        return ClientStatus(f"{host}:{port}", self.sent, self.dropped, self.bad)


class Hub:
    """All clients of a stream."""

    def __init__(self, mailbox: Mailbox, origins: list[str], max_clients: int) -> None:
        """Prepare; `serve` does the work, in its own thread."""
        self._mailbox = mailbox
        self._origins: list[Origin | None] = [None, *(Origin(origin) for origin in origins)]  # None: no browser
        self._max_clients = max_clients
        self._clients: dict[int, Client] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._scene: bytes | None = None
        self._offered: dict[str, bytes] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped: asyncio.Event | None = None

    def statuses(self) -> tuple[ClientStatus, ...]:
        """Return the clients' numbers; from any thread."""
        return tuple(client.status() for client in list(self._clients.values()))

    def offer_scene(self, packed: bytes) -> None:
        """Send this scene to everyone, and to whoever comes later, before any poses; from any thread."""
        self._offer("scene", packed)

    def offer_poses(self, packed: bytes) -> None:
        """Send these poses to everyone who keeps up; from any thread."""
        self._offer("poses", packed)

    def _offer(self, kind: str, packed: bytes) -> None:
        with self._lock:
            self._offered[kind] = packed

    def tell(self, client: int, problem: str) -> None:
        """Tell a client what was wrong with a request; from any thread."""
        self._call(lambda: self._complain(client, problem))

    def stop(self) -> None:
        """End `serve`; from any thread."""
        self._call(lambda: self._stopped.set() if self._stopped else None)

    def _call(self, function) -> None:  # noqa: ANN001
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function)

    async def _look(self) -> None:
        """Fetch what is offered, again and again."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self._offered:
                self._fetch()

    def _fetch(self) -> None:
        with self._lock:
            offered, self._offered = self._offered, {}
        self._scene = offered.get("scene", self._scene)
        for client in self._clients.values():
            client.offer(scene=offered.get("scene"), poses=offered.get("poses"))

    def _complain(self, number: int, problem: str) -> None:
        client = self._clients.get(number)
        if client is not None:
            client.offer(error=messages.error(problem))

    async def serve(self, host: str, port: int, listening: Future[tuple[str, int]]) -> None:
        """Listen until `stop`; `listening` gets the address, or the StreamError why not."""
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        try:
            server = await serve(
                self._attend, host, port, origins=self._origins, process_request=self._admit, compression=None,
                max_size=messages.MAX_REQUEST_BYTES, max_queue=4, open_timeout=5.0, close_timeout=1.0,
            )  # fmt: skip
        except OSError as error:
            listening.set_exception(StreamError(f"{host}:{port}: cannot be listened on: {error.strerror or error}"))
            return
        async with server:
            address = next(iter(server.sockets)).getsockname()
            listening.set_result((address[0], address[1]))
            looking = asyncio.create_task(self._look())
            await self._stopped.wait()
            looking.cancel()

    def _admit(self, connection: ServerConnection, request: HttpRequest) -> Response | None:
        if len(self._clients) < self._max_clients:
            return None
        return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, f"at most {self._max_clients} clients\n")

    async def _attend(self, connection: ServerConnection) -> None:
        """One client, from its first message to its last."""
        if len(self._clients) >= self._max_clients:  # several were admitted at once
            await connection.close(1013, f"at most {self._max_clients} clients")
            return
        raw = connection.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        client = Client(next(self._numbers), connection)
        client.offer(scene=self._scene)
        self._clients[client.number] = client
        sender = asyncio.create_task(client.send())
        try:
            await self._receive(client)
        except ConnectionClosed:
            pass
        finally:
            del self._clients[client.number]
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    async def _receive(self, client: Client) -> None:
        """Read requests, no faster than `REQUESTS_PER_SECOND`: a flood waits in its own connection."""
        async for data in client.connection:
            try:
                request = messages.read_request(data)
                if not self._mailbox.put(client.number, request):
                    raise messages.MessageError("the simulation takes no requests now")
            except messages.MessageError as problem:
                client.bad += 1
                client.offer(error=messages.error(str(problem)))
                if client.bad >= MAX_BAD_REQUESTS:
                    await client.connection.close(1008, "too many bad requests")
                    return
            await asyncio.sleep(1.0 / REQUESTS_PER_SECOND)
