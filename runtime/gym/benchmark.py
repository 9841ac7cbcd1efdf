"""How many steps a second: `python -m runtime.gym.benchmark [--envs N] [--threads N] [--steps N] [--prior NAME]`.

`CharacterVectorEnv` and Gymnasium's loop over N `CharacterEnv`s step in turn in one process, first the one and then
the other in every second round, with the same random actions. What counts is the ratio of the two.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import gymnasium
import numpy as np

import runtime.gym  # noqa: F401 (registers the tasks)
from runtime._shipped import shipped


def measure(envs: int, threads: int, steps: int, prior: str | None) -> dict[str, float]:
    """Time `steps` steps of steering for each of the two.

    Returns:
        `loop` and `vector`, environment steps a second by the median step, and their `ratio`.
    """
    judge = None if prior is None else shipped(f"priors/{prior}")
    both = {
        "loop": gymnasium.make_vec("smp/steering-v0", envs, vectorization_mode="sync", prior=judge),
        "vector": gymnasium.make_vec("smp/steering-v0", envs, prior=judge, threads=threads),
    }
    seconds: dict[str, list[float]] = {name: [] for name in both}
    for env in both.values():
        env.reset(seed=0)
        env.action_space.seed(0)
    for number in range(steps):
        for name in sorted(both, reverse=bool(number % 2)):
            action = both[name].action_space.sample()
            start = time.perf_counter()
            both[name].step(action)
            seconds[name].append(time.perf_counter() - start)
    for env in both.values():
        env.close()
    rates = {name: envs / float(np.median(each)) for name, each in seconds.items()}
    return rates | {"ratio": rates["vector"] / rates["loop"]}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print one line."""
    about = "Compare CharacterVectorEnv with a loop over CharacterEnv, in environment steps a second."
    parser = argparse.ArgumentParser(prog="python -m runtime.gym.benchmark", description=about)
    parser.add_argument("--envs", type=int, default=16, help="characters (default 16)")
    parser.add_argument("--threads", type=int, default=0, help="of the physics; 0 is one for each CPU core (default)")
    parser.add_argument("--steps", type=int, default=200, help="control steps of each (default 200)")
    parser.add_argument("--prior", help="that judges the motion, such as locomotion (default: none)")
    asked = parser.parse_args(arguments)
    if min(asked.envs, asked.steps) < 1 or asked.threads < 0:
        parser.error("expected --envs and --steps of at least 1 and --threads of at least 0")
    rates = measure(asked.envs, asked.threads, asked.steps, asked.prior)
    rate = f"{rates['loop']:,.0f} steps/s in a loop, {rates['vector']:,.0f} in one environment"
    print(f"{asked.envs} characters, {asked.prior or 'no prior'}: {rate}, {rates['ratio']:.1f} times as many")


if __name__ == "__main__":
    main()
