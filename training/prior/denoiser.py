"""The network that predicts the noise in a motion window, ε̂(x_t, t).

A window is flattened, F frames × 58 normalised channels = `size` numbers: x_t and ε̂ are [..., size], t is int64 in 0…49
of the leading shape or one that broadcasts to it: [B, K, size] and [K] judge B windows at the same K levels, and what
depends on the level alone is then computed K times.

The window is looked at in its principal components y. Were motion Gaussian with variances λ, the best prediction would
be linear (Wiener): ε̂_i = √(1-ᾱ)·y_i / (ᾱλ_i + 1-ᾱ). That part is exact from the data's covariance; a small network
adds what is not Gaussian about the leading components. Training and sampling work on the components themselves, in
which noise is white as well (`encode`, `latent`, `decode`), so that neither pays for turning there and back.

A conditional denoiser also takes a style [..., S], weights of S labels; zeros are no style. Styles enter as a shift of
every block's modulation, which is linear in the weights (training/prior/style.py does guidance and composition).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from training.prior import schedule

_CHUNK = 16_384  # windows


def time_embedding(t: Tensor, width: int) -> Tensor:
    """Sines and cosines [..., width] of the level t [...]."""
    frequency = torch.exp(-math.log(1000.0) * torch.arange(width // 2, device=t.device) / (width // 2))
    angle = t.unsqueeze(-1).float() * frequency
    return torch.cat((angle.sin(), angle.cos()), dim=-1)


class _Block(nn.Module):
    """Residual block of an MLP whose scale and shift come from the level."""

    def __init__(self, width: int, dropout: float, styles: int, modulation: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = nn.Linear(modulation, 2 * width)
        self.styled = nn.Linear(styles, 2 * width, bias=False) if styles else None
        self.inner = nn.Linear(width, width)
        self.outer = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, h: Tensor, levels: Tensor, t: Tensor, style: Tensor | None) -> Tensor:
        modulation = self.modulation(levels)[t]
        if self.styled is not None and style is not None:
            modulation = modulation + self.styled(style)
        scale, shift = modulation.chunk(2, dim=-1)
        g = self.norm(h) * (1 + scale) + shift
        return h + self.outer(self.dropout(nn.functional.silu(self.inner(g))))


class _Network(nn.Module):
    """[..., inputs] and levels to [..., inputs]; `modulation` numbers stand for a level."""

    def __init__(self, inputs: int, width: int, blocks: int, dropout: float, styles: int, modulation: int) -> None:
        super().__init__()
        self.entry = nn.Linear(inputs, width)
        self.level = nn.Sequential(nn.Linear(64, modulation), nn.SiLU())
        self.blocks = nn.ModuleList(_Block(width, dropout, styles, modulation) for _ in range(blocks))
        self.exit = nn.Linear(width, inputs)
        nn.init.zeros_(self.exit.weight)
        nn.init.zeros_(self.exit.bias)

    def forward(self, y: Tensor, t: Tensor, style: Tensor | None = None) -> Tensor:
        # there are only 50 levels: modulate each once, then pick, instead of once for every window
        levels = self.level(time_embedding(torch.arange(schedule.STEPS, device=t.device), 64))
        h = self.entry(y)
        for block in self.blocks:
            h = block(h, levels, t, style)
        return self.exit(nn.functional.silu(h))


class Denoiser(nn.Module):
    """Predicts the noise ε̂ [..., size] in noised windows x_t [..., size] at levels t."""

    mean: Tensor  # [size] of the windows
    basis: Tensor  # [size, size], columns are the components
    variance: Tensor  # [size] along the components, falling
    unexplained: Tensor  # [50, size], mean of (ε̂ - ε)² along the components at every level
    alpha_bar: Tensor  # [50]

    def __init__(
        self, size: int, components: int = 256, width: int = 384, blocks: int = 3, dropout: float = 0.0,
        modulation: int = 64, styles: int = 0,
    ) -> None:  # fmt: skip
        """Make one for windows of `size` numbers; `fit` must be called before use, `measure` before sampling."""
        super().__init__()
        self.components = min(components, size)
        self.network = _Network(self.components, width, blocks, dropout, styles, modulation)
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("basis", torch.eye(size))
        self.register_buffer("variance", torch.ones(size))
        self.register_buffer("unexplained", torch.zeros(schedule.STEPS, size), persistent=False)
        self.register_buffer("alpha_bar", schedule.alpha_bar())

    def fit(self, windows: Tensor, weights: Tensor, floor: float = 1e-4) -> None:
        """Set mean, components and variances from normalised windows [N, size] with weights [N].

        `floor` bounds the variances from below: a component that training data never moves is not infinitely wrong.
        """
        weights = (weights / weights.sum()).unsqueeze(1)
        first, second = 0.0, 0.0
        for x, w in zip(windows.split(_CHUNK), weights.split(_CHUNK), strict=True):  # in double, never all at once
            x, w = x.double(), w.double()
            first, second = first + (w * x).sum(0), second + x.T @ (w * x)
        mean = torch.as_tensor(first)
        variance, basis = torch.linalg.eigh(second - torch.outer(mean, mean))
        order = variance.argsort(descending=True)
        self.mean.copy_(mean)
        self.basis.copy_(basis[:, order])
        self.variance.copy_(variance[order].clamp_min(floor))

    @torch.no_grad()
    def measure(self, latent: Tensor, generator: torch.Generator, style: Tensor | None = None) -> None:
        """Set `unexplained` from the leading components [B, n] of windows as training draws them."""
        found = []
        for level in range(schedule.STEPS):
            noise = torch.randn(latent.shape, generator=generator)
            t = torch.full((len(latent),), level)
            guess = self.latent(schedule.add_noise(latent, noise, self.alpha_bar[level]), t, style)
            found.append((guess - noise).square().mean(0))
        self.leave(torch.stack(found))

    def leave(self, unexplained: Tensor) -> None:
        """Set `unexplained` [50, size] from that of the leading components [50, n]; of the others it is known."""
        signal = self.alpha_bar.unsqueeze(1)
        self.unexplained.copy_(signal * self.variance / (signal * self.variance + 1 - signal))
        self.unexplained[:, : self.components] = unexplained

    @property
    def latent_std(self) -> Tensor:
        """Along the components, [size]."""
        return self.variance.sqrt()

    def encode(self, windows: Tensor) -> Tensor:
        """Turn normalised windows [B, size] into components about their mean."""
        return (windows - self.mean) @ self.basis

    def kept(self, windows: Tensor) -> Tensor:
        """The leading components [B, n] of normalised windows [B, size]: those that the network predicts."""
        return (windows - self.mean) @ self.basis[:, : self.components]

    def decode(self, latent: Tensor) -> Tensor:
        """Turn components [B, size] into normalised windows."""
        return latent @ self.basis.T + self.mean

    def latent(self, y_t: Tensor, t: Tensor, style: Tensor | None = None) -> Tensor:
        """Predict the noise [..., n] in noised components y_t [..., n], n all or the leading ones."""
        n, k = y_t.shape[-1], self.components
        signal = self.alpha_bar[t].unsqueeze(-1)
        total = signal * self.variance[:n] + (1 - signal)
        linear = (1 - signal).sqrt() * y_t / total
        correction = self.network((y_t / total.sqrt())[..., :k], t, style)
        # Var(ε_i | y_i) = ᾱλ_i/(ᾱλ_i + 1-ᾱ) bounds what is left to predict, so the network works on unit scale
        correction = correction * (signal * self.variance[:n] / total)[..., :k].sqrt()
        return torch.cat((linear[..., :k] + correction, linear[..., k:]), dim=-1)

    def forward(self, x_t: Tensor, t: Tensor, style: Tensor | None = None) -> Tensor:
        """Predict the noise, see the module."""
        y_t = (x_t - self.alpha_bar[t].unsqueeze(-1).sqrt() * self.mean) @ self.basis
        return self.latent(y_t, t, style) @ self.basis.T
