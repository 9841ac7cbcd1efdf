"""How much a motion window looks like motion the prior knows: error per level, and the reward made of it.

Ensemble score matching (SMP eq. 8): a window x is noised at the levels K = {22, 15, 8}, the frozen denoiser predicts
the noise, and e_t = mean((ε̂ - ε)²). The paper's reward is exp(-w·mean_t(e_t / μ_t)) with a running mean μ of the
policy's own errors. Ours differs in eleven measured ways (training/README.md has the table), all of them fixed in the
prior file, so that a reward means the same in every run:

- groups: the error is taken per body group (root travel, root height, …, feet), so that three channels in which a
  missing flight phase shows are not drowned in fifty others;
- reference: each group's error is compared with what real held-out motion of the same root speed and turning rate has,
  ρ_{t,g}(c), so that calm motion is not preferred to lively motion that goes just as fast;
- two-sided: d = |log(e / ρ)|, with `calm_weight` on the side below, since motion that is too calm to be real has a
  LOWER error (method.md §10);
- floor: errors below `error_floor` are as good as none. A single clip is learned by heart, errors of a hundredth of
  that level are what half a centimetre makes;
- dead zone: deviations that most real windows have, up to `tolerance_{t,g}`, cost nothing;
- allowance: what real motion of that speed is charged on average, q(c), costs nothing. Without it the mean of all
  motion is worth more than any real one, and standing, where there is little to go wrong, more than walking;
- statistics: what the error cannot tell is asked directly. A shuffle of short quick steps has a lower error than real
  walking, and the noise of a policy that explores hides even that. `statistics` (how far each body group moves within
  the window and how straight, how the feet slip while they are down, how far they are apart) are held to those of
  real motion at the same speed in the same way; below walking speed they fade out unless `judge_standing`;
- rest, with `lenient_rest`: few people were captured standing, and those are so calm and so alike that every other way
  to stand was a fault, and marching on the spot, which has a walk's errors, was none. So errors at rest are compared
  with no less than those of walking;
- posture, with `judge_posture`: so is how upright the body is. A crouch is a little less probable in every window and
  never wrong in one;
- pose, with `judge_pose`: so is every part of the body, each channel's mean over the window in deviations of people who
  move that fast, by the root mean square of a body group. Nobody holds the hands so wide, the toes so far out and the
  chin so high all at once, though somebody does each;
- cadence, with `judge_cadence`: so is how briskly legs and feet change their speed, and each statistic of motion counts
  in units of its own spread. Straightness differs by .1 from one walk to the next, slip by .5: as mere logarithms short
  quick steps, three deviations off in the one, cost less than any turn does in the other.

    p = mean_{t,g} max(0, |log(max(e_{t,g}, floor) / ρ_{t,g}(c))| - tolerance_{t,g})
        + statistics_weight · (mean_s max(0, |u_s - ū_s(c)| - tolerance_s) + mean_h max(0, u_h(c) - tolerance_h))
    p' = max(0, p - q(c))
    r = exp(-sharpness · p')

The second mean is over poses, where they are judged: u_h = √mean_x((x - x̄(c))² / σ_x²(c)) over the channels of a group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from training import features
from training.config import RewardConfig
from training.prior import schedule
from training.prior.denoiser import Denoiser
from training.prior.statistics import (
    CADENCE,
    POSE,
    POSTURE,
    STATISTICS,
    cadence,
    pose,
    pose_share,
    posture,
    statistics,
)
from training.prior.style import predict

WALKING = 2  # place in SPEED_KNOTS, .8 m/s
SPEED_KNOTS = (0.0, 0.4, 0.8, 1.2, 1.7, 2.3, 3.0, 3.8, 5.0)  # m/s
POSTURE_QUANTILE = 0.75  # people's postures differ more, from one to the next, than what one does in a window
POSE_STD_FLOOR = 0.25  # of a channel's deviation over all motion: where few were captured they are too alike
_SPAN = (features.WINDOW - 1) / 30.0  # s, first frame to last


def condition(windows: Tensor, knots: Tensor | None = None) -> Tensor:
    """What the reference error may depend on, [B, 10]: hat functions of the root's speed, and its turning rate.

    `windows` [B, 10, 58] are raw. Speed is the root's net horizontal travel over the window (m/s), linearly
    interpolated between `SPEED_KNOTS`; the turning rate (rad/s) is that of the root's x axis, capped at 3. `knots` are
    those speeds as a tensor, where there is one on the device already: to send them there again would wait for a GPU.
    """
    speed = windows[:, 0, :2].norm(dim=1) / _SPAN
    if knots is None:
        knots = torch.tensor(SPEED_KNOTS, device=windows.device)
    position = ((speed.unsqueeze(1) - knots[:-1]) / (knots[1:] - knots[:-1])).clamp(0, 1)  # [B, 8] share of each span
    one = torch.ones_like(speed).unsqueeze(1)
    hats = torch.cat((one, position), 1) - torch.cat((position, torch.zeros_like(one)), 1)
    turn = torch.atan2(windows[:, 0, 4], windows[:, 0, 3]).abs() / _SPAN
    return torch.cat((hats, turn.clamp(max=3.0).unsqueeze(1)), dim=1)


class Score(nn.Module):
    """The frozen judge: normaliser, denoiser, reference errors, reward. What a prior file contains.

    In the file are `channel_mean` to `allowance`; the rest follows from this code.
    """

    style: Tensor  # [2S], in force where none is given
    share: Tensor  # [58, G], averages channels into groups
    signal: Tensor  # [K], ᾱ of the levels
    levels: Tensor  # [K]
    speed_knots: Tensor  # [9] m/s
    channel_mean: Tensor  # [58]
    channel_std: Tensor  # [58]
    reference: Tensor  # [K, G, 10 + S], log error of real motion per condition and style
    tolerance: Tensor  # [K, G], of |log(error / reference)|
    statistics_reference: Tensor  # [U, 10 + S], statistics of real motion per condition and style
    statistics_tolerance: Tensor  # [U + P], of |statistics - reference| and of the P poses
    statistics_scale: Tensor  # [U], units that oddities of motion are counted in
    pose_reference: Tensor  # [56, 10 + S], mean `pose` of real motion per condition and style, where poses are judged
    pose_variance: Tensor  # [56, 9], its variance at each of SPEED_KNOTS
    pose_share: Tensor  # [56, 8], averages channels into body groups
    statistics_weight: Tensor  # []
    sharpness: Tensor  # []
    calm_weight: Tensor  # []
    allowance: Tensor  # [10 + S], penalty that costs nothing per condition and style

    def __init__(
        self, denoiser: Denoiser, reward: RewardConfig | None = None, styles: Sequence[str] = ()
    ) -> None:  # fmt: skip
        """Wrap a denoiser of [B, 580] windows, to be judged as `reward` says (its defaults if None).

        What `reward` has of numbers that are fitted or set later (`calibrate`, the buffers) is not looked at here.
        `styles` names the S styles of a conditional denoiser. Where no style is given with windows they are judged by
        `style` [2S] (training/prior/style.py), at first none.
        """
        super().__init__()
        self.denoiser = denoiser
        self.styles = tuple(styles)
        self.reward = reward = reward or RewardConfig()
        self.motion = STATISTICS + CADENCE if reward.judge_cadence else STATISTICS  # what fades out at rest
        self.measured = self.motion + POSTURE if reward.judge_posture else self.motion
        self.statistics = self.measured + POSE if reward.judge_pose else self.measured
        self.register_buffer("style", torch.zeros(2 * len(self.styles)), persistent=False)
        names = list(features.GROUPS) if reward.groups else ["all"]
        self.groups = tuple(names)
        share = torch.zeros(len(features.WINDOW_NAMES), len(names))
        for column, name in enumerate(names):
            rows = features.GROUPS[name] if reward.groups else range(len(features.WINDOW_NAMES))
            share[list(rows), column] = 1.0 / (len(rows) * features.WINDOW)
        self.register_buffer("share", share, persistent=False)
        self.register_buffer("signal", schedule.alpha_bar()[list(schedule.LEVELS)], persistent=False)
        self.register_buffer("levels", torch.tensor(schedule.LEVELS), persistent=False)
        self.register_buffer("speed_knots", torch.tensor(SPEED_KNOTS), persistent=False)
        self.register_buffer("channel_mean", torch.zeros(len(features.WINDOW_NAMES)))
        self.register_buffer("channel_std", torch.ones(len(features.WINDOW_NAMES)))
        knots = len(SPEED_KNOTS) + 1 + len(self.styles)
        self.register_buffer("reference", torch.zeros(len(schedule.LEVELS), len(names), knots))
        self.register_buffer("tolerance", torch.zeros(len(schedule.LEVELS), len(names)))
        self.register_buffer("statistics_reference", torch.zeros(len(self.measured), knots))
        self.register_buffer("statistics_tolerance", torch.zeros(len(self.statistics)))
        self.register_buffer("statistics_scale", torch.ones(len(self.measured)))
        if reward.judge_pose:
            averages = pose_share()
            self.register_buffer("pose_share", averages, persistent=False)
            self.register_buffer("pose_reference", torch.zeros(len(averages), knots))
            self.register_buffer("pose_variance", torch.ones(len(averages), len(SPEED_KNOTS)))
        self.register_buffer("statistics_weight", torch.tensor(1.0))
        self.register_buffer("sharpness", torch.tensor(4.0))
        self.register_buffer("calm_weight", torch.tensor(1.0))
        self.register_buffer("allowance", torch.zeros(knots))

    def sibling(self, denoiser: Denoiser, groups: bool) -> Score:
        """Return a score of `denoiser` with this one's normaliser and poses, not calibrated yet."""
        other = Score(denoiser, replace(self.reward, groups=groups), self.styles)
        other.style.copy_(self.style)
        other.channel_mean.copy_(self.channel_mean)
        other.channel_std.copy_(self.channel_std)
        if self.reward.judge_pose:
            other.pose_reference.copy_(self.pose_reference)
            other.pose_variance.copy_(self.pose_variance)
        return other

    def normalise(self, windows: Tensor) -> Tensor:
        """Raw windows [B, 10, 58] to the denoiser's [B, 580]."""
        return ((windows - self.channel_mean) / self.channel_std).flatten(1)

    def denormalise(self, flat: Tensor) -> Tensor:
        """The denoiser's [B, 580] to raw windows [B, 10, 58]."""
        windows = flat.view(len(flat), features.WINDOW, -1)
        return windows * self.channel_std + self.channel_mean

    def errors(self, windows: Tensor, noise: Tensor, style: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Noise-prediction errors of raw windows [B, 10, 58] under `noise` [B, K, 10, 58], of `style` [B, 2S].

        Returns e_t [B, K] over all channels and e_{t,g} [B, K, G] per body group. All levels go through the denoiser
        as one batch; what depends on the level alone is computed once a level, not once a window.
        """
        batch, levels = noise.shape[:2]
        flat_noise = noise.flatten(2)
        signal = self.signal.view(1, levels, 1)
        noised = schedule.add_noise(self.normalise(windows).unsqueeze(1), flat_noise, signal)
        if self.styles:
            told = self._in_force(windows, style).unsqueeze(1)
            predicted = predict(self.denoiser, noised, self.levels, told.expand(-1, levels, -1))
        else:
            predicted = self.denoiser(noised, self.levels)
        square = (predicted - flat_noise).square()
        by_channel = square.view(batch, levels, features.WINDOW, -1).sum(2)
        return square.mean(-1), by_channel @ self.share

    def _in_force(self, windows: Tensor, style: Tensor | None) -> Tensor:
        return self.style.expand(windows.shape[0], -1) if style is None else style

    def condition(self, windows: Tensor, style: Tensor | None = None) -> Tensor:
        """What the references depend on, [B, 10 + S]: `condition`, and how much of the body is in each style."""
        base = condition(windows, self.speed_knots)
        if not self.styles:
            return base
        halves = self._in_force(windows, style).unflatten(1, (2, -1))
        share = halves / halves.sum(2, keepdim=True).clamp_min(1e-6)
        return torch.cat((base, share.mean(1)), 1)

    def deviation(self, group_errors: Tensor, condition: Tensor) -> Tensor:
        """log(e / ρ(c)) [B, K, G]: zero for the typical real window of that speed, negative for calmer motion."""
        return self._log(group_errors) - torch.einsum("kgc,bc->bkg", self.reference, condition)

    def _log(self, errors: Tensor) -> Tensor:
        return errors.clamp_min(max(self.reward.error_floor, 1e-8)).log()

    def oddity(self, windows: Tensor, condition: Tensor) -> Tensor:
        """How far the window's statistics are from those of real motion at its speed: (u - ū(c))/scale [B, U + P].

        Those of motion fade out below walking speed, from .4 to .1 m/s: how much a body moves that goes nowhere says
        nothing, and in most captures nobody stands still. Standing is judged by the errors (and posture and pose)
        alone, unless `judge_standing`.
        """
        odd = self._measure(windows) - condition @ self.statistics_reference.T
        odd = odd / self.statistics_scale
        parts = [odd]
        if not self.reward.judge_standing:
            motion = len(self.motion)
            parts = [odd[:, :motion] * _moving(windows), odd[:, motion:]]
        if self.reward.judge_pose:
            parts.append(self._off_pose(windows, condition))
        return torch.cat(parts, 1)

    def pose_error(self, windows: Tensor, condition: Tensor) -> Tensor:
        """By how much the `pose` of windows is off that of people who move as fast as `condition` says, [B, 56].

        In m, rad and 1, more than theirs is positive. Only where poses are judged (`judge_pose`).
        """
        return pose(windows) - condition @ self.pose_reference.T

    def _off_pose(self, windows: Tensor, condition: Tensor) -> Tensor:
        """How far each body group is from where people who move that fast hold it, in their deviations, [B, P]."""
        off = self.pose_error(windows, condition)
        variance = condition[:, : len(SPEED_KNOTS)] @ self.pose_variance.T
        return ((off.square() / variance) @ self.pose_share).sqrt()

    def _measure(self, windows: Tensor) -> Tensor:
        """What `self.measured` names, [B, U]."""
        values = [statistics(windows, self.channel_std)]
        values += [cadence(windows)] if self.reward.judge_cadence else []
        values += [posture(windows)] if self.reward.judge_posture else []
        return torch.cat(values, 1)

    def penalty(self, deviation: Tensor, oddity: Tensor) -> Tensor:
        """What deviations [B, K, G] and oddities [B, S] cost beyond the tolerances, p [B]."""
        above = (deviation - self.tolerance).clamp_min(0)
        below = (-deviation - self.tolerance).clamp_min(0)
        odd = (oddity.abs() - self.statistics_tolerance).clamp_min(0)
        measured = len(self.measured)
        what = odd[:, :measured].mean(1)
        if self.reward.judge_pose:
            what = what + odd[:, measured:].mean(1)
        return (above + self.calm_weight * below).mean((1, 2)) + self.statistics_weight * what

    def beyond_allowance(self, penalty: Tensor, condition: Tensor) -> Tensor:
        """What is left of penalties [..., B] over the allowance for motion of that speed: p' [..., B]."""
        return (penalty - condition @ self.allowance).clamp_min(0)

    def judge(
        self, windows: Tensor, noise: Tensor, style: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
        """All there is to say of raw windows [B, 10, 58] under noise [B, K, 10, 58], as motion of `style` [B, 2S].

        Returns the error [B, K], the deviation [B, K, G], the oddity [B, S] and the penalty p' [B].
        """
        error, group_errors = self.errors(windows, noise, style)
        condition = self.condition(windows, style)
        deviation, oddity = self.deviation(group_errors, condition), self.oddity(windows, condition)
        return error, deviation, oddity, self.beyond_allowance(self.penalty(deviation, oddity), condition)

    def forward(self, windows: Tensor, noise: Tensor, style: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Error per level [B, K] and reward [B] in (0, 1] of raw windows [B, 10, 58], as motion of `style` [B, 2S]."""
        error, _, _, penalty = self.judge(windows, noise, style)
        return error, torch.exp(-self.sharpness * penalty)

    @torch.no_grad()
    def set_pose(self, windows: Tensor, style: Tensor | None = None, ridge: float = 3.0) -> None:
        """Fit `pose_reference` and `pose_variance` to real windows [N, 10, 58] of `style` [N, 2S].

        These may be the very ones that the denoiser learned from: how people hold themselves is no error of its. A
        variance is the mean over windows about its speed, drawn by `ridge` to the mean over all, and no less than
        `POSE_STD_FLOOR` allows.
        """
        conditions, values = self.condition(windows, style), pose(windows)
        self.pose_reference.copy_(_regress(conditions, values.unsqueeze(1), ridge)[0])
        square = (values - conditions @ self.pose_reference.T).square()
        hats = conditions[:, : len(SPEED_KNOTS)]
        variance = (hats.T @ square + ridge * square.mean(0)) / (hats.sum(0) + ridge).unsqueeze(1)  # [9, 56]
        floor = (POSE_STD_FLOOR * self.channel_std[-variance.shape[1] :]).square()
        self.pose_variance.copy_(variance.maximum(floor).T)

    @torch.no_grad()
    def calibrate(
        self, windows: Tensor, by_speed: bool = True, quantile: float = 0.5, repeats: int = 8, ridge: float = 3.0,
        style: Tensor | None = None, allowance: float = 0.0,
    ) -> None:  # fmt: skip
        """Fit `reference`, `tolerance` and `allowance` to held-out real windows [N, 10, 58] of `style` [N, 2S].

        The reference is the ridge regression of log errors on `condition`, the ridge pulling each speed's value
        towards the mean over speeds (all the way when not `by_speed`), and with `lenient_rest` that of walking where
        the speed is lower and the error would be, too; the tolerance is the given quantile of
        |deviation| under a single noise draw, as the reward will meet it; the allowance is that share of the penalty
        that is left of them.
        """
        conditions, pull = self.condition(windows, style), ridge if by_speed else 1e12
        generator = torch.Generator(device=windows.device).manual_seed(0)
        shape = (len(windows), len(self.levels), *windows.shape[1:])
        logs = torch.stack(
            [self._log(self.errors(windows, torch.randn(shape, generator=generator), style)[1]) for _ in range(repeats)]
        )  # [R, N, K, G]
        reference = _regress(conditions, logs.mean(0), pull)
        if self.reward.lenient_rest:
            reference[..., :WALKING] = reference[..., :WALKING].maximum(reference[..., WALKING, None])
        self.reference.copy_(reference)
        deviation = logs[0] - torch.einsum("kgc,bc->bkg", reference, conditions)
        self.tolerance.copy_(deviation.abs().flatten(1).quantile(quantile, dim=0).view(self.tolerance.shape))
        values, motion, measured = self._measure(windows), len(self.motion), len(self.measured)
        line = _regress(conditions, values.unsqueeze(1), pull)[0]
        self.statistics_reference.copy_(line)
        off = (values - conditions @ line.T).abs()
        if self.reward.judge_cadence:  # of those who move: at rest the statistics of motion do not count
            share = _moving(windows)
            self.statistics_scale[:motion] = ((share * off.square()).sum(0) / share.sum()).sqrt()[:motion]
            off = (off / self.statistics_scale)[share.squeeze(1) == 1.0]
        self.statistics_tolerance[:measured] = off.quantile(quantile, dim=0)
        if self.reward.judge_posture:
            held = off[:, motion:].quantile(max(quantile, POSTURE_QUANTILE), dim=0)
            self.statistics_tolerance[motion:measured] = held
        if self.reward.judge_pose:
            self.statistics_tolerance[measured:] = self._off_pose(windows, conditions).quantile(quantile, dim=0)
        left = self.penalty(deviation, self.oddity(windows, conditions))
        self.allowance.copy_(allowance * _regress(conditions, left[:, None, None], pull)[0, 0])


def _moving(windows: Tensor) -> Tensor:
    """How much of the statistics of motion counts in windows [B, 10, 58], [B, 1]: none up to .1 m/s, all from .4 on."""
    speed = windows[:, 0, :2].norm(dim=1, keepdim=True) / _SPAN
    return ((speed - 0.1) / 0.3).clamp(0.0, 1.0)


def _regress(conditions: Tensor, target: Tensor, ridge: float) -> Tensor:
    """Coefficients [K, G, C] of targets [N, K, G] on conditions [N, C], shrunk towards the targets' mean."""
    flat = target.flatten(1)
    base = flat.mean(0)
    gram = conditions.T @ conditions + ridge * torch.eye(conditions.shape[1])
    weights = torch.linalg.solve(gram, conditions.T @ (flat - base))  # [C, K·G]
    coefficients = weights.T.reshape(*target.shape[1:], -1).clone()
    coefficients[..., : len(SPEED_KNOTS)] += base.view(*target.shape[1:], 1)  # the hats sum to one
    return coefficients
