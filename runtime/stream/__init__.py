"""Poses out, goals in, for other programs: msgpack messages over a WebSocket. Needs the extra `stream` (websockets).

    python -m runtime.stream --controller steering --characters 2

The simulation must never wait for a network. So a server has a thread of its own, with an asyncio loop in it, and meets
the simulation in one call, `Stream.exchange`, made by the thread that steps the world: it applies the requests that
have come (the latest goal of every character; earlier ones are forgotten) and hands over the poses as one packed
message. Neither side waits for the other. Each client has room for one message of poses: where it reads slower than
poses are made, the newer replaces the older, and the loss is counted. Nothing else grows: requests are at most 4 kB and
200 a second of each client, clients are at most 8, and a client that takes nothing for 10 s is let go.

It listens on the loopback only, unless told otherwise, and turns away browsers whose page was not named: any page that
a user visits could reach the loopback. docs/stream.md describes the wire format for those who write a client.

    simulation thread    exchange ─┬─ Mailbox.take ── Character.goal, Character.push
                                   └─ messages.poses ── Hub.offer
    network thread       Hub ── Client: sender (latest poses out), receiver (messages.read_request → Mailbox)
"""

from runtime.stream.client import Poses, Scene, StreamClient
from runtime.stream.messages import MessageError
from runtime.stream.server import ClientStatus, Stream, StreamError

__all__ = ["ClientStatus", "MessageError", "Poses", "Scene", "Stream", "StreamClient", "StreamError"]
