from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from runtime.character import STATE_SHAPES, State
from runtime.contract import PriorError
from runtime.prior import Prior
from tests.tiny import CHANNELS, LEVELS, OFFSETS, write_prior


def windows(batch: int, speed: float = 0.0, length: int = 4) -> State:
    """Return windows of zeros but for a root velocity of (speed, speed, speed) m/s."""
    states = State(**{name: np.zeros((batch, length, *shape)) for name, shape in STATE_SHAPES.items()})
    states.root_linear_velocity[:] = speed
    return states


def test_load_gives_the_contract(prior_path: Path) -> None:
    """A loaded prior knows its window's states and where they lie, its levels and the shape of its noise."""
    prior = Prior.load(prior_path)
    assert (prior.window, prior.offsets, prior.levels) == (4, OFFSETS, LEVELS)
    assert prior.noise_shape == (3, 4, CHANNELS)


def test_score_by_hand(prior_path: Path) -> None:
    """Noise of 1, 2 and 3 at the three levels and 2 m/s: errors 1 + 4, 4 + 4 and 9 + 4, ratio 26/6."""
    noise = np.ones((2, 3, 4, CHANNELS)) * np.array([1.0, 2.0, 3.0])[None, :, None, None]
    score = Prior.load(prior_path).score(windows(2, speed=2.0), noise)
    np.testing.assert_allclose(score.error, [[5.0, 8.0, 13.0]] * 2, rtol=1e-6)
    np.testing.assert_allclose(score.ratio, [26 / 6] * 2, rtol=1e-6)
    np.testing.assert_allclose(score.reward, [np.exp(-26 / 6)] * 2, rtol=1e-5)
    np.testing.assert_array_equal(Prior.load(prior_path).naturalness(windows(2, speed=2.0), noise), score.ratio)


def test_noise_is_reproducible(prior_path: Path) -> None:
    """The same seed gives the same score, whatever the batch; another seed another; the noise is standard normal."""
    prior = Prior.load(prior_path)
    five, two, other = (prior.score(windows(n), seed=seed).error for n, seed in ((5, 1), (2, 1), (5, 2)))
    np.testing.assert_array_equal(five[:2], two)
    assert np.abs(five - other).min() > 0.0
    assert np.abs(five[0] - five[1]).min() > 0.0
    many = prior.score(windows(1000)).error  # mean of 12 squares: 1 ± 0.41 each, ± 0.008 over 3000
    assert many.mean() == pytest.approx(1.0, abs=0.04)


def test_wrong_shapes_are_named(prior_path: Path) -> None:
    """A window of three states, or noise for another batch, is refused by name and shape."""
    prior = Prior.load(prior_path)
    with pytest.raises(ValueError, match=r"root_position: expected shape \(2, 4, 3\), found \(2, 3, 3\)"):
        prior.score(windows(2, length=3))
    with pytest.raises(ValueError, match=r"noise: expected shape \(2, 3, 4, 3\)"):
        prior.score(windows(2), np.zeros((1, 3, 4, CHANNELS)))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda m: m.update(schema_version=9), "metadata.schema_version: expected 2, found 9"),
        (lambda m: m.pop("schema_version"), "metadata.schema_version: expected 2, found None"),
        (lambda m: m["character"].update(sha256="0"), "metadata.character.sha256"),
        (lambda m: m.update(character=None), "metadata.character.name"),
        (lambda m: m.update(control_hz=60), "metadata.control_hz: expected 30, found 60"),
        (lambda m: m.update(schema_version=1, window=10), "metadata.schema_version: expected 2, found 1"),
        (lambda m: m.pop("offsets"), "metadata.offsets: expected whole numbers of control steps, falling from at most"),
        (lambda m: m.update(offsets=[3, 3, 0]), "metadata.offsets"),
        (lambda m: m.update(offsets=[3, 1]), "metadata.offsets"),
        (lambda m: m.update(offsets=[1.0, 0]), "metadata.offsets"),
        (lambda m: m.update(offsets=[1001, 0]), "metadata.offsets"),
        (lambda m: m.update(levels=[]), "metadata.levels"),
        (lambda m: m.update(offsets=[2, 1, 0]), "graph input root_position: expected shape [batch, 3, 3]"),
        (lambda m: m.update(levels=[1]), "graph input noise: expected shape [batch, 1, 4, any]"),
    ],
)
def test_metadata_that_breaks_the_contract(tmp_path: Path, spoil: Callable[[dict], object], message: str) -> None:
    """Each fault of the metadata is refused by name."""
    path = write_prior(tmp_path / "prior.onnx", edit_metadata=spoil)
    with pytest.raises(PriorError) as caught:
        Prior.load(path)
    assert message in str(caught.value)
    assert "not a usable prior" in str(caught.value)


def test_prior_that_gives_nan(tmp_path: Path) -> None:
    """A graph whose reward of standing still is NaN, here log(-error), is refused."""

    def spoil(model: onnx.ModelProto) -> None:
        next(node for node in model.graph.node if node.op_type == "Exp").op_type = "Log"
        model.graph.node[-1].input[:] = ["below"]
        model.graph.node.insert(9, onnx.helper.make_node("Sub", ["e", "one"], ["below"]))
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(1.0), "one"))

    path = write_prior(tmp_path / "prior.onnx", edit_model=spoil)
    with pytest.raises(PriorError, match="graph output reward: expected finite numbers"):
        Prior.load(path)


def test_missing_file_and_wrong_kind_of_file(tmp_path: Path, controller_path: Path) -> None:
    """A path where nothing is, and a controller in place of a prior, are refused."""
    with pytest.raises(PriorError, match="No such file"):
        Prior.load(tmp_path / "nowhere.onnx")
    with pytest.raises(PriorError, match=r"metadata 'prior'.*no such entry"):
        Prior.load(controller_path)


def test_many_windows_are_scored_like_few(prior_path: Path, monkeypatch) -> None:
    """Seven windows in parts of three give what they give at once; no window gives no score."""
    prior = Prior.load(prior_path)
    states = windows(7)
    states.root_linear_velocity[:] = np.arange(7.0)[:, None, None]
    whole = prior.score(states, seed=3)
    monkeypatch.setattr("runtime.prior.MAX_BATCH", 3)
    parts = prior.score(states, seed=3)
    np.testing.assert_allclose(parts.error, whole.error, rtol=1e-6)  # sums of another batch size differ in last bits
    np.testing.assert_allclose(parts.reward, whole.reward, rtol=1e-6)
    none = prior.score(windows(0))
    assert none.error.shape == (0, 3) and none.ratio.shape == none.reward.shape == (0,)
