"""The few OpenGL objects the renderer needs, as small values over pyglet's raw bindings (OpenGL 3.3 core).

Nothing here knows what is drawn. Objects live as long as the context: there is one renderer per window.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pyglet import gl

SHADERS = Path(__file__).parent / "shaders"
FRAME_BINDING = 1
"""Binding point of the uniform block `Frame` that all programs share."""


def _source(name: str, defines: tuple[str, ...]) -> bytes:
    def text(file: str) -> str:
        return re.sub(r'#include "(.+)"', lambda match: text(match[1]), (SHADERS / file).read_text())

    head = "".join(f"#define {define}\n" for define in defines)
    return f"#version 330 core\n{head}{text(name)}".encode()


def _compile(kind: int, name: str, defines: tuple[str, ...]) -> int:
    shader = gl.glCreateShader(kind)
    buffer = ctypes.create_string_buffer(_source(name, defines))
    pointer = ctypes.cast(ctypes.pointer(ctypes.pointer(buffer)), ctypes.POINTER(ctypes.POINTER(gl.GLchar)))
    gl.glShaderSource(shader, 1, pointer, None)
    gl.glCompileShader(shader)
    done, log = gl.GLint(), ctypes.create_string_buffer(4096)
    gl.glGetShaderiv(shader, gl.GL_COMPILE_STATUS, done)
    if not done.value:
        gl.glGetShaderInfoLog(shader, len(log), None, log)
        raise RuntimeError(f"shader {name} does not compile: {log.value.decode()}")
    return shader


class Program:
    """A linked vertex and fragment shader; samplers keep the texture units given at the start."""

    def __init__(self, vertex: str, fragment: str, defines: tuple[str, ...] = (), **samplers: int) -> None:
        self.id = gl.glCreateProgram()
        for kind, name in ((gl.GL_VERTEX_SHADER, vertex), (gl.GL_FRAGMENT_SHADER, fragment)):
            gl.glAttachShader(self.id, _compile(kind, name, defines))
        gl.glLinkProgram(self.id)
        done, log = gl.GLint(), ctypes.create_string_buffer(4096)
        gl.glGetProgramiv(self.id, gl.GL_LINK_STATUS, done)
        if not done.value:
            gl.glGetProgramInfoLog(self.id, len(log), None, log)
            raise RuntimeError(f"shaders {vertex} and {fragment} do not link: {log.value.decode()}")
        block = gl.glGetUniformBlockIndex(self.id, b"Frame")
        if block != gl.GL_INVALID_INDEX:
            gl.glUniformBlockBinding(self.id, block, FRAME_BINDING)
        self.use()
        for name, unit in samplers.items():
            gl.glUniform1i(gl.glGetUniformLocation(self.id, name.encode()), unit)

    def use(self) -> None:
        """Make it the program that draws."""
        gl.glUseProgram(self.id)


def _handle(generate: object) -> int:
    name = gl.GLuint()
    generate(1, name)  # type: ignore[operator]
    return name.value


class Buffer:
    """Bytes on the GPU."""

    def __init__(self, target: int, data: np.ndarray | None = None) -> None:
        self.id, self.target = _handle(gl.glGenBuffers), target
        if data is not None:
            self.write(data)

    def write(self, data: np.ndarray) -> None:
        """Replace the contents (the old storage is orphaned, so a frame in flight keeps its own)."""
        data = np.ascontiguousarray(data)
        gl.glBindBuffer(self.target, self.id)
        gl.glBufferData(self.target, gl.GLsizeiptr(data.nbytes), data.ctypes.data, gl.GL_DYNAMIC_DRAW)


class TextureBuffer(Buffer):
    """An array of RGBA float texels that a vertex shader reads by index."""

    def __init__(self) -> None:
        super().__init__(gl.GL_TEXTURE_BUFFER, np.zeros(4, np.float32))
        self.texture = _handle(gl.glGenTextures)

    def bind(self, unit: int) -> None:
        """Make it readable by the sampler that has this texture unit."""
        gl.glActiveTexture(gl.GL_TEXTURE0 + unit)
        gl.glBindTexture(gl.GL_TEXTURE_BUFFER, self.texture)
        gl.glTexBuffer(gl.GL_TEXTURE_BUFFER, gl.GL_RGBA32F, self.id)


class Geometry:
    """Vertices and, if given, instances and indices, ready to draw.

    `vertices` and `instances` map attribute location to an array [n, components]; float32 or uint8 (0..255 as they
    are, not normalised).
    """

    def __init__(
        self,
        vertices: dict[int, np.ndarray],
        triangle: np.ndarray | None = None,
        instances: dict[int, int] | None = None,
    ) -> None:
        self.id = _handle(gl.glGenVertexArrays)
        gl.glBindVertexArray(self.id)
        self.count = len(next(iter(vertices.values())))
        for location, array in vertices.items():
            Buffer(gl.GL_ARRAY_BUFFER, array)
            kind = gl.GL_FLOAT if array.dtype == np.float32 else gl.GL_UNSIGNED_BYTE
            gl.glEnableVertexAttribArray(location)
            gl.glVertexAttribPointer(location, array.shape[1], kind, gl.GL_FALSE, 0, 0)
        self.instance: dict[int, Buffer] = {}
        for location, components in (instances or {}).items():
            self.instance[location] = Buffer(gl.GL_ARRAY_BUFFER, np.zeros((1, components), np.float32))
            gl.glEnableVertexAttribArray(location)
            gl.glVertexAttribPointer(location, components, gl.GL_FLOAT, gl.GL_FALSE, 0, 0)
            gl.glVertexAttribDivisor(location, 1)
        self.indexed = triangle is not None
        if triangle is not None:
            Buffer(gl.GL_ELEMENT_ARRAY_BUFFER, triangle.astype(np.uint32))
            self.count = triangle.size

    def write(self, instances: Mapping[int, np.ndarray | list]) -> None:
        """Replace the instances: attribute location → [n, components]."""
        for location, rows in instances.items():
            if len(rows):
                self.instance[location].write(np.asarray(rows, np.float32))

    def draw(self, instances: int = 1) -> None:
        """Draw the triangles, as often as there are instances."""
        gl.glBindVertexArray(self.id)
        if self.indexed:
            gl.glDrawElementsInstanced(gl.GL_TRIANGLES, self.count, gl.GL_UNSIGNED_INT, 0, instances)
        else:
            gl.glDrawArraysInstanced(gl.GL_TRIANGLES, 0, self.count, instances)


class Target:
    """A framebuffer with colour, on demand multisampled and with depth."""

    def __init__(self, width: int, height: int, samples: int = 0, depth: bool = False) -> None:
        self.width, self.height = width, height
        self.id = _handle(gl.glGenFramebuffers)
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, self.id)
        self._buffers = []
        formats = ((gl.GL_RGBA8, gl.GL_COLOR_ATTACHMENT0), (gl.GL_DEPTH_COMPONENT24, gl.GL_DEPTH_ATTACHMENT))
        for pixel, attachment in formats[: 2 if depth else 1]:
            buffer = _handle(gl.glGenRenderbuffers)
            gl.glBindRenderbuffer(gl.GL_RENDERBUFFER, buffer)
            gl.glRenderbufferStorageMultisample(gl.GL_RENDERBUFFER, samples, pixel, width, height)
            gl.glFramebufferRenderbuffer(gl.GL_FRAMEBUFFER, attachment, gl.GL_RENDERBUFFER, buffer)
            self._buffers.append(buffer)
        _check_framebuffer(f"{width}x{height} with {samples} samples")

    def bind(self) -> None:
        """Draw into it, all of it."""
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, self.id)
        gl.glViewport(0, 0, self.width, self.height)

    def copy_to(self, framebuffer: int, area: tuple[int, int, int, int] | None = None) -> None:
        """Copy colours to a framebuffer of the same size (0 is the window); samples are averaged or multiplied.

        Args:
            framebuffer: its OpenGL name.
            area: x, y, width, height from the bottom left, pixels; None for all.
        """
        gl.glBindFramebuffer(gl.GL_READ_FRAMEBUFFER, self.id)
        gl.glBindFramebuffer(gl.GL_DRAW_FRAMEBUFFER, framebuffer)
        x, y, width, height = area or (0, 0, self.width, self.height)
        box = x, y, x + width, y + height
        gl.glBlitFramebuffer(*box, *box, gl.GL_COLOR_BUFFER_BIT, gl.GL_NEAREST)

    def read(self) -> np.ndarray:
        """Read the colours of a target without samples: [height, width, 3] uint8, top row first."""
        image = np.empty((self.height, self.width, 4), np.uint8)
        gl.glBindFramebuffer(gl.GL_READ_FRAMEBUFFER, self.id)
        gl.glReadPixels(0, 0, self.width, self.height, gl.GL_RGBA, gl.GL_UNSIGNED_BYTE, image.ctypes.data)
        return np.ascontiguousarray(image[::-1, :, :3])

    def delete(self) -> None:
        """Free the memory (a window that is resized makes a new target)."""
        gl.glDeleteFramebuffers(1, gl.GLuint(self.id))
        for buffer in self._buffers:
            gl.glDeleteRenderbuffers(1, gl.GLuint(buffer))


class ShadowMap:
    """A square depth texture that the light renders into and every surface compares itself with."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.texture = _handle(gl.glGenTextures)
        gl.glBindTexture(gl.GL_TEXTURE_2D, self.texture)
        gl.glTexImage2D(
            gl.GL_TEXTURE_2D, 0, gl.GL_DEPTH_COMPONENT24, size, size, 0, gl.GL_DEPTH_COMPONENT, gl.GL_FLOAT, None
        )
        for parameter, value in (
            (gl.GL_TEXTURE_MIN_FILTER, gl.GL_LINEAR), (gl.GL_TEXTURE_MAG_FILTER, gl.GL_LINEAR),
            (gl.GL_TEXTURE_WRAP_S, gl.GL_CLAMP_TO_EDGE), (gl.GL_TEXTURE_WRAP_T, gl.GL_CLAMP_TO_EDGE),
            (gl.GL_TEXTURE_COMPARE_MODE, gl.GL_COMPARE_REF_TO_TEXTURE), (gl.GL_TEXTURE_COMPARE_FUNC, gl.GL_LEQUAL),
        ):  # fmt: skip
            gl.glTexParameteri(gl.GL_TEXTURE_2D, parameter, value)
        self.id = _handle(gl.glGenFramebuffers)
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, self.id)
        gl.glFramebufferTexture2D(gl.GL_FRAMEBUFFER, gl.GL_DEPTH_ATTACHMENT, gl.GL_TEXTURE_2D, self.texture, 0)
        gl.glDrawBuffer(gl.GL_NONE)
        gl.glReadBuffer(gl.GL_NONE)
        _check_framebuffer(f"shadow map {size}x{size}")

    def begin(self) -> None:
        """Clear it and draw into it."""
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, self.id)
        gl.glViewport(0, 0, self.size, self.size)
        gl.glClear(gl.GL_DEPTH_BUFFER_BIT)

    def bind(self, unit: int) -> None:
        """Make it readable by the sampler that has this texture unit."""
        gl.glActiveTexture(gl.GL_TEXTURE0 + unit)
        gl.glBindTexture(gl.GL_TEXTURE_2D, self.texture)


def image_texture(image: np.ndarray) -> int:
    """Upload a one-channel image [height, width] uint8, filtered linearly; returns the texture's name."""
    texture = _handle(gl.glGenTextures)
    gl.glBindTexture(gl.GL_TEXTURE_2D, texture)
    gl.glPixelStorei(gl.GL_UNPACK_ALIGNMENT, 1)
    image = np.ascontiguousarray(image)
    height, width = image.shape
    gl.glTexImage2D(gl.GL_TEXTURE_2D, 0, gl.GL_R8, width, height, 0, gl.GL_RED, gl.GL_UNSIGNED_BYTE, image.ctypes.data)
    for parameter in (gl.GL_TEXTURE_MIN_FILTER, gl.GL_TEXTURE_MAG_FILTER):
        gl.glTexParameteri(gl.GL_TEXTURE_2D, parameter, gl.GL_LINEAR)
    return texture


def max_samples(wanted: int) -> int:
    """How many samples a pixel may have here, at most `wanted`."""
    most = gl.GLint()
    gl.glGetIntegerv(gl.GL_MAX_SAMPLES, most)
    return min(wanted, most.value)


def _check_framebuffer(what: str) -> None:
    status = gl.glCheckFramebufferStatus(gl.GL_FRAMEBUFFER)
    if status != gl.GL_FRAMEBUFFER_COMPLETE:
        raise RuntimeError(f"OpenGL refuses a framebuffer of {what}: status 0x{status:04x}")
