"""Networks that predict the noise in a motion window: ε̂(x_t, t), all with one face.

A window is flattened, 10 frames × 58 normalised channels = 580 numbers: x_t and ε̂ are [..., 580], t is int64 in 0…49
of the leading shape or one that broadcasts to it: [B, K, 580] and [K] judge B windows at the same K levels, and what
depends on the level alone is then computed K times. Three denoisers stand to choice (`prior.denoiser` in the
configuration; training/README.md has the trade measured by the audit):

- `principal` (the default): the window in its principal components y. Were motion Gaussian with variances λ, the best
  prediction would be linear (Wiener): ε̂_i = √(1-ᾱ)·y_i / (ᾱλ_i + 1-ᾱ). That part is exact from the data's covariance;
  a small network adds what is not Gaussian about the leading components.
- `mlp`: a plain residual MLP on the 580 numbers.
- `transformer`: two adaLN blocks over the ten frames, after SMP's reference network, in small.

Training and sampling work on latent windows y, where noise is white as well: `encode`, `latent`, `decode`. For
`principal` those are the components themselves, so that neither pays for turning there and back at every step.

A conditional denoiser also takes a style [B, S], weights of S labels; zeros are no style. Styles enter as a shift of
every block's modulation, which is linear in the weights (training/prior/style.py does guidance and composition).
"""

from __future__ import annotations

import inspect
import math

import torch
from torch import Tensor, nn

from training.prior import schedule


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
    """[..., inputs] and levels to [..., inputs]; `modulation` numbers stand for a level (0: as many as `width`)."""

    def __init__(
        self, inputs: int, width: int, blocks: int, dropout: float, styles: int = 0, modulation: int = 0
    ) -> None:
        super().__init__()
        self.entry = nn.Linear(inputs, width)
        self.level = nn.Sequential(nn.Linear(64, modulation or width), nn.SiLU())
        self.blocks = nn.ModuleList(_Block(width, dropout, styles, modulation or width) for _ in range(blocks))
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
    """Predicts the noise ε̂ [..., size] in noised windows x_t [..., size] at levels t: what all kinds share."""

    def fit(self, windows: Tensor, weights: Tensor) -> None:
        """Set what follows from normalised windows [N, size] with weights [N] without gradients: here nothing."""

    @property
    def trained(self) -> int | None:
        """How many leading latent numbers the network predicts; the rest is exact. None: all."""
        return None

    @property
    def latent_std(self) -> Tensor:
        """Deviation of latent numbers, [size] or []."""
        return torch.ones(())

    def encode(self, windows: Tensor) -> Tensor:
        """Clean windows [B, size] to latent ones [B, size]; white noise stays white."""
        return windows

    def decode(self, latent: Tensor) -> Tensor:
        """Undo `encode`."""
        return latent

    def latent(self, y_t: Tensor, t: Tensor, style: Tensor | None = None) -> Tensor:
        """Predict the latent noise [B, n] in noised latent windows y_t [B, n], n all or the `trained` leading ones."""
        return self(y_t, t, style)


_CHUNK = 16_384  # windows


class PrincipalDenoiser(Denoiser):
    """Analytic linear-Gaussian denoiser plus a network on the leading principal components."""

    mean: Tensor  # [size] of the windows
    basis: Tensor  # [size, size], columns are the components
    variance: Tensor  # [size] along the components, falling
    alpha_bar: Tensor  # [50]

    def __init__(
        self, size: int, components: int = 96, width: int = 256, blocks: int = 3, dropout: float = 0.1,
        styles: int = 0, modulation: int = 0,
    ) -> None:  # fmt: skip
        """Make one for windows of `size` numbers; `fit` must be called before use."""
        super().__init__()
        self.components = components
        self.network = _Network(components, width, blocks, dropout, styles, modulation)
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("basis", torch.eye(size))
        self.register_buffer("variance", torch.ones(size))
        self.register_buffer("alpha_bar", schedule.alpha_bar())

    def fit(self, windows: Tensor, weights: Tensor, floor: float = 1e-4) -> None:
        """Set mean, components and variances from normalised windows [N, 580] with weights [N].

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

    @property
    def trained(self) -> int:
        """The leading components."""
        return self.components

    @property
    def latent_std(self) -> Tensor:
        """Along the components, [size]."""
        return self.variance.sqrt()

    def encode(self, windows: Tensor) -> Tensor:
        """Turn windows into components about their mean."""
        return (windows - self.mean) @ self.basis

    def decode(self, latent: Tensor) -> Tensor:
        """Turn components into windows."""
        return latent @ self.basis.T + self.mean

    def latent(self, y_t: Tensor, t: Tensor, style: Tensor | None = None) -> Tensor:
        """Predict the noise in components."""
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


class MlpDenoiser(Denoiser):
    """A plain residual MLP on whole windows."""

    def __init__(
        self, size: int, width: int = 512, blocks: int = 3, dropout: float = 0.1, styles: int = 0, modulation: int = 0
    ) -> None:
        """Make one for windows of `size` numbers."""
        super().__init__()
        self.network = _Network(size, width, blocks, dropout, styles, modulation)

    def forward(self, x_t: Tensor, t: Tensor, style: Tensor | None = None) -> Tensor:
        """Predict the noise, see the module."""
        return self.network(x_t, t, style)


class _Layer(nn.Module):
    """Self-attention and SwiGLU, both modulated by the level (adaLN)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.modulation = nn.Linear(width, 6 * width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.gate, self.up = nn.Linear(width, 4 * width), nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, h: Tensor, levels: Tensor, t: Tensor) -> Tensor:
        a1, b1, c1, a2, b2, c2 = self.modulation(levels)[t].unsqueeze(1).chunk(6, dim=-1)
        batch, frames, width = h.shape
        q, k, v = self.qkv(self.norm(h) * (1 + a1) + b1).view(batch, frames, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        attended = nn.functional.scaled_dot_product_attention(q, k, v)
        h = h + c1 * self.project(attended.transpose(1, 2).reshape(batch, frames, width))
        g = self.norm(h) * (1 + a2) + b2
        return h + c2 * self.down(nn.functional.silu(self.gate(g)) * self.up(g))


class TransformerDenoiser(Denoiser):
    """A small transformer over the frames of a window."""

    def __init__(self, size: int, frames: int = 10, width: int = 128, blocks: int = 2, heads: int = 4) -> None:
        """Make one for windows of `size` numbers in `frames` frames."""
        super().__init__()
        self.frames = frames
        self.entry = nn.Linear(size // frames, width)
        self.place = nn.Parameter(0.02 * torch.randn(frames, width))
        self.level = nn.Sequential(nn.Linear(64, width), nn.SiLU())
        self.blocks = nn.ModuleList(_Layer(width, heads) for _ in range(blocks))
        self.exit = nn.Linear(width, size // frames)

    def forward(self, x_t: Tensor, t: Tensor, style: Tensor | None = None) -> Tensor:
        """Predict the noise, see the module; it has no styles."""
        t = t.expand(x_t.shape[:-1]).flatten()  # attention wants one leading axis
        levels = self.level(time_embedding(torch.arange(schedule.STEPS, device=t.device), 64))
        # len() would fix the batch in the ONNX graph
        h = self.entry(x_t.flatten(0, -2).unflatten(1, (self.frames, -1))) + self.place
        for block in self.blocks:
            h = block(h, levels, t)
        return self.exit(h).view_as(x_t)


_KINDS: dict[str, type[Denoiser]] = {
    "principal": PrincipalDenoiser,
    "mlp": MlpDenoiser,
    "transformer": TransformerDenoiser,
}


def create(kind: str, size: int, **options: float) -> Denoiser:
    """Make the denoiser `kind` ("principal", "mlp" or "transformer") for windows of `size` numbers.

    Options are arguments of the kind; whole numbers may come as floats, as configurations give them. Raises ValueError
    naming a kind or an option that there is not.
    """
    if kind not in _KINDS:
        raise ValueError(f"unknown denoiser {kind!r}: expected one of {', '.join(_KINDS)}")
    known = set(inspect.signature(_KINDS[kind]).parameters) - {"size"}
    if unknown := sorted(set(options) - known):
        raise ValueError(f"denoiser {kind!r} has no option {', '.join(unknown)}: expected {', '.join(sorted(known))}")
    return _KINDS[kind](size, **{k: int(v) if float(v).is_integer() else v for k, v in options.items()})
