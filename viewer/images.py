"""Files that pictures [height, width, 3] uint8 go to: PNG, written here, and video, written by the bundled ffmpeg."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import imageio_ffmpeg
import numpy as np

_FORMATS = {  # suffix → codec, ffmpeg's parameters
    ".mp4": ("libx264", ["-crf", "18", "-preset", "veryfast", "-movflags", "+faststart"]),
    ".webp": ("libwebp_anim", ["-quality", "35", "-compression_level", "5", "-loop", "0"]),
}
VIDEO_SUFFIXES = tuple(_FORMATS)


class OutputError(OSError):
    """A file that cannot be written; the message names it and says why."""


def check_writable(path: Path) -> None:
    """Fail before the work is done rather than after.

    Raises:
        OutputError: a file cannot be made there.
    """
    try:
        with path.open("ab"):
            pass
        if path.stat().st_size == 0:
            path.unlink()
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error


def write_png(path: Path, image: np.ndarray) -> None:
    """Write a picture without loss."""
    height, width, _ = image.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)
    rows[:, 0] = 2  # each row starts with its filter, here: difference to the row above
    flat = image.reshape(height, -1)
    rows[0, 1:] = flat[0]
    rows[1:, 1:] = flat[1:] - flat[:-1]  # uint8 wraps around, as PNG wants

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, RGB
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows.tobytes(), 6)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


class FrameSink(Protocol):
    """Takes the frames of a video in order."""

    def __call__(self, image: np.ndarray) -> None:
        """Append a frame [height, width, 3] uint8."""
        ...


@contextmanager
def video(path: Path, width: int, height: int, fps: int) -> Iterator[FrameSink]:
    """Write a video; width and height are even.

    FILE.mp4 is H.264 and plays everywhere, FILE.webp an animated picture that pages show where it stands.

    Raises:
        OutputError: ffmpeg failed.
    """
    codec, parameters = _FORMATS[path.suffix.lower()]
    writer = imageio_ffmpeg.write_frames(
        str(path), (width, height), fps=fps, codec=codec, pix_fmt_in="rgb24", pix_fmt_out="yuv420p",
        quality=None,  # pyright: ignore[reportArgumentType] -- None leaves the quality to the parameters
        macro_block_size=2, ffmpeg_log_level="error", output_params=parameters,
    )  # fmt: skip
    writer.send(None)
    try:
        yield lambda image: writer.send(image)
    except OSError as error:
        raise OutputError(f"{path}: ffmpeg failed: {' '.join(str(error).split())}") from error
    finally:
        writer.close()
