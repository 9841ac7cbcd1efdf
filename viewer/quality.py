"""How much work a picture may be, and how much suits the machine.

A graphics card draws everything here in a millisecond or two; Mesa's software renderer shares two or four cores with
physics and networks. What it pays for is, in this order: triangles of about two pixels, samples a pixel, taps in soft
shadows. `low` therefore takes a coarser skin and a smaller shadow map; both keep four samples a pixel. The look stays:
nobody who is not shown both can tell which it is at 1280×720.
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
LOW = Quality("low", samples=4, shadow_size=1024, facet_error=0.8, fine_shadows=False)
NAMES = ("auto", "high", "low")


def choose(name: str, gpu: str) -> Quality:
    """The quality of that name; `auto` is `low` where OpenGL runs on the processor.

    Args:
        name: one of `NAMES`.
        gpu: what OpenGL calls its renderer.
    """
    if name == "auto":
        return LOW if any(part in gpu.lower() for part in SOFTWARE) else HIGH
    return {"high": HIGH, "low": LOW}[name]
