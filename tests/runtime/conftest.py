"""Files that the runtime's tests load."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.priors import walking_prior
from tests.tiny import INPUT_SIZE, write_controller, write_prior


@pytest.fixture
def controller_path(tmp_path: Path) -> Path:
    """A controller that always gives the default pose."""
    return write_controller(tmp_path / "controller.onnx")


@pytest.fixture
def prior_path(tmp_path: Path) -> Path:
    """A prior whose errors can be worked out by hand, see tests/tiny.py."""
    return write_prior(tmp_path / "prior.onnx")


@pytest.fixture(scope="session")
def walking_prior_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small prior of the shipped steering controller's own walk, see tests/priors.py."""
    return walking_prior(tmp_path_factory.mktemp("prior") / "walk.onnx")


@pytest.fixture
def lively(tmp_path: Path) -> Path:
    """A controller that wriggles: its targets depend on the whole state."""
    weights = np.random.default_rng(0).uniform(-0.05, 0.05, (INPUT_SIZE, 28))
    return write_controller(tmp_path / "lively.onnx", weights)
