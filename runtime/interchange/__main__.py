"""`python -m runtime.interchange CLIP OUT.glb`: a clip or a recording as glTF or BVH, see the package."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from runtime.interchange.export import InterchangeError, choose, load, save
from runtime.recording import RecordingError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m runtime.interchange", description="Export a motion file.")
    parser.add_argument("clip", help="a clip, or the recording of a world")
    parser.add_argument("out", help="OUT.glb (glTF 2.0) or OUT.bvh")
    parser.add_argument("--character", metavar="NAME", help="only this one; BVH holds no more than one")
    parser.add_argument("--unit", default="cm", choices=("cm", "m"), help="of lengths in BVH (default cm)")
    parser.add_argument("--rigid", action="store_true", help="in a .glb: a mesh on each body, no skin")
    options = parser.parse_args(arguments)
    try:
        motions = choose(load(options.clip), options.character)
        save(options.out, motions, options.unit, skin=not options.rigid)
    except (RecordingError, InterchangeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {options.clip}: {error.strerror or error}", file=sys.stderr)
        return 1
    for name, motion in motions.items():
        print(f"{options.out}: {name}, {len(motion)} frames, {motion.seconds:.2f} s at {motion.rate:g} Hz")
    return 0


if __name__ == "__main__":
    sys.exit(main())
