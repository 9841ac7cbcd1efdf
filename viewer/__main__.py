"""`python -m viewer`: see command.py. Here is only what can be said before the viewer's packages are imported."""

from __future__ import annotations

import sys
from collections.abc import Sequence

PACKAGES = ("pyglet", "imageio_ffmpeg")
"""What the extra `viewer` installs, by the names that are imported."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    try:
        from viewer import command
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name not in PACKAGES:
            raise
        print(f'viewer: {name} is not installed: pip install "smp-runtime[viewer]"', file=sys.stderr)
        return 2
    return command.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
