"""X servers without an X server: sockets of our own that answer, say nothing, or hang up."""

import contextlib
import os
import socket
import sys
import threading

import pytest

from viewer import display
from viewer.display import DisplayError, check

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="X servers are Linux's here")


@contextlib.contextmanager
def server(folder, monkeypatch, answer: bytes | None):
    """Display :7 in a folder of the test's: it answers each client, or takes it on and is silent (None)."""
    monkeypatch.setattr(display, "_FOLDER", str(folder))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "X7"))
        listener.listen()

        def serve():
            with contextlib.suppress(OSError):
                client, _ = listener.accept()
                heard.append(client.recv(12))
                client.sendall(answer)
                client.close()

        heard: list[bytes] = []
        if answer is not None:
            threading.Thread(target=serve, daemon=True).start()
        yield heard


def test_a_server_that_answers_will_do(tmp_path, monkeypatch):
    """Even if only to say that it wants authorisation (0): it is asked in X's own words."""
    with server(tmp_path, monkeypatch, b"\0") as heard:
        check(":7.0")
    assert heard == [b"l\0\x0b\0\0\0\0\0\0\0\0\0"]


@pytest.mark.parametrize(
    ("answer", "expected"), [(None, "does not answer within 0.2 s"), (b"", "does not answer: it hangs up")]
)
def test_a_silent_server_is_told(tmp_path, monkeypatch, answer, expected):
    """Xlib would wait for it for ever."""
    with server(tmp_path, monkeypatch, answer), pytest.raises(DisplayError, match=f"DISPLAY :7 {expected}"):
        check(":7", patience=0.2)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", "DISPLAY is not set"),
        ("screen", "expected one like :0, found 'screen'"),
        (":4711", "DISPLAY :4711 does not answer: " + os.strerror(2)),
        ("localhost:4711", "DISPLAY localhost:4711 does not answer: "),
    ],
)
def test_what_is_no_display_is_told(name, expected):
    """By its name."""
    with pytest.raises(DisplayError, match=expected):
        check(name, patience=1.0)
