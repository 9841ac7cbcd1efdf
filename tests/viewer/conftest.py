"""One invisible OpenGL window for all tests of the viewer; pyglet is told before anything imports its OpenGL."""

from __future__ import annotations

import pytest

from viewer import context


@pytest.fixture(scope="session")
def gl_window():
    """An OpenGL context without a display; a machine without one fails the tests that need it, with the remedy."""
    window = context.open_hidden()
    yield window
    window.close()
