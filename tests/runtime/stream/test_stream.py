from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from runtime import Steering, World
from runtime.stream import Stream, StreamClient, StreamError, hub, server
from runtime.stream.mailbox import MAX_WAITING, Mailbox
from runtime.stream.messages import GoalRequest, PushRequest
from tests.tiny import linear, write_controller

ROOT = Path(__file__).parents[3]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Two characters whose right elbow follows the speed that they are asked for, .5 rad per m/s."""
    world = World()
    for y in (0.0, 2.0):
        world.add_character(write_controller(tmp_path / "c.onnx", linear(right_elbow=0.5)), position=(0, y))
    world.step()
    return world


@pytest.fixture
def stream(world: World) -> Iterator[Stream]:
    """A stream of that world on a free port."""
    with Stream(world, port=0) as opened:
        opened.exchange()
        yield opened


def until(condition: Callable[[], object], what: str, meanwhile: Callable[[], object] = lambda: None) -> None:
    """Wait for something that another thread does; fails with `what` after 20 s."""
    end = time.monotonic() + 20.0
    while not condition():
        assert time.monotonic() < end, what
        meanwhile()
        time.sleep(0.005)


def attached(stream: Stream) -> StreamClient:
    """A client; the scene comes with the first exchange that has somebody to send to."""
    done = threading.Event()
    made: list[StreamClient] = []
    thread = threading.Thread(target=lambda: (made.append(StreamClient(stream.url)), done.set()))
    thread.start()
    until(done.is_set, "the client did not connect", stream.exchange)
    thread.join()
    return made[0]


def test_poses_are_the_worlds(world: World, stream: Stream) -> None:
    """A client gets the names, and of each body the place that `render_pose` gives, as float32."""
    with attached(stream) as client:
        assert client.scene.characters == (("humanoid", "steering"), ("humanoid2", "steering"))
        stream.exchange()
        poses = client.poses()
        for row, character in enumerate(world.characters):
            position, rotation = character.render_pose()
            np.testing.assert_allclose(poses.position[row], position, atol=1e-6)
            np.testing.assert_allclose(poses.rotation[row], rotation, atol=1e-6)
        assert poses.time == world.time and poses.fallen == (False, False)


def test_a_goal_reaches_its_character(world: World, stream: Stream) -> None:
    """Asked for 1 m/s, the second one's elbow target is .5 rad; the first one's stays; None takes the goal back."""
    first, second = world.characters
    with attached(stream) as client:
        client.set_goal("humanoid2", Steering(speed=1.0))
        until(lambda: second.goal == Steering(speed=1.0), "no goal came", stream.exchange)
        for _ in range(30):  # longer than any cross-fade or smoothing
            world.step()
        assert second.joint_target[9] == pytest.approx(0.5, abs=1e-4)
        assert first.joint_target[9] == pytest.approx(0.0, abs=1e-4)
        client.set_goal("humanoid2", None)
        until(lambda: second.goal is None, "the goal stayed", stream.exchange)


def test_a_push_reaches_its_character(world: World, stream: Stream) -> None:
    """10 N·s forwards on the torso of 50 kg: about .2 m/s more a control step later."""
    hero = world.characters[0]
    before = hero.state.root_linear_velocity[0]
    with attached(stream) as client:
        client.push("humanoid", (10.0, 0.0, 0.0))
        until(lambda: stream._mailbox._waiting, "no push came")
        stream.exchange()
        world.step()
    assert hero.state.root_linear_velocity[0] - before > 0.05


def test_a_refused_request_is_answered(stream: Stream) -> None:
    """Somebody who is not there, and bytes that are no message: the client reads why, the stream goes on."""
    with attached(stream) as client:
        client.set_goal("nobody", Steering())
        client._connection.send(b"\xc1")

        def listen() -> None:
            stream.exchange()
            client.poses()

        until(lambda: len(client.errors) >= 2, "no answer", listen)
        assert any("expected one of humanoid, humanoid2, found 'nobody'" in error for error in client.errors)
        assert any("expected msgpack" in error for error in client.errors)
        assert stream.clients[0].bad_requests == 1


def test_a_new_character_is_announced_before_its_poses(world: World, stream: Stream, tmp_path: Path) -> None:
    """Someone joins: the next poses are of three, and the client knows their names."""
    with attached(stream) as client:
        client.poses()
        world.add_character(None, position=(0, 4), name="guest")
        stream.exchange()
        until(lambda: client.poses().position.shape[0] == 3, "the guest did not come", stream.exchange)
        assert client.scene.characters[2] == ("guest", None)


def test_a_slow_client_loses_poses_and_nothing_else(world: World, stream: Stream, monkeypatch) -> None:
    """One client reads nothing, another all: the slow one's poses are dropped and counted, memory is bounded.

    A message is made a megabyte long, so that the buffers on the way are full after a few.
    """
    pad = b"\0" * 1_000_000
    pack = server.messages.poses
    monkeypatch.setattr(server.messages, "poses", lambda *given: pack(*given) + pad)
    with connect(stream.url, compression=None, max_size=None, max_queue=1) as slow, ExitStack() as later:
        until(lambda: len(stream.clients) == 1, "no client")
        fast = later.enter_context(connect(stream.url, compression=None, max_size=None))
        until(lambda: len(stream.clients) == 2, "no second client")
        read = 0
        for _ in range(60):
            stream.exchange()
            while True:
                try:
                    read += len(fast.recv(timeout=0.05)) > len(pad)
                except TimeoutError:
                    break
        held, kept_up = stream.clients
        assert kept_up.sent >= 50 and kept_up.sent + kept_up.dropped <= 60 and read >= 50
        assert held.dropped >= 20  # what is not dropped lies in buffers: at most a few
        assert held.sent + held.dropped <= 60
        slow.socket.shutdown(socket.SHUT_RDWR)  # a goodbye would have to be read after all that


def test_a_client_that_takes_nothing_is_let_go(world: World, stream: Stream, monkeypatch) -> None:
    """After `SEND_SECONDS` without a byte taken its connection is cut, and its place is free."""
    monkeypatch.setattr(hub, "SEND_SECONDS", 0.2)
    pack = server.messages.poses
    monkeypatch.setattr(server.messages, "poses", lambda *given: pack(*given) + b"\0" * 8_000_000)
    with connect(stream.url, compression=None, max_size=None, max_queue=1) as slow:
        until(lambda: stream.clients, "no client")
        until(lambda: not stream.clients, "it is still there", stream.exchange)
        with suppress(OSError):  # its own thread may have seen the cut and closed the socket
            slow.socket.shutdown(socket.SHUT_RDWR)


def test_more_clients_than_allowed_are_sent_away(world: World) -> None:
    """With room for one, the second gets 503 and the first stays; when the first leaves, there is room."""
    with Stream(world, port=0, max_clients=1) as stream:
        with connect(stream.url):
            until(lambda: len(stream.clients) == 1, "no client")
            with pytest.raises(InvalidStatus, match="503"), connect(stream.url):
                pass
        until(lambda: not stream.clients, "it is still there")
        attached(stream).close()


def test_a_page_of_another_origin_is_sent_away(world: World) -> None:
    """A browser says whose page it shows: only those that were named may connect."""
    with Stream(world, port=0, origins=["http://localhost:8000"]) as stream:
        with pytest.raises(InvalidStatus, match="403"), connect(stream.url, origin="http://evil.example"):
            pass
        with connect(stream.url, origin="http://localhost:8000"):
            until(lambda: len(stream.clients) == 1, "no client")


def test_an_oversized_request_ends_the_connection(stream: Stream) -> None:
    """5 kB where 4 are allowed: closed with 1009, message too big; the stream goes on."""
    with connect(stream.url) as rude:
        rude.send(b"\0" * 5000)
        with pytest.raises(ConnectionClosed, match="1009"):
            while True:
                rude.recv(timeout=5)
    attached(stream).close()


def test_a_client_with_too_many_bad_requests_is_let_go(stream: Stream, monkeypatch) -> None:
    """The third bad request of three allowed closes the connection with 1008."""
    monkeypatch.setattr(hub, "MAX_BAD_REQUESTS", 3)
    with connect(stream.url) as rude:
        with pytest.raises(ConnectionClosed, match="1008"):
            for _ in range(10):
                rude.send(b"\xc1")
                time.sleep(0.05)
            while True:
                rude.recv(timeout=5)


def test_a_taken_port_is_named(world: World) -> None:
    """Two streams cannot share a port: one StreamError with the address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StreamError, match=f"127.0.0.1:{port}: cannot be listened on"):
            Stream(world, port=port)


def test_nobody_there_is_a_stream_error() -> None:
    """A client that finds nobody says where it looked."""
    with pytest.raises(StreamError, match=r"ws://127\.0\.0\.1:9"):
        StreamClient("ws://127.0.0.1:9", timeout=2.0)


def test_the_mailbox_keeps_the_latest_goal_and_every_push() -> None:
    """Three goals for one character are one, in its latest place; pushes add up; 256 is the end of it."""
    box = Mailbox()
    push = PushRequest("a", (1.0, 0.0, 0.0), "torso")
    for request in (GoalRequest("a", None), push, GoalRequest("b", None), push, GoalRequest("a", Steering(speed=1.0))):
        assert box.put(1, request)
    assert [request for _, request in box.take()] == [
        push, GoalRequest("b", None), push, GoalRequest("a", Steering(speed=1.0)),
    ]  # fmt: skip
    assert box.take() == []
    assert sum(box.put(1, GoalRequest(f"name {n}", None)) for n in range(1000)) == MAX_WAITING


def test_the_command_streams(tmp_path: Path) -> None:
    """`python -m runtime.stream` with two characters: a client finds both, time runs, and it ends by itself."""
    controller = write_controller(tmp_path / "c.onnx")
    command = [sys.executable, "-m", "runtime.stream", "--controller", str(controller), "--characters", "2"]
    with subprocess.Popen(
        [*command, "--port", "0", "--seconds", "3"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        url = process.stdout.readline().split(": ")[0]
        with StreamClient(url) as client:
            assert len(client.scene.characters) == 2
            first = client.poses().time
            assert client.poses().time > first
        assert process.wait(timeout=30) == 0


def test_the_command_refuses_a_missing_controller(capsys) -> None:
    """One sentence, status 1, no traceback."""
    from runtime.stream.__main__ import main

    assert main(["--controller", "none.onnx", "--port", "0"]) == 1
    assert "none.onnx: not a usable controller" in capsys.readouterr().err
