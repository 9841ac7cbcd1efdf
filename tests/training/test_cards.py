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
    content = {"controller": {"sha256": digest}, "headline": {"success": 0.91234}}
    (folder / "walk.evaluation.json").write_text(json.dumps(content))


def test_a_card_says_what_was_not_measured(folder):
    """Without a report there are no figures, and the card says so."""
    text = "\n".join(cards.cards(folder))
    assert "## walk.onnx" in text and "Not measured yet" in text and "velocity_x" in text


def test_a_row_tells_all_files(folder):
    """The table in front names task, recipe and share of goals kept; a file that no recipe makes is told so."""
    report(folder, hashlib.sha256((folder / "walk.onnx").read_bytes()).hexdigest())
    text = "\n".join(cards.cards(folder))
    assert "| [walk.onnx](#walkonnx) | steering | – | not reproducible |" in text and "| 91% |" in text


def test_a_command_counts_only_from_a_clean_commit():
    """What was made from changed files cannot be made again by what was typed."""
    training = {"code_version": "a" * 40, "configuration": {"command": "python -m training.run task=jump"}}
    assert cards.command({"training": training}) == "python -m training.run task=jump"
    assert cards.command({"training": training | {"code_version": "a" * 40 + "+dirty"}}) == ""
    assert cards.command({"training": training | {"configuration": {}}}) == ""


def test_the_table_stands_on_the_first_page(folder):
    """The row of each file, with a link to its card, replaces what stood between the two lines; the rest stays."""
    page = f"before\n{cards.BEGIN}\n| old |\n{cards.END}\nafter\n"
    lines = cards.with_table(page, list(cards.cards(folder))).splitlines()
    assert lines[:2] == ["before", cards.BEGIN] and lines[-2:] == [cards.END, "after"]
    assert [line.split("|")[1].strip() for line in lines[3:-3]] == [
        "file", "---", "[walk.onnx](exported/README.md#walkonnx)"
    ]  # fmt: skip


def test_a_first_page_without_a_place_for_the_table_is_refused(folder):
    """Nothing is guessed: the sentence quotes the lines that are missing."""
    with pytest.raises(CardError, match=r"README\.md: expected the lines <!-- results: .* and <!-- end of results -->"):
        cards.with_table("no place\n", list(cards.cards(folder)))


def test_a_report_of_another_file_is_refused(folder):
    """Figures of an older export never stand on a newer one's card."""
    report(folder, "0" * 64)
    with pytest.raises(CardError, match=r"walk\.evaluation\.json: made for a file with SHA-256 0000"):
        list(cards.cards(folder))


def test_a_card_sets_figures_beside_marks_and_tells_limits(folder):
    """98 % of steering's goals are enough, a skate of 2.5 times mocap's is not, speeds were not measured."""
    digest = hashlib.sha256((folder / "walk.onnx").read_bytes()).hexdigest()
    content = {
        "controller": {"sha256": digest},
        "headline": {"success": 0.98, "skate_ratio": {"median": 2.5}, "falls_per_minute": 0.1},
        "robustness": {"pushes of 50 N·s": {"survival": 0.75, "success": 0.5, "episodes": 16}},
    }
    (folder / "walk.evaluation.json").write_text(json.dumps(content))
    (folder / "walk.notes.md").write_text("It limps.\n")
    text = "\n".join(cards.cards(folder))
    assert "| goals kept | 0.98 | ≥ 0.97 | yes |" in text
    assert "| falls a minute | 0.1 | ≤ 0.1 | yes |" in text
    assert "| foot skate over the capture's, median | 2.5 | ≤ 2 | no |" in text
    assert "| episodes without a fall under pushes of 50 N·s | 0.75 | ≥ 0.8 | no |" in text
    assert "| speed error, m/s | not measured | ≤ 0.1 | no |" in text
    assert "**Limits.** It limps." in text and "A goal is kept: a goal is a success with no fall" in text


def test_a_card_sets_gait_beside_peoples(folder):
    """A row a speed: how many numbers are people's, and those that are not, one of which there is none of."""
    digest = hashlib.sha256((folder / "walk.onnx").read_bytes()).hexdigest()
    still = {"inside": 8, "of": 8, "outside": [], "numbers": {}, "bands": {}}
    walk = {"inside": 10, "of": 12, "outside": ["lean_deg", "strides_per_s"]}
    walk |= {"numbers": {"lean_deg": 19.825, "strides_per_s": None}}
    walk |= {"bands": {"lean_deg": [-6.0, 12.0], "strides_per_s": [0.697, 0.924]}}
    gait = {"inside": 18, "of": 20, "by_speed": {"0 m/s": still, "1 m/s": walk}}
    content = {"controller": {"sha256": digest}, "headline": {"gait": {"inside": 18, "of": 20}}, "gait": gait}
    (folder / "walk.evaluation.json").write_text(json.dumps(content))
    text = "\n".join(cards.cards(folder))
    assert "| 18 of 20 |" in text and "| 0 m/s | 8 of 8 | – |" in text
    assert "| 1 m/s | 10 of 12 | lean deg 19.8, -6 to 12; strides per s none, 0.7 to 0.92 |" in text


def test_a_prior_has_a_card(tmp_path, prior_path):
    """Its window, its levels and the data that it was made of."""
    (tmp_path / "priors").mkdir()
    (tmp_path / "priors" / "tiny.onnx").write_bytes(prior_path.read_bytes())
    text = "\n".join(cards.cards(tmp_path))
    assert "## priors/tiny.onnx" in text and "frames [27, 20, 15, 10, 7, 5, 3, 2, 1, 0] control steps back" in text
    assert "data made: 9 clips" in text and "no tiny.audit.json" in text
