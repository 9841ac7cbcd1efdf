"""The style reward in its three forms, on Gaussian windows, where it is known what a prior knows."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.pages import example, run
from tests.training import gaussian
from training.config import RewardConfig
from training.prior import critic, own, sampling, schedule, style_reward
from training.prior.score import Score

LEARNERS = ("own", "critic")
CONFIG = RewardConfig(
    steps=3, batch=128, replay=1024, pool=1024, critic_hidden=(32,), learning_rate=1e-2, critic_rate=1e-2, penalty=1.0,
    sharpness=20.0,
)  # fmt: skip


def small_score(styles: tuple[str, ...] = ()) -> Score:
    """A frozen score of Gaussian windows of three frames, .2 s, whose network corrects 60 components."""
    torch.manual_seed(0)
    score = Score(gaussian.known(3 * gaussian.CHANNELS, components=60), styles, offsets=(6, 2, 0))
    return score.eval().requires_grad_(False)


def reward_of(form: str, score: Score | None = None, seed: int = 0, **settings: Any) -> style_reward.StyleReward:
    """The reward of one process."""
    config = replace(CONFIG, form=form, **settings)
    return style_reward.create(score or small_score(), config, torch.Generator().manual_seed(seed))


def prior_windows(score: Score, count: int, seed: int, scale: float = 1.0) -> Tensor:
    """Windows that the prior knows, or calmer ones."""
    return gaussian.windows(score, count, seed, scale)


@torch.no_grad()
def mean_reward(style: Any, windows: Tensor) -> float:
    """Mean of the rewards of windows, which are not remembered."""
    kept, random = style.own_state(), style._generator.get_state()
    mean = style.reward(windows).mean().item()
    style.restore_own(kept)
    style._generator.set_state(random)
    return mean


def practise(style: style_reward.StyleReward, windows: Tensor, rounds: int) -> dict[str, float]:
    """Show a policy's windows and learn them, so many times; the figures of the last round."""
    figures = {}
    for part in windows.chunk(rounds):
        with torch.inference_mode():
            style.reward(part)
        figures = style.update()
    return figures


def test_score_by_hand():
    """exp(-w p) of the mean of e/ρ under the noise that the generator gives; there is nothing to learn or to keep."""
    score = small_score()
    score.reference.fill_(-0.5)
    windows = prior_windows(score, 6, seed=1)
    style = reward_of("score", score, seed=4, sharpness=1.5)
    noise = torch.randn((6, 4, 3, 58), generator=torch.Generator().manual_seed(4))
    ratio = score.errors(windows, noise)[1] / score.ratio(torch.ones(6, 4, 9), score.condition(windows)).reciprocal()
    torch.testing.assert_close(style.reward(windows), torch.exp(-1.5 * ratio.mean((1, 2))))
    assert style.update() == style.state() == style.own_state() == {}
    style.restore({})
    style.restore_own({})


def test_own_begins_without_an_opinion():
    """The own denoiser is a copy of the frozen one, ê = e: anything at all is worth exactly 1."""
    score = small_score()
    style = reward_of("own", score)
    for windows in (prior_windows(score, 20, seed=1), 9.0 * torch.randn(20, 3, 58), torch.zeros(20, 3, 58)):
        assert style.reward(windows).tolist() == [1.0] * 20


def test_own_learns_what_the_policy_does():
    """After calm windows were learned they are worth less than before; what the prior knows is still worth 1.

    Whatever is learned, the frozen denoiser stays as it is.
    """
    score = small_score()
    before = copy.deepcopy(score.state_dict())
    style = reward_of("own", score)
    figures = practise(style, prior_windows(score, 4000, seed=1, scale=0.2), rounds=40)
    assert 0 < figures["own_loss"] < 1
    assert mean_reward(style, prior_windows(score, 300, seed=2, scale=0.2)) < 0.5
    assert mean_reward(style, prior_windows(score, 300, seed=3)) > 0.95
    assert all(torch.equal(value, before[name]) for name, value in score.state_dict().items())


def test_own_by_hand():
    """exp(-w max(0, mean log(e/ê))) under the same noise, ê of a denoiser whose network says something else."""
    score = small_score()
    style = reward_of("own", score, seed=4, sharpness=3.0)
    assert isinstance(style, own.OwnReward)
    with torch.no_grad():
        style._own.denoiser.network.exit.bias.fill_(0.2)
    windows = prior_windows(score, 200, seed=1)
    noise = torch.randn((200, 4, 3, 58), generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        known, mine = score.errors(windows, noise)[1], style._own.errors(windows, noise)[1]
        found = style.reward(windows)
    p = (known.log() - mine.log()).mean((1, 2))
    torch.testing.assert_close(found, torch.exp(-3.0 * p.clamp_min(0)), atol=1e-5, rtol=1e-5)
    assert (p < 0).any() and (p > 0).any()


def test_own_is_trained_as_the_prior_was():
    """Its loss is |ε̂ - ε|² in the components that the denoiser keeps, at the reward's levels alone."""
    score = small_score()
    style = reward_of("own", score)
    assert isinstance(style, own.OwnReward)
    latent = score.denoiser.kept(score.normalise(prior_windows(score, 20_000, seed=1)))
    expected = [gaussian.unexplained(score.denoiser.variance[:60], level).mean().item() for level in schedule.LEVELS]
    with torch.no_grad():
        loss = style._loss(latent, latent[:, :0]).item()
    assert loss == pytest.approx(sum(expected) / len(expected), rel=0.02)


def test_critic_tells_samples_from_the_policys():
    """After calm windows were shown, fresh windows of the prior are worth more than they are, by a third at least."""
    score = small_score()
    style = reward_of("critic", score)
    real, calm = prior_windows(score, 300, seed=3), prior_windows(score, 300, seed=2, scale=0.2)
    first = mean_reward(style, real) - mean_reward(style, calm)
    figures = practise(style, prior_windows(score, 4000, seed=1, scale=0.2), rounds=40)
    assert figures["critic_real"] > figures["critic_policy"] + 0.5
    assert mean_reward(style, real) > mean_reward(style, calm) + 0.33 > first + 0.3


def test_critic_by_hand():
    """1 - (d - 1)²/4 of a network that says d = 1, 0, -1 and 9: 1, 3/4, 0 and 0."""
    style = reward_of("critic")
    assert isinstance(style, critic.CriticReward)
    for value, expected in ((1.0, 1.0), (0.0, 0.75), (-1.0, 0.0), (9.0, 0.0)):
        with torch.no_grad():
            for parameter in style._parameters:
                parameter.zero_()
            style._parameters[-1].fill_(value)
            assert style.reward(torch.zeros(2, 3, 58)).tolist() == pytest.approx([expected] * 2)


def test_critic_compares_windows_of_the_same_course(monkeypatch):
    """A policy that does what the prior knows, but only the fastest tenth of it, is not told from the prior by that.

    Beside samples of any course it would be.
    """
    score = small_score()
    windows = prior_windows(score, 40_000, seed=1)
    fast = windows[score.course(windows)[:, :2].norm(dim=1).argsort()[-4000:]]
    apart = []
    for anyhow in (False, True):
        style = reward_of("critic", score, pool=8192, penalty=0.1)
        assert isinstance(style, critic.CriticReward)
        if anyhow:
            pool = style._pool[:, :-3]
            monkeypatch.setattr(
                style, "_like", lambda course, pool=pool: pool[torch.randint(len(pool), (len(course),))]
            )
        figures = practise(style, fast[torch.randperm(4000, generator=torch.Generator().manual_seed(0))], rounds=40)
        apart.append(figures["critic_real"] - figures["critic_policy"])
    assert apart[0] < 0.3 and apart[1] > 2 * apart[0]


def test_tremor_alone_is_not_what_a_policy_is_told_by():
    """What the prior knows, with a tremor of .4 deviations, is worth more at levels of noise than without."""
    score = small_score()
    shaking = prior_windows(score, 4000, seed=1)
    shaking = score.denormalise(score.normalise(shaking) + 0.4 * torch.randn(4000, 174)).view(4000, 3, 58)
    worth = []
    for noised in (True, False):
        style = reward_of("critic", score, penalty=0.01, critic_hidden=(128, 64), noised=noised)
        practise(style, shaking, rounds=120)
        worth.append(mean_reward(style, shaking[:300]))
    assert worth[0] > 1.2 * worth[1]


def test_like_draws_among_neighbours():
    """Beside each course stands one of the 64 samples nearest to it, by velocity and turning."""
    style = reward_of("critic")
    assert isinstance(style, critic.CriticReward)
    pool = style._pool
    assert pool.shape == (1024, 63)
    course = torch.cat((torch.tensor([[99.0, 0.0, 0.0]]), pool[[100, 500, 900], -3:]))
    found = style._like(course.repeat_interleave(50, 0)).view(4, 50, -1)
    for wanted, rows in zip(course, found, strict=True):
        near = (pool[:, -3:] - wanted).norm(dim=1).argsort()[:64]
        places = (rows.unsqueeze(1) == pool[:, :-3].unsqueeze(0)).all(2).float().argmax(1)
        assert set(places.tolist()) <= set(near.tolist()) and len(places.unique()) > 20


def test_critic_holds_a_policy_to_the_style_in_force(monkeypatch):
    """What it is set beside are samples in the score's style; of a prior without styles, samples without one."""
    asked = []
    monkeypatch.setattr(sampling, "ddpm", lambda score, count, generator, style=None: asked.append(style) or
                        torch.zeros(count, 3, 58))  # fmt: skip
    reward_of("critic")
    assert asked == [None]
    styled = Score(gaussian.known(174, components=60), ("old", "sad"), offsets=(6, 2, 0)).requires_grad_(False)
    styled.style.copy_(torch.tensor([1.0, 0.0, 0.0, 1.0]))
    reward_of("critic", styled)
    assert torch.equal(asked[1], styled.style.expand(1024, -1))


@pytest.mark.parametrize("form", LEARNERS)
def test_a_restored_reward_goes_on_with_the_same_numbers(form):
    """State is a copy, which what follows does not reach; another reward, restored, repeats that bit for bit."""
    score = small_score()
    windows = prior_windows(score, 600, seed=1, scale=0.5)
    one, random = reward_of(form, score), torch.Generator().manual_seed(0)
    one._generator = random
    practise(one, windows[:300], rounds=3)
    with torch.inference_mode():
        one.reward(windows[:10])  # some are fresh
    shared, mine, drawn = one.state(), one.own_state(), random.get_state()
    expected = practise(one, windows[300:], rounds=3)
    with torch.inference_mode():
        last = one.reward(windows[:50])
    other = reward_of(form, score, seed=7)
    other.restore(shared)
    other.restore_own(mine)
    other._generator.set_state(drawn)
    assert practise(other, windows[300:], rounds=3) == expected
    with torch.inference_mode():
        assert torch.equal(other.reward(windows[:50]), last)


@pytest.mark.parametrize("form", LEARNERS)
def test_nothing_to_learn_is_told(form):
    """An update before any window is an error that says what to do."""
    with pytest.raises(ValueError, match=r"no windows of the policy yet: call reward\(windows\) before update\(\)"):
        reward_of(form).update()


def test_the_program_of_your_own_rl(prior_path, capsys):
    """docs/gymnasium.md has it; with this prior and fewer samples it finds an amplitude near 1."""
    code = example("your own RL")
    assert len([line for line in code.splitlines() if line.strip()]) <= 30
    for there, here in (
        ("exported/priors/locomotion.onnx", str(prior_path)), ("2048", "512"),
        ('form="critic"', 'form="critic", pool=1024'),
    ):  # fmt: skip
        assert there in code
        code = code.replace(there, here)
    run(code)
    amplitude = float(capsys.readouterr().out.split()[0])
    assert 0.7 < amplitude < 1.3  # it began at .37


def meeting(count: int = 2) -> Callable[[int], style_reward.Average]:
    """Means over `count` threads, by rank."""
    barrier, values = threading.Barrier(count, timeout=60), [torch.zeros(0)] * count

    def of(rank: int) -> style_reward.Average:
        def average(value: Tensor) -> Tensor:
            values[rank] = value
            barrier.wait()
            mean = torch.stack(values).mean(0)
            barrier.wait()
            return mean

        return average

    return of


@pytest.mark.parametrize("form", LEARNERS)
def test_two_processes_learn_like_one_with_both_batches(form, monkeypatch):
    """Gradients are averaged: after three updates both networks are the one that saw both halves of every batch.

    What is drawn at random is the same for the same rows, so that one and two can be compared.
    """
    score = small_score()
    rows = {rank: prior_windows(score, 64, seed=rank, scale=0.5) for rank in (0, 1)}

    def made(processes: int, average: style_reward.Average) -> Any:
        config = replace(CONFIG, form=form)
        style = style_reward.create(
            score, config, torch.Generator().manual_seed(0), processes=processes, average=average
        )
        fixed(style, monkeypatch)
        return style

    alone = made(1, style_reward.alone)
    mean, pair = meeting(), []
    for rank in (0, 1):
        torch.manual_seed(rank)  # as run.build seeds each worker
        pair.append(made(2, mean(rank)))
    networks = []
    for style, windows in ((alone, torch.cat((rows[0], rows[1]))), (pair[0], rows[0]), (pair[1], rows[1])):
        with torch.no_grad():
            style.reward(windows)
        networks.append(style._parameters)
    threads = [threading.Thread(target=style.update) for style in pair]
    for thread in threads:
        thread.start()
    alone.update()
    for thread in threads:
        thread.join(60)
    start = [parameter.detach().clone() for parameter in made(1, style_reward.alone)._parameters]
    for first, second, whole, before in zip(networks[1], networks[2], networks[0], start, strict=True):
        assert torch.equal(first, second)
        torch.testing.assert_close(first, whole, atol=2e-4, rtol=1e-3)
        assert whole.shape == before.shape
    assert any((whole - before).abs().max() > 1e-3 for whole, before in zip(networks[0], start, strict=True))


def fixed(style: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a reward draw all rows that it holds, and noise, levels and samples that depend on the rows alone."""
    monkeypatch.setattr(style._replay, "draw", lambda count, generator: style._replay.rows[: style._replay.count])
    if isinstance(style, critic.CriticReward):
        style._pool = torch.randn(1024, 61, generator=torch.Generator().manual_seed(3)).sort(0).values
        monkeypatch.setattr(style, "_like", lambda course: style._pool[(course[:, 0] * 100).long().clamp(0, 1023), :-1])

        def noised(rows: Tensor, level: Tensor) -> Tensor:
            mixed = schedule.add_noise(rows, torch.sin(1000.0 * rows), style._score.signal[1])
            return torch.cat((mixed, style._levels[1].expand(len(rows), -1)), 1)

        monkeypatch.setattr(style, "_noised", noised)
        return

    def loss(latent: Tensor, told: Tensor) -> Tensor:
        noise = torch.sin(1000.0 * latent)
        noised = schedule.add_noise(latent, noise, style._score.signal[1])
        return (style._own.denoiser.latent(noised, style._score.level[1].expand(len(latent))) - noise).square().mean()

    monkeypatch.setattr(style, "_loss", loss)


def test_forms_are_what_the_configuration_names():
    """Each by its name."""
    kinds = {"score": style_reward.ScoreReward, "own": own.OwnReward, "critic": critic.CriticReward}
    for form, kind in kinds.items():
        assert isinstance(reward_of(form), kind)
