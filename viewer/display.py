"""Whether an X server answers, asked before Xlib is: Xlib waits for ever for one that is there and says nothing.

A server answers the twelve bytes with which every client begins, if only by asking for authorisation.
"""

from __future__ import annotations

import socket
import struct

PATIENCE = 5.0
"""How long a server may take, s."""
_HELLO = struct.pack("<BxHHHHxx", ord("l"), 11, 0, 0, 0)  # little-endian, protocol 11.0, no authorisation
_FOLDER = "/tmp/.X11-unix"
_PORT = 6000  # of display 0


class DisplayError(OSError):
    """There is no X server; the message names the display and says what came of asking."""


def check(display: str, patience: float = PATIENCE) -> None:
    """Make sure that a display like `:0` or `host:0.0` has a server that answers within `patience` s.

    Raises:
        DisplayError: it has none.
    """
    if not display:
        raise DisplayError("DISPLAY is not set")
    host, _, number = display.rpartition(":")
    number = number.partition(".")[0]
    if not number.isdigit():
        raise DisplayError(f"DISPLAY: expected one like :0, found {display!r}")
    try:
        with _connect(host.rpartition("/")[2], int(number), patience) as server:
            server.settimeout(patience)
            server.sendall(_HELLO)
            answered = server.recv(1)
    except TimeoutError:
        raise DisplayError(f"DISPLAY {display} does not answer within {patience:g} s") from None
    except OSError as error:
        raise DisplayError(f"DISPLAY {display} does not answer: {error.strerror or error}") from error
    if not answered:
        raise DisplayError(f"DISPLAY {display} does not answer: it hangs up")


def _connect(host: str, number: int, patience: float) -> socket.socket:
    """Connect as Xlib does: to this machine by its sockets (with and without a file), to another by TCP."""
    if host not in ("", "unix"):
        return socket.create_connection((host, _PORT + number), timeout=patience)
    for address in (f"\0{_FOLDER}/X{number}", f"{_FOLDER}/X{number}"):
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.settimeout(patience)
        try:
            server.connect(address)
        except OSError as error:
            server.close()
            refused = error
        else:
            return server
    raise refused
