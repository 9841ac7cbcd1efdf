"""How well a frozen prior knows a motion window: the error of its denoiser, beside that of real motion as fast.

Ensemble score matching (SMP, Mu et al. 2026, eq. 8): a window x is noised at a few fixed levels t, the frozen denoiser
predicts the noise, and e_t = mean((ε̂ - ε)²). The paper divides e_t by a running mean of the policy's own errors; here
each error is divided by that of real motion, ρ, which is fixed in the prior file, so that a value means the same in
every run and at every speed:

    p = mean_{t,g} e_{t,g} / ρ_{t,g}(c)        1 is as usual as the motion that the prior learned from
    r = exp(-p)                                 the reward form `score` (training/prior/style_reward.py)

- Errors are taken per body group g (root travel, root height, …, feet), so that three channels in which a missing
  flight phase shows are not drowned in fifty others.
- ρ depends on the condition c, the root's speed and turning rate: running is harder to predict than standing.

The score alone is content with calmer motion than real (method: mode seeking), so training compares it with a second
network that knows the policy's windows (own.py, critic.py). What the score is for by itself: evaluation, the viewer's
HUD, audits, and other people's code.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from runtime.character import CONTROL_HZ
from training import features
from training.prior import schedule
from training.prior.denoiser import Denoiser
from training.prior.style import predict

SPEED_KNOTS = (0.0, 0.4, 0.8, 1.2, 1.7, 2.3, 3.0, 3.8, 5.0)  # m/s
RIDGE = 0.3
"""Windows' worth of pull of every coefficient of a reference to the mean over all speeds: next to none."""
LEAST_ERROR = 1e-8


class Score(nn.Module):
    """The frozen judge: normaliser, denoiser, reference errors. What a prior file contains.

    In the file are `channel_mean`, `channel_std` and `reference`; the rest follows from this code and the metadata.
    """

    style: Tensor  # [2S], in force where none is given
    share: Tensor  # [58, G], averages channels into groups
    signal: Tensor  # [K], ᾱ of the levels
    level: Tensor  # [K] int64
    speed_knots: Tensor  # [9] m/s
    channel_mean: Tensor  # [58]
    channel_std: Tensor  # [58]
    reference: Tensor  # [K, G, 10 + S], log error of real motion per condition and style

    def __init__(
        self, denoiser: Denoiser, styles: Sequence[str] = (), offsets: Sequence[int] = features.OFFSETS,
        levels: Sequence[int] = schedule.LEVELS,
    ) -> None:  # fmt: skip
        """Wrap a denoiser of [B, F·58] windows whose F frames lie `offsets` control steps back, newest last.

        `levels` are the K levels of noise at which it is asked. `styles` names the S styles of a conditional denoiser;
        where no style is given with windows they are judged by `style` [2S] (training/prior/style.py), at first none.
        """
        super().__init__()
        self.denoiser = denoiser
        self.styles, self.offsets, self.levels = tuple(styles), tuple(offsets), tuple(levels)
        self.groups = tuple(features.GROUPS)
        self.register_buffer("style", torch.zeros(2 * len(self.styles)), persistent=False)
        share = torch.zeros(len(features.WINDOW_NAMES), len(self.groups))
        for column, members in enumerate(features.GROUPS.values()):
            share[members, column] = 1.0 / (len(members) * self.frames)
        self.register_buffer("share", share, persistent=False)
        self.register_buffer("signal", schedule.alpha_bar()[list(self.levels)], persistent=False)
        self.register_buffer("level", torch.tensor(self.levels), persistent=False)
        self.register_buffer("speed_knots", torch.tensor(SPEED_KNOTS), persistent=False)
        self.register_buffer("channel_mean", torch.zeros(len(features.WINDOW_NAMES)))
        self.register_buffer("channel_std", torch.ones(len(features.WINDOW_NAMES)))
        conditions = len(SPEED_KNOTS) + 1 + len(self.styles)
        self.register_buffer("reference", torch.zeros(len(self.levels), len(self.groups), conditions))

    @property
    def frames(self) -> int:
        """F, frames of a window."""
        return len(self.offsets)

    @property
    def size(self) -> int:
        """Numbers in a window, F · 58."""
        return self.frames * len(features.WINDOW_NAMES)

    def sibling(self, denoiser: Denoiser) -> Score:
        """Return a score of `denoiser` with this one's normaliser and references."""
        other = Score(denoiser, self.styles, self.offsets, self.levels).to(self.channel_mean.device)
        for name in ("style", "channel_mean", "channel_std", "reference"):
            getattr(other, name).copy_(getattr(self, name))
        return other

    def normalise(self, windows: Tensor) -> Tensor:
        """Raw windows [B, F, 58] to the denoiser's [B, F·58]."""
        return ((windows - self.channel_mean) / self.channel_std).flatten(1)

    def denormalise(self, flat: Tensor) -> Tensor:
        """The denoiser's [B, F·58] to raw windows [B, F, 58]."""
        return flat.view(len(flat), self.frames, -1) * self.channel_std + self.channel_mean

    def noise(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw white noise [count, K, F, 58] for as many windows, on the generator's device."""
        shape = (count, len(self.levels), self.frames, len(features.WINDOW_NAMES))
        return torch.randn(shape, generator=generator, device=generator.device)

    def errors(self, windows: Tensor, noise: Tensor, style: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Noise-prediction errors of raw windows [B, F, 58] under `noise` [B, K, F, 58], of `style` [B, 2S].

        Returns e_t [B, K] over all channels and e_{t,g} [B, K, G] per body group. All levels go through the denoiser
        as one batch; what depends on the level alone is computed once a level, not once a window.
        """
        batch, levels = noise.shape[:2]
        flat_noise = noise.flatten(2)
        noised = schedule.add_noise(self.normalise(windows).unsqueeze(1), flat_noise, self.signal.view(1, levels, 1))
        if self.styles:
            told = self.in_force(windows, style).unsqueeze(1)
            predicted = predict(self.denoiser, noised, self.level, told.expand(-1, levels, -1))
        else:
            predicted = self.denoiser(noised, self.level)
        square = (predicted - flat_noise).square()
        by_channel = square.view(batch, levels, self.frames, -1).sum(2)
        return square.mean(-1), by_channel @ self.share

    def in_force(self, windows: Tensor, style: Tensor | None) -> Tensor:
        """Style vectors [B, 2S] of windows [B, F, 58]: those given, else `style` for all."""
        return self.style.expand(windows.shape[0], -1) if style is None else style

    def course(self, windows: Tensor) -> Tensor:
        """How the root goes over windows [B, F, 58], [B, 3]: mean velocity ahead and to the left, m/s, and turn, rad/s.

        Ahead is where the last frame heads; the turn is that of the root's x axis, positive to the left.
        """
        rate = CONTROL_HZ / self.offsets[0]
        turn = -torch.atan2(windows[:, 0, 4], windows[:, 0, 3])
        return rate * torch.cat((-windows[:, 0, :2], turn.unsqueeze(1)), 1)

    def condition(self, windows: Tensor, style: Tensor | None = None) -> Tensor:
        """What the references depend on, [B, 10 + S], of raw windows [B, F, 58].

        Hat functions of the speed between `SPEED_KNOTS`; the turning rate (rad/s), capped at 3; how much of the body is
        in each style.
        """
        (ahead, left, turn), knots = self.course(windows).unbind(1), self.speed_knots
        speed = (ahead.square() + left.square()).sqrt()
        position = ((speed.unsqueeze(1) - knots[:-1]) / (knots[1:] - knots[:-1])).clamp(0, 1)  # [B, 8] of each span
        one = torch.ones_like(speed).unsqueeze(1)
        hats = torch.cat((one, position), 1) - torch.cat((position, torch.zeros_like(one)), 1)
        base = torch.cat((hats, turn.abs().clamp(max=3.0).unsqueeze(1)), dim=1)
        if not self.styles:
            return base
        halves = self.in_force(windows, style).unflatten(1, (2, -1))
        share = halves / halves.sum(2, keepdim=True).clamp_min(1e-6)
        return torch.cat((base, share.mean(1)), 1)

    def ratio(self, group_errors: Tensor, condition: Tensor) -> Tensor:
        """e/ρ(c) [B, K, G]: 1 for motion as usual as what the prior learned from, at that speed."""
        return group_errors / torch.einsum("kgc,bc->bkg", self.reference, condition).exp()

    def judge(self, windows: Tensor, noise: Tensor, style: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Error per level [B, K] and penalty p [B] of raw windows [B, F, 58] under noise [B, K, F, 58], see above."""
        error, group_errors = self.errors(windows, noise, style)
        return error, self.ratio(group_errors, self.condition(windows, style)).mean((1, 2))

    def forward(self, windows: Tensor, noise: Tensor, style: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Error per level [B, K] and penalty p [B], as `judge`."""
        return self.judge(windows, noise, style)

    @torch.no_grad()
    def calibrate(self, windows: Tensor, style: Tensor | None = None, repeats: int = 4) -> None:
        """Fit `reference` to windows [N, F, 58] as the denoiser was trained on them, of style vectors [N, 2S].

        A ridge regression of log errors on `condition`. Training windows, not held-out ones: with these a policy as
        good as a stranger has nothing left to gain, and stops there.
        """
        generator = torch.Generator(device=windows.device).manual_seed(0)
        conditions = self.condition(windows, style)
        logs = torch.zeros(len(windows), len(self.levels), len(self.groups))
        for rows in torch.arange(len(windows)).split(4096):
            told = None if style is None else style[rows]
            for _ in range(repeats):
                error = self.errors(windows[rows], self.noise(len(rows), generator), told)[1]
                logs[rows] += error.clamp_min(LEAST_ERROR).log() / repeats
        self.reference.copy_(_regress(conditions, logs))


def _regress(conditions: Tensor, target: Tensor) -> Tensor:
    """Coefficients [K, G, C] of targets [N, K, G] on conditions [N, C], drawn by `RIDGE` to the targets' mean."""
    flat = target.flatten(1)
    base = flat.mean(0)
    gram = conditions.T @ conditions + RIDGE * torch.eye(conditions.shape[1])
    solved = torch.linalg.solve(gram, conditions.T @ (flat - base))  # [C, K·G]
    coefficients = solved.T.reshape(*target.shape[1:], -1).clone()
    coefficients[..., : len(SPEED_KNOTS)] += base.view(*target.shape[1:], 1)  # the hats sum to one
    return coefficients
