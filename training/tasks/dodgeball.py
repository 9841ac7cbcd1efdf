"""Dodgeball: stay clear of balls thrown at the torso, 0.1 m in radius, from 8 to 10 m at 12 to 20 m/s.

    r_g = .9 clear + .1 exp(-‖v_xy‖²)     clear = 1 without a ball on its way, else the mean of
                                          1 - exp(-c / .15 m) and 1 - exp(-(d / .6 m)²)

c is how far the ball's path ahead stays from the surface of the nearest limb, d how far from the torso's origin, both
for a body that keeps its pose and goes on as its root moves (v_xy): who sets off, brakes or turns is paid in the same
step, where the reference's distance to the ball itself (method.md §7) is the same for who dodges and who does not until
the ball is there. A hit ends the episode.

A policy sees the shortest way out of the ball's path as one who steers sees a velocity, so that
`init=exported/steering.onnx` steps aside from the first; how much of that is worth it the reward says.

The ball is a point on a parabola, and a hit is that its way during a control step comes within both radii of a capsule
of the body that moved meanwhile (`training.bodies`). It is no body of the engine: an episode ends with the hit, so that
no force of it would ever act on what a policy learns, and neither engine has to know of balls.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from runtime.capsules import segment_distance
from runtime.character import BODIES, CONTROL_HZ
from runtime.task_goals import GRAVITY, NO_BALL
from training import bodies, rotation
from training.rows import Rows
from training.tasks import Body
from training.tasks.base import STAND, WALK, WALK_MIRROR, Goals, fallen, seen_from, walk

RADIUS = 0.1  # m
PASSED = 0.2  # s after its closest pass a ball is done with
HORIZON = 1.0  # s: times to the closest pass are cut here
FADING = 0.999  # a control step, of the counts of balls and hits
OUT, FASTEST = 0.6, 3.0  # m, m/s: so far from the ball's path the root is out of it, and how fast it is to get there
_TORSO = BODIES.index("torso")
_STEP = 1 / CONTROL_HZ  # s


@dataclass(frozen=True)
class DodgeballConfig:
    """How balls are thrown."""

    distance: tuple[float, float] = (8.0, 10.0)
    """Nearest and farthest place of launch, m."""
    height: tuple[float, float] = (0.5, 2.5)
    """Lowest and highest place of launch, m."""
    speed: tuple[float, float] = (12.0, 20.0)
    """Slowest and fastest horizontal speed, m/s."""
    wait: tuple[float, float] = (0.5, 3.0)
    """Shortest and longest time from a ball's end to the next launch, s."""
    aside: float = 0.0
    """Most that a ball is aimed to the left or right of the torso's middle, m. One that comes straight at it is dodged
    as well to either side, so that on average neither pays at first; one that comes a hand's breadth beside it says
    which way is out."""


class Dodgeball(Goals):
    """`training.tasks.Task`; goal [N, 6] = the ball's position (m) and velocity (m/s), world."""

    name = "dodgeball"
    observation_names = (
        *WALK, "coming", "time", "then_ahead", "then_left", "then_up", "now_ahead", "now_left", "now_up",
        "velocity_of_ball_ahead", "velocity_of_ball_left", "velocity_of_ball_up",
    )  # fmt: skip
    observation_mirror = (
        torch.arange(16), torch.tensor([*WALK_MIRROR, 1.0, 1.0, 1.0, -1.0, 1.0, 1.0, -1.0, 1.0, 1.0, -1.0, 1.0])
    )  # fmt: skip
    observation_rest = (*STAND, *11 * (0.0,))
    kept = ("goal", "left", "before", "thrown", "hits")

    def __init__(self, config: DodgeballConfig, envs: int, generator: torch.Generator) -> None:
        """Make the task; all randomness is drawn from `generator`."""
        super().__init__(envs, generator)
        self.config = config
        ends = (envs, len(bodies.capsules(self.device)[0]), 2, 3)
        self.before = torch.zeros(ends, device=self.device)  # ends of the capsules at the last step
        self.thrown, self.hits = torch.zeros(2, envs, device=self.device)  # balls of each environment, fading
        self._no_ball = torch.tensor([[*NO_BALL, 0.0, 0.0, 0.0]], device=self.device)

    def reset(self, rows: Rows, body: Body) -> None:
        """See `Task.reset`."""
        self._end(rows)
        rows.put(self.before, bodies.ends(rows.take(body.body_position), rows.take(body.body_rotation)))

    def advance(self, body: Body) -> None:
        """See `Task.advance`: balls fly on, passed ones end, new ones are launched."""
        self.thrown *= FADING
        self.hits *= FADING
        self.hits += self._hit(body)
        self.goal[:] = torch.cat(fly(self.goal, _STEP), 1)
        self.before[:] = bodies.ends(body.body_position, body.body_rotation)
        flying = on_its_way(self.goal)
        over = (self.goal[:, 2] < 0) | (pass_time(self.goal, body.root_position) < -PASSED)
        self._end(Rows.of(flying & over))
        self.goal[:] = torch.where(flying.unsqueeze(1), self.goal, self._no_ball)  # nothing falls below the ground
        self._launch(self.due(~on_its_way(self.goal)), body)

    def reward(self, body: Body) -> Tensor:
        """See the module's formula; the ball is where it is after the step."""
        ball = torch.cat(fly(self.goal, _STEP), 1)
        coming = on_its_way(self.goal) & (ball[:, 2] > 0) & (pass_time(ball, body.root_position) > 0)
        seen = ball.clone()  # from the body, that goes on as it moves
        seen[:, 3:5] -= body.root_linear_velocity[:, :2]
        torso = body.body_position[:, _TORSO]
        d = (_at(seen, pass_time(seen, torso)) - torso).norm(dim=1)
        limb, edge = clearance(seen, bodies.ends(body.body_position, body.body_rotation)), 0.15
        clear = 0.5 * (1 - torch.exp(-limb.clamp_min(0) / edge)) + 0.5 * (1 - torch.exp(-(d / 0.6).square()))
        calm = torch.exp(-body.root_linear_velocity[:, :2].square().sum(1))
        return 0.9 * torch.where(coming, clear, 1.0) + 0.1 * calm

    def failed(self, body: Body) -> Tensor:
        """See `Task.failed`: hit or fallen."""
        return self._hit(body) | fallen(body)

    def figures(self, body: Body) -> dict[str, Tensor]:
        """See `Task.figures`; the share dodged is of the balls of about the last thousand steps."""
        share = 1 - self.hits.sum() / self.thrown.sum().clamp_min(1)
        speed = body.root_linear_velocity[:, :2].norm(dim=1)
        return {"dodged": share.expand(len(speed)), "hit": self._hit(body).float(), "speed_m_s": speed}

    @staticmethod
    def observe(root_rotation: Tensor, root_position: Tensor, goal: Tensor) -> Tensor:
        """[N, 16]: the velocity that leads out of the ball's path, facing as it is (`walk`); of the ball 11 more.

        Whether one is coming; time to its closest pass (s); in the heading frame its place then, relative to the root,
        3 (m), now, 3 (a tenth of m), and its velocity, 3 (a tenth of m/s). All zeros without a ball.
        """
        coming = on_its_way(goal).float()
        time = pass_time(goal, root_position)
        then, now, velocity = _at(goal, time) - root_position, 0.1 * (goal[:, :3] - root_position), 0.1 * goal[:, 3:]
        parts = [coming, time.clamp(-HORIZON, HORIZON)]
        for vector, limit in ((then, 2.0), (now, 1.5), (velocity, 2.5)):
            ahead, left = seen_from(root_rotation, vector[:, 0], vector[:, 1])
            parts += [part.clamp(-limit, limit) for part in (ahead, left, vector[:, 2])]
        out = walk(root_rotation, _way_out(goal, then, time), rotation.heading(root_rotation))
        return torch.cat((out, torch.stack(parts, 1) * coming.unsqueeze(1)), 1)

    def _hit(self, body: Body) -> Tensor:
        """Mask [N]: the ball touched the body during the step that led to `body`."""
        now = bodies.ends(body.body_position, body.body_rotation)
        return on_its_way(self.goal) & (gap(self.goal, self.before, now) < 0)

    def _end(self, rows: Rows) -> None:
        """No ball for a while."""
        rows.put(self.goal, self._no_ball.expand(len(rows), -1))
        rows.put(self.left, self.steps(len(rows), self.config.wait))

    def _launch(self, rows: Rows, body: Body) -> None:
        """Throw a ball from a random side at where the torso will be if it goes on as it moves."""
        if len(rows) == 0:
            return
        c, n = self.config, len(rows)
        side, distance, speed = (
            self.uniform(n, -math.pi, math.pi),
            self.uniform(n, *c.distance),
            self.uniform(n, *c.speed),
        )
        torso, time = rows.take(body.body_position)[:, _TORSO], (distance / speed).unsqueeze(1)
        drift = rows.take(body.root_linear_velocity)[:, :2] * time
        aim = torch.cat((torso[:, :2] + drift, torso[:, 2:]), 1)
        across = torch.stack((-side.sin(), side.cos(), torch.zeros_like(side)), 1)
        aim += self.uniform(n, -c.aside, c.aside).unsqueeze(1) * across
        offset = distance.unsqueeze(1) * torch.stack((side.cos(), side.sin()), 1)
        place = torch.cat((torso[:, :2] + offset, self.uniform(n, *c.height).unsqueeze(1)), 1)
        velocity = (aim - place) / time - 0.5 * _falling(time)
        rows.put(self.goal, torch.cat((place, velocity), 1))
        rows.put(self.thrown, rows.take(self.thrown) + 1)


def on_its_way(ball: Tensor) -> Tensor:
    """Mask [N] of balls [N, 6] that are there at all."""
    return ball[:, 2] >= 0


def fly(ball: Tensor, time: Tensor | float) -> tuple[Tensor, Tensor]:
    """Position and velocity [N, 3] of balls [N, 6] after `time` [N, 1] s or one time for all."""
    if not isinstance(time, Tensor):
        time = torch.full_like(ball[:, :1], time)
    fall = _falling(time)
    return ball[:, :3] + ball[:, 3:] * time + 0.5 * fall * time, ball[:, 3:] + fall


def _falling(time: Tensor) -> Tensor:
    """Velocity [..., 3] m/s that gravity gives in `time` [..., 1] s."""
    none = torch.zeros_like(time)
    return torch.cat((none, none, -GRAVITY * time), -1)


def pass_time(ball: Tensor, place: Tensor) -> Tensor:
    """Time [N] s until balls [N, 6] are horizontally nearest to `place` [N, 3]; negative where that has been."""
    velocity = ball[:, 3:5]
    return ((place[:, :2] - ball[:, :2]) * velocity).sum(1) / velocity.square().sum(1).clamp_min(1e-6)


def clearance(ball: Tensor, ends: Tensor) -> Tensor:
    """Gap [N] m between the path ahead of balls [N, 6] and the nearest of capsules with ends [N, G, 2, 3] m."""
    middle = ends.mean(2)
    velocity = ball[:, None, 3:5]
    time = ((middle[..., :2] - ball[:, None, :2]) * velocity).sum(2) / velocity.square().sum(2).clamp_min(1e-6)
    time = time.clamp_min(0).unsqueeze(2)
    place = ball[:, None, :3] + ball[:, None, 3:] * time + 0.5 * _falling(time) * time  # [N, G, 3]
    distance = segment_distance(place, place, ends[:, :, 0], ends[:, :, 1])
    return (distance - bodies.capsules(ball.device)[2] - RADIUS).amin(1)


def gap(ball: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """Least gap [N] m, within the next control step, of balls [N, 6] to capsules whose ends move from one to the other.

    Seen from a capsule that keeps its last attitude the ball flies straight, from where it is less the capsule's way.
    """
    start, end = ball[:, None, :3], fly(ball, _STEP)[0][:, None]
    moved = (after - before).mean(2)  # [N, G, 3]
    distance = segment_distance(start + moved, end.expand_as(moved), after[:, :, 0], after[:, :, 1])
    return (distance - bodies.capsules(ball.device)[2] - RADIUS).amin(1)


def _way_out(ball: Tensor, then: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
    """Velocity x, y [N] m/s, world, across the path of balls [N, 6] to the side nearer to its edge, in time for them.

    `then` [N, 3] m is their place relative to the root at the closest pass, in `time` [N] s. Zero without a ball.
    """
    velocity = ball[:, 3:5]
    x, y = (velocity / velocity.norm(dim=1, keepdim=True).clamp_min(1e-6)).unbind(1)
    left = y * then[:, 0] - x * then[:, 1]  # how far to the left of the path the root is
    speed = ((OUT - left.abs()) / time.clamp_min(_STEP)).clamp(0.0, FASTEST) * (on_its_way(ball) & (time > 0))
    side = torch.where(left < 0, -speed, speed)
    return -y * side, x * side


def _at(ball: Tensor, time: Tensor) -> Tensor:
    """Position [N, 3] m of balls [N, 6] in `time` [N] s, or now where that has been."""
    return fly(ball, time.clamp(0.0, HORIZON).unsqueeze(1))[0]
