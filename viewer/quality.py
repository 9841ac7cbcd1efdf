"""How much work a picture may be, and how much suits the machine.

A graphics card draws everything here in a millisecond or two; Mesa's software renderer shares two or four cores with
physics and networks. What it pays for is, in this order: triangles of about two pixels, samples a pixel, taps in soft
shadows. `low` therefore takes a coarser skin and a smaller shadow map; both have four samples a pixel, and nobody who
is not shown both can tell which it is at 1280×720. Where `auto` still cannot give 20 pictures a second (a crowd on a
processor), it gives up the samples too.
"""

from __future__ import annotations

from dataclasses import dataclass

SOFTWARE = ("llvmpipe", "softpipe", "swrast", "swiftshader")  # in the names of renderers that run on the processor


@dataclass(frozen=True)
class Quality:
    """Settings of the renderer."""

    name: str
    samples: int
    """Per pixel of a character or prop."""
    shadow_size: int
    """Texels of the shadow map's side."""
    facet_error: float
    """How far a facet may leave the curve it stands for, pixels."""
    fine_shadows: bool
    """Whether the shadows that a character throws on itself get four taps instead of one."""


HIGH = Quality("high", samples=4, shadow_size=2048, facet_error=0.3, fine_shadows=True)
LOW = Quality("low", samples=4, shadow_size=1024, facet_error=1.0, fine_shadows=False)
CROWDED = Quality("low, one sample", samples=0, shadow_size=1024, facet_error=1.5, fine_shadows=False)
SLOWEST = 1.0 / 20.0  # s that a picture may take before `auto` gives up samples
NAMES = ("auto", "high", "low")


class Governor:
    """Watches what pictures take, and says once when they take too long."""

    def __init__(self, pictures: int = 8) -> None:
        """Judge by the mean of that many pictures; the first few warm up and do not count."""
        self._pictures, self._seen, self._sum = pictures, -3, 0.0

    def look(self, seconds: float) -> bool:
        """Note what a picture took, s; whether that is enough to go down a step."""
        self._seen += 1
        if self._seen <= 0:
            return False
        self._sum += seconds
        if self._seen < self._pictures:
            return False
        slow = self._sum / self._seen > SLOWEST
        self._seen, self._sum = 0, 0.0
        return slow


def choose(name: str, gpu: str) -> Quality:
    """The quality of that name; `auto` is `low` where OpenGL runs on the processor.

    Args:
        name: one of `NAMES`.
        gpu: what OpenGL calls its renderer.
    """
    if name == "auto":
        return LOW if any(part in gpu.lower() for part in SOFTWARE) else HIGH
    return {"high": HIGH, "low": LOW}[name]
