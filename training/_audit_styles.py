"""Do generated windows have the style that was asked for? Private to `training.audit`.

A classifier is trained on the real windows that the prior learned from and asked about windows that the prior makes.
Its accuracy on held-out takes is the ceiling: a second does not always tell a style. For compositions there
are two more classifiers, each of which sees half of the body.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from training.motion import windows as motion_windows
from training.motion.windows import Windows
from training.prior import sampling
from training.prior.fit import Styles
from training.prior.projection import Projector
from training.prior.score import Score
from training.prior.style import upper_channels, whole

STEPS, BATCH, WIDTH = 1500, 256, 256
NOISE = 0.1  # standard deviations, on the classifier's input while it learns
GUIDANCE = (1.0, 2.0, 3.0)


class Classifier(nn.Module):
    """Windows to styles; sees the channels under a mask [58]."""

    def __init__(self, score: Score, mask: Tensor, styles: int) -> None:
        """Make an untrained one."""
        super().__init__()
        self.score, self.mask = score, mask.repeat(score.frames)
        self.net = nn.Sequential(
            nn.Linear(score.size, WIDTH), nn.ReLU(), nn.Dropout(0.3),
            nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Dropout(0.3),
            nn.Linear(WIDTH, styles),
        )  # fmt: skip

    def forward(self, windows: Tensor) -> Tensor:
        """Logits [N, S] of raw windows [N, F, 58]."""
        flat = self.score.normalise(windows)
        if self.training:
            flat = flat + NOISE * torch.randn_like(flat)
        return self.net(flat * self.mask)


def learn(score: Score, mask: Tensor, windows: Tensor, label: Tensor, styles: int, seed: int) -> Classifier:
    """Train a classifier on raw windows [N, F, 58] and their mirror images; `label` [N] are style numbers."""
    torch.manual_seed(seed)
    model = Classifier(score, mask, styles)
    optimiser = torch.optim.AdamW(model.net.parameters(), lr=1e-3, weight_decay=1e-2)
    share = torch.bincount(label, minlength=styles).float()[label].reciprocal()
    for step in range(STEPS):
        picks = torch.multinomial(share, BATCH, replacement=True)
        batch = windows[picks]
        logits = model(motion_windows.mirror(batch) if step % 2 else batch)
        loss = nn.functional.cross_entropy(logits, label[picks])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval()


def measure(
    score: Score, held_out: Windows, training: Windows, styles: Styles, count: int, generator: torch.Generator
) -> dict[str, Any]:
    """Accuracies of `count` generated windows over all styles, by guidance weight and for compositions of two."""
    number, upper = len(styles.names), upper_channels()
    seen, unseen = styles.training.argmax(1), styles.held_out.argmax(1)
    masks = {"whole": torch.ones_like(upper), "upper": upper, "lower": 1 - upper}
    models = {n: learn(score, mask, training.values, seen, number, k) for k, (n, mask) in enumerate(masks.items())}
    report: dict[str, Any] = {
        "classifier_on_training": _accuracy(models["whole"], training.values, seen),
        "classifier_on_held_out": _accuracy(models["whole"], held_out.values, unseen),
        "halves_on_held_out": {n: _accuracy(models[n], held_out.values, unseen) for n in ("upper", "lower")},
    }
    asked = torch.arange(count) % number
    one_hot = nn.functional.one_hot(asked, number).float()
    projector = Projector(score.offsets)
    for weight in GUIDANCE:
        windows = sampling.ddpm(score, count, generator, whole(weight * one_hot))
        report[f"generated_guidance_{weight:g}"] = {
            "accuracy": _accuracy(models["whole"], windows, asked),
            "projected": _accuracy(models["whole"], projector.project(windows).windows(), asked),
            "by_style": {n: _accuracy(models["whole"], windows[asked == i], asked[asked == i])
                         for i, n in enumerate(styles.names)},
        }  # fmt: skip
    below = (asked + 1 + torch.randint(number - 1, (count,), generator=generator)) % number
    mixed = torch.cat((one_hot, nn.functional.one_hot(below, number).float()), 1)
    windows = sampling.ddpm(score, count, generator, mixed)
    report["composed"] = {
        "upper_as_asked": _accuracy(models["upper"], windows, asked),
        "lower_as_asked": _accuracy(models["lower"], windows, below),
    }
    return report


@torch.no_grad()
def _accuracy(model: Classifier, windows: Tensor, label: Tensor) -> float:
    return (model(windows).argmax(1) == label).float().mean().item()
