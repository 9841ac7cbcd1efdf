import hashlib
import json

import pytest

from tests import tiny
from training import cards
from training.cards import CardError


@pytest.fixture
def folder(tmp_path):
    """A folder with one controller and no report."""
    tiny.write_controller(tmp_path / "walk.onnx")
    return tmp_path


def report(folder, digest):
    """Write a report that says it measured a file with that hash."""
    content = {"controller": {"sha256": digest}, "headline": {"success": 0.91234, "by_speed": {"1 m/s": 3}}}
    (folder / "walk.evaluation.json").write_text(json.dumps(content))


def test_a_card_says_what_was_not_measured(folder):
    """Without a report there are no figures, and the card says so."""
    text = "\n".join(cards.cards(folder))
    assert "## walk.onnx" in text and "Not measured yet" in text and "velocity_x" in text


def test_figures_come_from_the_report(folder):
    """Nested figures become rows, rounded to three digits."""
    report(folder, hashlib.sha256((folder / "walk.onnx").read_bytes()).hexdigest())
    text = "\n".join(cards.cards(folder))
    assert "| success | 0.912 |" in text and "| by speed: 1 m/s | 3 |" in text


def test_a_report_of_another_file_is_refused(folder):
    """Figures of an older export never stand on a newer one's card."""
    report(folder, "0" * 64)
    with pytest.raises(CardError, match=r"walk\.evaluation\.json: made for a file with SHA-256 0000"):
        list(cards.cards(folder))
