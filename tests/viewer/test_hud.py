import numpy as np
import pytest

from viewer import hud
from viewer.hud import CURVE_POINTS, Row, Status
from viewer.page import Page, font

PLAIN = Status("steering", "steering · a.onnx", 3.25)


def test_names_and_time_are_told():
    """In a picture of any size."""
    for size in ((1280, 720), (320, 200), (200, 900)):
        page = hud.draw(PLAIN, *size)
        assert ["steering", "steering · a.onnx", "3.2 s"] == page.texts


def test_real_time_is_told_honestly():
    """With two digits; against what is wanted where that is not 1; a dash before there is anything to tell."""

    def told(**changes):
        return next(t for t in hud.draw(Status(**{**vars(PLAIN), **changes}), 1280, 720).texts if "real time" in t)

    assert told(real_time_factor=0.834) == "real time ×0.83"
    assert told(real_time_factor=0.25, time_scale=0.25) == "real time ×0.25 of ×0.25"
    assert told(real_time_factor=float("nan")) == "real time ×–"


def test_costs_are_told_in_milliseconds():
    """And a dash for what has not been measured."""
    page = hud.draw(Status("", "", 0.0, costs=(("physics", 0.41), ("networks", float("nan")))), 1280, 720)
    assert page.texts[-2:] == ["physics 0.4 ms", "networks – ms"]


def test_a_bar_is_as_long_as_its_share_and_the_tick_stands_where_it_should():
    """Of 218 pixels at 720 rows: 1 of 4 m/s and 3 of 4 m/s wanted; more than all is all."""
    page = hud.draw(Status("", "", 0.0, (Row("1.0", "m/s", "wanted 3.0", 0.25, 0.75),)), 1280, 720)
    boxes = page.rows()[page.rows()[:, 13] == 0.0]
    left = 26 + 16
    assert any(np.allclose(box[[0, 2]], [left, 0.25 * 218]) for box in boxes)
    assert any(np.allclose(box[0] + 0.5 * box[2], left + 0.75 * 218) for box in boxes)
    over = hud.draw(Status("", "", 0.0, (Row("9", "m/s", "", 9.0),)), 1280, 720).rows()
    assert over[:, 2].max() == pytest.approx(250.0)  # the plate, no bar beyond it


def test_the_curve_shows_its_last_value_and_stays_on_its_plate():
    """However wild the motion: 0 to 2 are shown, the newest at the right."""
    values = np.concatenate([np.linspace(0.0, 80.0, 300), [0.91]])
    page = hud.draw(Status("", "", 0.0, naturalness=values), 1280, 720)
    assert "0.91" in page.texts
    rows = page.rows()
    plate = max((row for row in rows if row[13] == 0.0), key=lambda row: row[2] * row[3])
    assert (rows[:, 0] >= 0.0).all()
    bars = rows[(rows[:, 13] == 0.0) & (rows[:, 2] < 3.0)]
    assert len(bars) == 2 * CURVE_POINTS
    assert (bars[:, 0] > plate[0]).all()
    assert (bars[:, 1] > plate[1] - 1.0).all()
    assert (bars[:, 0] + bars[:, 2] < plate[0] + plate[2]).all()


def test_a_large_value_of_the_curve_does_not_run_into_what_is_beside_it():
    """Of one that has fallen, in hundreds: without decimals it is as wide as a small one with two."""
    texts = hud.draw(Status("", "", 0.0, naturalness=np.array([684.4])), 1280, 720).texts
    assert "684" in texts
    assert font().width("684", 28.0) < font().width("0.91", 28.0)


def test_a_curve_without_values_is_a_dash():
    """Before ten control steps there is nothing to judge."""
    assert "–" in hud.draw(Status("", "", 0.0, naturalness=np.array([])), 1280, 720).texts


def test_the_timeline_s_knob_is_where_the_film_is():
    """A quarter of the way from the left margin to the right one."""
    page = hud.draw(Status("", "", 2.0, progress=(2.0, 8.0)), 1280, 720)
    left, right, _ = hud.timeline_bar(1280, 720)
    knobs = [row for row in page.rows() if row[2] == row[3] == pytest.approx(14.0)]
    assert len(knobs) == 1
    assert knobs[0][0] + 7.0 == pytest.approx(left + 0.25 * (right - left))
    assert "2.00 of 8.00 s" in page.texts


def test_help_fits_into_the_picture():
    """All keys, at the default size and at half of it."""
    from viewer.actions import help_lines

    for width, height in ((1280, 720), (640, 360)):
        page = hud.draw(Status("", "", 0.0, help=tuple(help_lines())), width, height)
        assert {text for pair in help_lines() for text in pair} <= set(page.texts)
        rows = page.rows()
        assert rows[:, :2].min() > -2.0
        assert (rows[:, 1] + rows[:, 3]).max() < height + 2.0


FULL = Status(
    "steering", "steering · exported/steering.onnx · 1 of 5", 3.25, (Row("1.0", "m/s", "wanted 3.0", 0.25, 0.75),) * 2,
    1.0, 0.5, (("physics", 0.4), ("networks", 0.4), ("picture", 12.0)), np.ones(9), "a notice", "F1 help",
)  # fmt: skip
SIZES = (1920, 1080), (1280, 720), (640, 360), (320, 200)


def letters(page):
    """Boxes around the letters, [n, 4] x, y, width, height, and their sizes, pixels per em."""
    rows = page.rows()[page.rows()[:, 13] > 0.0]
    return rows[:, :4], rows[:, 13] * font().size / font().spread


def plates(page):
    """Dark boxes, [n, 4]."""
    rows = page.rows()[(page.rows()[:, 13] == 0.0) & (page.rows()[:, 11] > 0.5)]
    return rows[(rows[:, 8:11] < 0.2).all(axis=1), :4]


@pytest.mark.parametrize("size", SIZES)
def test_every_letter_lies_on_a_dark_plate(size):
    """So that it can be read before a bright sky; the smallest is 10 pixels an em where there is room for that."""
    page = hud.draw(FULL, *size)
    boxes, sizes = letters(page)
    middle = boxes[:, :2] + 0.5 * boxes[:, 2:]
    low, high = plates(page)[:, :2], plates(page)[:, :2] + plates(page)[:, 2:]
    inside = ((middle[:, None] > low) & (middle[:, None] < high)).all(axis=2)
    assert inside.any(axis=1).all()
    assert sizes.min() > (10.0 if size[0] >= 640 else 7.0)


@pytest.mark.parametrize("size", SIZES)
def test_no_plate_lies_on_another(size):
    """Names, clocks, rows, curve, hint and notice each have their own place."""
    page = hud.draw(FULL, *size)
    low, high = plates(page)[:, :2], plates(page)[:, :2] + plates(page)[:, 2:]
    assert len(low) == (6 if size[0] >= 640 else 5)  # there is no room for the hint
    for one in range(len(low)):
        for other in range(one):
            assert (np.minimum(high[one], high[other]) - np.maximum(low[one], low[other])).min() < 0.5


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("page", [0, 1])
def test_a_notice_does_not_hide_the_help(size, page):
    """It is above it, however long it is, and both are whole."""
    from viewer.actions import help_pages

    title, lines = help_pages()[page]
    notice = "9 is no controller: 1 steering, 2 jump, 3 location, 4 speed, 5 steering_facing"
    drawn = hud.draw(Status("", "", 0.0, notice=notice, help_title=title, help=tuple(lines)), *size)
    help_plate, notice_plate = plates(drawn)
    assert notice_plate[1] + notice_plate[3] <= help_plate[1] + 0.5
    for plate in (help_plate, notice_plate):
        assert (plate[:2] > -0.5).all()
        assert (plate[:2] + plate[2:] < np.array(size) + 0.5).all()
    assert {title, *(text for pair in lines for text in pair)} <= set(drawn.texts)


def test_text_is_as_wide_as_it_says():
    """Aligned to the right it ends where it should, within a glyph's rim; kept lines are not changed by drawing."""
    page = Page(400, 100)
    page.text("walk 1.3 m/s", 300.0, 50.0, 20.0, hud.WHITE, align=1.0)
    page.text("walk 1.3 m/s", 0.0, 50.0, 20.0, hud.WHITE)
    first, second = np.split(page.rows(), 2)
    assert first[-1, 0] + first[-1, 2] == pytest.approx(300.0, abs=6.0)
    np.testing.assert_allclose(first[:, 0] - second[:, 0], 300.0 - font().width("walk 1.3 m/s", 20.0), atol=1e-3)
