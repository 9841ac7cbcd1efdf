"""All that is wrong with a task from outside the package: `python -m training.check_task package.module`.

    main ── check ── runtime.tasks.problems    names, goal, schema, lengths
                  └─ every formula, run on characters that stand, move and lie:
                       in NumPy and in PyTorch: shapes, ranges, the same numbers in both, inputs left alone
                       on PyTorch's device "meta", where a formula that asks for a number raises: a GPU would wait
                       traced as for the controller file, and mirrored left to right

Where nothing is wrong, the task trains, is exported and evaluated, and plays in the viewer and in `runtime.gym`.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from runtime import tasks as outside
from runtime.character import BODIES, DEFAULT_HEIGHT, DEFAULT_POSE, State
from runtime.tasks import OwnTask
from training.config import ConfigError, RunConfig, resolve
from training.tasks import Body

COUNT = 64  # characters
CLOSE = 1e-4  # numpy and torch may differ by this, relatively
WISHES = ((0.0, 0.0, None), (1.5, 2.0, None), (3.0, -1.0, 0.5))  # speed m/s, direction, facing rad


def main() -> None:
    """Check the module named on the command line; exits with 2 and a line for everything that is wrong."""
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr if len(sys.argv) != 2 else sys.stdout)
        raise SystemExit(2 if len(sys.argv) != 2 else 0)
    module = sys.argv[1]
    try:
        kind = outside.load(module)
    except outside.TaskError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
    wrong = check(kind)
    for line in wrong:
        print(f"{module}: {line}", file=sys.stderr)
    if wrong:
        raise SystemExit(2)
    print(f"{module}: nothing is wrong with task {kind.name!r}; train it: python -m training.run task={module}")


def check(kind: type[OwnTask]) -> list[str]:
    """Say all that is wrong with a task; its formulas are run only where `runtime.tasks.problems` finds nothing."""
    if wrong := outside.problems(kind):
        return wrong
    try:
        node = {"task": {"name": kind.name, "prior": kind.prior}, **kind.settings}
        resolve(RunConfig, OmegaConf.create(node))
    except ConfigError as error:
        return [f"settings: {error}"]
    own, states = kind(), characters()
    goals, wrong = _check_draw(own, states)
    if goals is None:
        return wrong
    return [*wrong, *_check_formulas(own, states, goals), *_check_keys(own), *_check_goals(own, states, goals)]


def characters() -> State:
    """64 characters: one stands at the origin, others move about with any heading, the last eight lie."""
    rng = np.random.default_rng(0)
    yaw = np.r_[0.0, rng.uniform(-np.pi, np.pi, COUNT - 1)]
    place = np.c_[rng.uniform(-5.0, 5.0, (COUNT, 2)), rng.uniform(0.75, 0.95, COUNT)]
    place[0], place[-8:, 2] = (0.0, 0.0, DEFAULT_HEIGHT), 0.15
    bodies = place[:, None] + rng.uniform(-0.3, 0.3, (COUNT, len(BODIES), 3))
    bodies[:, BODIES.index("head"), 2] = place[:, 2] + 0.5
    bodies[-8:, :, 2] = 0.15
    turn = np.c_[np.cos(yaw / 2), np.zeros((COUNT, 2)), np.sin(yaw / 2)]
    moving = (np.arange(COUNT) > 0)[:, None]
    return State(
        root_position=place,
        root_rotation=turn,
        root_linear_velocity=moving * rng.normal(0.0, 1.0, (COUNT, 3)),
        root_angular_velocity=moving * rng.normal(0.0, 1.0, (COUNT, 3)),
        joint_position=np.tile(DEFAULT_POSE, (COUNT, 1)),
        joint_velocity=moving * rng.normal(0.0, 1.0, (COUNT, len(DEFAULT_POSE))),
        body_position=bodies,
        body_rotation=np.tile(turn[:, None], (1, len(BODIES), 1)),
    )


def _check_draw(own: OwnTask, states: State) -> tuple[np.ndarray | None, list[str]]:
    """Goals [N, G] of the task, float32, None where it gives none; and what is wrong with them."""
    found, wrong = {}, []
    for name, (xp, body) in _libraries(states).items():
        try:
            twice = [_array(own.draw(xp, body, _uniform(xp, body))) for _ in range(2)]
        except Exception as error:
            wrong.append(f"draw: raises in {name}: {_said(error)}")
            continue
        if twice[0].shape != (COUNT, len(own.schema)) or not np.isfinite(twice[0]).all():
            wrong.append(f"draw: expected finite goals [{COUNT}, {len(own.schema)}], found {_seen(twice[0])} in {name}")
        elif not np.array_equal(twice[0], twice[1]):
            wrong.append(f"draw: gives other goals for the same `uniform` in {name}: draw all randomness from it")
        else:
            found[name] = twice[0].astype(np.float32)
    if "numpy" not in found or wrong:
        return None, wrong
    goals = found["numpy"]
    for column, entry in enumerate(own.schema):
        low, high = goals[:, column].min(), goals[:, column].max()
        if low < entry.low - 1e-5 or high > entry.high + 1e-5:
            within = f"{entry.low:g} to {entry.high:g} {entry.unit}"
            wrong.append(f"draw: {entry.name}: expected {within}, found {low:g} to {high:g}")
    return goals, wrong


def _check_formulas(own: OwnTask, states: State, goals: np.ndarray) -> Iterator[str]:
    """Everything that is computed of a state and a goal."""

    def seen(xp: Any, body: Any, goal: Any) -> Any:  # noqa: ANN401
        return own.observe(xp, body.root_rotation, body.root_position, goal)

    values = yield from _both("observe", seen, states, goals, (COUNT, len(own.mirror)), None)
    if values is not None:
        yield from _check_turned(own, values)
    rewards = yield from _both("reward", own.reward, states, goals, (COUNT,), (0.0, 1.0))
    if rewards is not None and rewards.max() - rewards.min() < 1e-6 and own.schema:
        yield f"reward: is {rewards[0]:g} whatever the character does"
    failed = yield from _both("failed", own.failed, states, goals, (COUNT,), None, bool)
    if failed is not None and failed[0]:
        yield "failed: a character that stands in the default pose has failed"

    def drawn(xp: Any, body: Any, goal: Any) -> Any:  # noqa: ANN401
        return own.draw(xp, body, _uniform(xp, body))

    yield from _both("draw", drawn, states, goals, goals.shape, None, same=False)
    try:
        names = list(own.figures(np, states, goals))
    except Exception as error:
        yield f"figures: raises in numpy: {_said(error)}"
        return
    for name in names:

        def figure(xp: Any, body: Any, goal: Any, name: str = name) -> Any:  # noqa: ANN401
            return own.figures(xp, body, goal)[name]

        yield from _both(f"figures[{name!r}]", figure, states, goals, (COUNT,), None)
    yield from _check_traced(own, states, goals)


def _both(
    name: str, formula: Callable[[Any, Any, Any], Any], states: State, goals: np.ndarray, shape: tuple[int, ...],
    within: tuple[float, float] | None, kind: type | None = None, same: bool = True,
) -> Any:  # fmt: skip # noqa: ANN401 - a generator of sentences that returns NumPy's values, or None
    """Run a formula in both libraries and on the device without numbers; yields what is wrong."""
    found: dict[str, np.ndarray] = {}
    for library, (xp, body) in _libraries(states).items():
        goal = goals.copy() if xp is np else torch.from_numpy(goals.copy())
        try:
            value = _array(formula(xp, body, goal))
        except Exception as error:
            yield f"{name}: raises in {library}: {_said(error)}"
            continue
        expected = "a mask" if kind is bool else "finite numbers"
        if value.shape != shape or not np.isfinite(value).all() or (value.dtype == bool) != (kind is bool):
            yield f"{name}: expected {expected} {list(shape)}, found {_seen(value)} in {library}"
        elif within and not within[0] - 1e-6 <= value.min() <= value.max() <= within[1] + 1e-6:
            yield f"{name}: expected {within[0]:g} to {within[1]:g}, found {value.min():g} to {value.max():g}"
            found[library] = value
        else:
            found[library] = value
        if not np.array_equal(_array(goal), goals):
            yield f"{name}: changes the goals that it is given in {library}"
    if len(found) == 2:
        ours, theirs = (value.astype(float) for value in found.values())
        if same and not np.allclose(ours, theirs, CLOSE, CLOSE):
            yield f"{name}: gives other numbers in torch than in numpy"
        meta = Body(**{key: torch.empty(value.shape, device="meta") for key, value in vars(states).items()})
        try:
            formula(torch, meta, torch.empty(goals.shape, device="meta"))
        except Exception as error:
            yield f"{name}: asks for a number or an index, which a GPU would wait for: {_said(error)}"
    return found.get("numpy")


def _check_turned(own: OwnTask, values: np.ndarray) -> Iterator[str]:
    """Look for signs of `mirror` that cannot be."""
    for column, value in enumerate(own.observation_rest):
        if own.mirror[column] < 0.0 and abs(value) > 1e-6:
            yield f"observation_rest[{column}] is {value:g}: expected 0, since mirror changes its sign"
    for column, name in enumerate(own.observation_names):
        sideways = name.endswith("_left")
        if name.endswith(("_left", "_ahead")) and sideways != (own.mirror[column] < 0.0):
            yield f"mirror[{column}]: expected {-1 if sideways else 1} for {name!r}, found {own.mirror[column]:g}"


class _Seen(nn.Module):
    """What of a task becomes part of the controller file."""

    def __init__(self, own: OwnTask) -> None:
        super().__init__()
        self._own = own

    def forward(self, root_rotation: Tensor, root_position: Tensor, goal: Tensor) -> Tensor:
        return self._own.observe(torch, root_rotation, root_position, goal)


def _check_traced(own: OwnTask, states: State, goals: np.ndarray) -> Iterator[str]:
    batch = torch.export.Dim("batch", min=1, max=2**20)
    given = [torch.from_numpy(np.asarray(v, np.float32)) for v in (states.root_rotation, states.root_position, goals)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.export.export(_Seen(own), tuple(given), dynamic_shapes=[{0: batch}] * 3)
    except Exception as error:
        yield f"observe: cannot be traced for the controller file: {_said(error)}"


def _check_keys(own: OwnTask) -> Iterator[str]:
    """Ask for the goals of some keys."""
    for speed, direction, facing in WISHES:
        wish = _Wish(speed, direction, facing)
        try:
            goal = own.keys(wish, np.zeros(3))
        except Exception as error:
            yield f"keys: raises for a wish of {speed:g} m/s: {_said(error)}"
            continue
        if type(goal) is not own.goal:
            yield f"keys: expected a {own.goal.__name__}, found {goal!r}"


class _Wish:
    """`runtime.tasks.Wish`."""

    def __init__(self, speed: float, direction: float, facing: float | None) -> None:
        self.speed, self.direction, self.facing = speed, direction, facing


def _check_goals(own: OwnTask, states: State, goals: np.ndarray) -> Iterator[str]:
    """Make goals of drawn rows and ask whether they are reached."""
    made: Any = own.goal
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # one that is clamped was drawn out of its range
        try:
            again = np.array([made.from_vector(row).vector() for row in goals])
            if not np.allclose(again, goals, atol=1e-4):
                row = int(np.abs(again - goals).max(axis=1).argmax())
                yield f"{made.__name__}.from_vector: expected {goals[row]} again, found {again[row]}"
        except Exception as error:
            yield f"{made.__name__}.from_vector: raises for a goal that draw gives: {_said(error)}"
    try:
        reached = _array(made.reached(replace(states), goals))
    except Exception as error:
        yield f"{made.__name__}.reached: raises: {_said(error)}"
        return
    if reached.shape != (COUNT,) or reached.dtype != bool:
        yield f"{made.__name__}.reached: expected a mask [{COUNT}], found {_seen(reached)}"


def _libraries(states: State) -> dict[str, tuple[Any, Any]]:
    """The same characters for both libraries."""
    tensors = {name: torch.from_numpy(np.asarray(value, np.float32)) for name, value in vars(states).items()}
    return {"numpy": (np, replace(states)), "torch": (torch, Body(**tensors))}


def _uniform(xp: Any, body: Any) -> Callable[[float, float], Any]:  # noqa: ANN401
    """Random numbers as `draw` gets them, the same in every call."""
    if xp is np:
        rng = np.random.default_rng(0)
        return lambda low, high: rng.uniform(low, high, COUNT)
    generator = torch.Generator().manual_seed(0)
    device = body.root_position.device
    return lambda low, high: low + (high - low) * torch.rand(COUNT, generator=generator).to(device)


def _array(value: Any) -> np.ndarray:  # noqa: ANN401
    return value.detach().numpy() if isinstance(value, Tensor) else np.asarray(value)


def _seen(value: np.ndarray) -> str:
    kind = "a mask" if value.dtype == bool else "numbers" if np.isfinite(value).all() else "numbers that are not finite"
    return f"{kind} {list(value.shape)}"


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


if __name__ == "__main__":
    main()
