import math

import numpy as np
import pytest

from tests.viewer.poses import changed, posed
from viewer.camera import Camera
from viewer.scene import BALL, BOX, GOAL, Decal, Marker, Prop, Scene

NOBODY = Scene(np.zeros((0, 15, 3)), np.zeros((0, 15, 4)))
WIDTH, HEIGHT = 480, 270


@pytest.fixture(scope="module")
def renderer(gl_window):
    """A renderer of small pictures."""
    from viewer.renderer import Renderer

    return Renderer(WIDTH, HEIGHT)


def picture(renderer, scene, camera=None) -> np.ndarray:
    """A picture [H, W, 3] of a scene; by default from behind, where the light is, and a little from above."""
    renderer.draw(scene, camera or Camera(yaw=0.0, pitch=0.15, distance=4.5))
    return renderer.target.read()


def test_the_character_is_seen_in_the_middle_as_tall_as_it_is(renderer):
    """1.61 m at 4.5 m with 38 degrees of view are 140 of 270 pixels; its feet are below the middle, its head above."""
    empty, shown = picture(renderer, NOBODY), picture(renderer, posed())
    bright = (shown.min(axis=2) > 200) & (np.abs(shown.astype(int) - empty).max(axis=2) > 40)
    assert bright.sum() > 1000
    columns, rows = np.flatnonzero(bright.any(axis=0)), np.flatnonzero(bright.any(axis=1))
    assert abs(columns.mean() - WIDTH / 2) < 4
    assert 30 < np.ptp(columns) < 60  # 0.5 m across the shoulders
    feet = np.flatnonzero((shown[..., 0] > shown[..., 2].astype(int) + 60).any(axis=1))[-1]
    assert 130 < feet - rows[0] < 150
    assert rows[0] < HEIGHT / 2 - 55 < HEIGHT / 2 + 55 < feet


def test_the_skin_has_two_tones_and_the_character_its_colour(renderer):
    """Light shell, dark joints, and orange that the empty scene does not have."""
    empty, shown = picture(renderer, NOBODY).astype(int), picture(renderer, posed()).astype(int)
    figure = shown[60:220, 210:270]
    assert (figure.min(axis=2) > 200).sum() > 1000
    assert (figure.max(axis=2) < 70).sum() > 300
    assert (shown[..., 0] > shown[..., 2] + 60).sum() > 100
    assert (empty[..., 0] > empty[..., 2] + 60).sum() == 0


def test_the_shadow_lies_away_from_the_light(renderer):
    """Seen from above: ground 0.7 m down the light's direction is darker, as far on the other side it is not."""
    camera = Camera(yaw=0.0, pitch=math.radians(85), distance=8.0, focus=np.zeros(3))
    empty, shown = (picture(renderer, scene, camera).astype(int) for scene in (NOBODY, posed()))
    change = (shown - empty).sum(axis=2)
    pixels = HEIGHT / (2.0 * 8.0 * math.tan(camera.field_of_view / 2))  # per metre; up is x, left is y
    for sign, darker in ((1.0, True), (-1.0, False)):
        x, y = sign * 0.7 * np.array([0.42, 0.55]) / math.hypot(0.42, 0.55)
        row, column = round(HEIGHT / 2 - x * pixels), round(WIDTH / 2 - y * pixels)
        patch = change[row - 3 : row + 4, column - 3 : column + 4]
        assert (patch < -60).mean() == (1.0 if darker else 0.0), sign


def test_a_foot_on_the_ground_darkens_it_and_a_lifted_one_does_not(renderer):
    """Contact shade tells standing from floating: 6 cm beside the right sole, on the side without a shadow."""
    camera = Camera(yaw=math.pi / 2, pitch=0.7, distance=2.0, focus=np.array([0.05, -0.19, 0.0]))
    empty, standing, floating = (picture(renderer, s, camera).astype(int) for s in (NOBODY, posed(), posed(height=0.6)))
    spot = slice(HEIGHT // 2 - 3, HEIGHT // 2 + 3), slice(WIDTH // 2 - 3, WIDTH // 2 + 3)
    assert (standing[spot] - empty[spot]).mean() < -4.0
    assert (floating[spot] - empty[spot]).mean() > -1.0


def test_what_is_below_the_ground_is_hidden(renderer):
    """A character sunk to its pelvis shows its upper half only; one sunk by 2 m nothing."""
    empty = picture(renderer, NOBODY)
    _, whole = changed(empty, picture(renderer, posed()))
    _, half = changed(empty, picture(renderer, posed(height=-0.88)))
    assert 0.3 < (half[3] - half[1]) / (whole[3] - whole[1]) < 0.6
    sunk = picture(renderer, posed(height=-2.0)).astype(int)
    assert np.abs(sunk - empty).max() < 40


def test_the_ground_fades_into_the_sky(renderer):
    """At the horizon there is no edge, near the camera there are lines, and up the sky is bluer and darker."""
    camera = Camera(yaw=0.3, pitch=math.radians(8), distance=4.0)
    column = picture(renderer, NOBODY, camera).astype(int)[:, WIDTH // 3]
    step = np.abs(np.diff(column, axis=0)).max(axis=1)
    horizon = round(HEIGHT / 2 - HEIGHT / 2 * math.tan(math.radians(8)) / math.tan(camera.field_of_view / 2))
    assert step[horizon - 12 : horizon + 6].max() <= 6
    assert step[horizon + 40 :].max() > 25
    assert column[0, 2] - column[0, 0] > column[horizon, 2] - column[horizon, 0] + 5
    assert column[0].sum() < column[horizon].sum() - 20


def test_edges_of_the_character_are_smooth(renderer):
    """Along spread legs and arms a third of the outermost pixels are partly covered (without samples a sixth)."""
    camera = Camera(yaw=0.0, pitch=0.5, distance=3.0)
    spread = posed(right_hip_x=-0.5, left_hip_x=0.5, right_shoulder_x=-0.6, left_shoulder_x=0.6)
    shown, empty = (picture(renderer, scene, camera).astype(int).min(axis=2) for scene in (spread, NOBODY))
    partial = []
    for row in (shown - empty)[150:200]:
        left, *_, right = np.flatnonzero(row > 30)
        partial += [row[left] < 0.6 * row[left + 2], row[right] < 0.6 * row[right - 2]]
    assert np.mean(partial) > 0.33


@pytest.mark.parametrize(("direction", "side"), [(0.0, "below"), (math.pi / 2, "right"), (-math.pi / 2, "left")])
def test_the_arrow_points_where_the_goal_leads(renderer, direction, side):
    """From the front, +x is towards the viewer and +y to the right; 2 m/s make an arrow of 1.65 m."""
    camera = Camera(yaw=math.pi, pitch=0.9, distance=6.0, focus=np.zeros(3))
    scene = posed()
    aimed = Scene(scene.position, scene.rotation, [Marker(np.zeros(2), 2.0, direction, direction)])
    resting = Scene(scene.position, scene.rotation, [Marker(np.zeros(2), 0.0, direction, direction)])
    mask, box = changed(picture(renderer, resting, camera), picture(renderer, aimed, camera))
    assert mask.sum() > 60
    middle = (box[0] + box[2]) / 2 - WIDTH / 2, (box[1] + box[3]) / 2 - HEIGHT / 2
    towards = {"below": middle[1], "right": middle[0], "left": -middle[0]}[side]
    across = middle[0] if side == "below" else middle[1]
    assert towards > 25
    assert abs(across) < 8


def test_a_hundred_characters_are_drawn_each_in_its_place(renderer):
    """Ten by ten, two metres apart, seen from straight above: their heads' pixels are all bright."""
    one = posed()
    offset = np.array([[2.0 * (k % 10) - 9.0, 2.0 * (k // 10) - 9.0, 0.0] for k in range(100)])
    many = Scene(one.position + offset[:, None], np.repeat(one.rotation, 100, axis=0))
    camera = Camera(yaw=0.0, pitch=math.radians(85), distance=40.0, focus=np.zeros(3))
    shown = picture(renderer, many, camera).astype(int)
    clip = camera.view_projection(WIDTH / HEIGHT) @ np.column_stack([offset + [0, 0, 1.5], np.ones(100)]).T
    columns = ((0.5 + 0.5 * clip[0] / clip[3]) * WIDTH).astype(int)
    rows = ((0.5 - 0.5 * clip[1] / clip[3]) * HEIGHT).astype(int)
    near = [shown[r - 2 : r + 3, c - 2 : c + 3].min(axis=2).max() for r, c in zip(rows, columns, strict=True)]
    assert min(near) > 140


def test_resizing_gives_pictures_of_the_new_size(renderer):
    """And the character is still in the middle."""
    renderer.resize(200, 300)
    empty, shown = picture(renderer, NOBODY), picture(renderer, posed())
    assert shown.shape == (300, 200, 3)
    bright = shown.min(axis=2) > np.minimum(empty.min(axis=2) + 40, 215)
    assert abs(np.flatnonzero(bright.any(axis=0)).mean() - 100) < 8
    renderer.resize(WIDTH, HEIGHT)


def test_the_same_scene_gives_the_same_pixels(renderer):
    """Also after other scenes were drawn in between."""
    first = picture(renderer, posed(right_knee=0.7))
    picture(renderer, posed(x=1.0))
    np.testing.assert_array_equal(first, picture(renderer, posed(right_knee=0.7)))


def test_shader_sources_are_plain_ascii():
    """OpenGL 3.3 drivers may refuse anything else, even in comments."""
    from viewer.gpu import SHADERS

    sources = sorted(SHADERS.iterdir())
    assert len(sources) >= 15
    assert [path.name for path in sources if not path.read_text().isascii()] == []


def above(distance: float = 6.0) -> Camera:
    """A camera that looks down on the origin; in its picture up is x, left is y."""
    return Camera(yaw=0.0, pitch=math.radians(85), distance=distance, focus=np.zeros(3))


def at(camera: Camera, point: list[float]) -> tuple[int, int]:
    """Row and column of a point of the world."""
    clip = camera.view_projection(WIDTH / HEIGHT) @ [*point, 1.0]
    return round((0.5 - 0.5 * clip[1] / clip[3]) * HEIGHT), round((0.5 + 0.5 * clip[0] / clip[3]) * WIDTH)


def test_balls_and_boxes_are_seen_in_their_place_and_throw_shadows(renderer):
    """A red ball 0.5 m up and a brown box on the ground; the ball's shadow is 0.36 m down the light's way."""
    ball = Prop("ball", np.array([0.0, 1.0, 0.5]), np.full(3, 0.15), BALL)
    box = Prop("box", np.array([0.0, -1.0, 0.2]), np.full(3, 0.2), BOX)
    camera = above()
    empty = picture(renderer, NOBODY, camera).astype(int)
    shown = picture(renderer, Scene(NOBODY.position, NOBODY.rotation, props=[ball, box]), camera).astype(int)
    red, brown = shown[at(camera, [0.0, 1.0, 0.6])], shown[at(camera, [0.0, -1.0, 0.4])]
    assert red[0] > red[1] + 60
    assert brown[0] > brown[2] + 40 > brown[2] + 20 > 20
    fall = 0.5 / 0.95
    assert (shown - empty)[at(camera, [0.42 * fall, 1.0 + 0.55 * fall, 0.0])].sum() < -60


def test_a_ring_that_marks_a_height_throws_no_shadow(renderer):
    """It is seen where it hovers, and what it is above is as bright as before."""
    ring = Prop("ring", np.array([0.0, 0.0, 1.0]), np.full(3, 0.6), GOAL, solid=False)
    camera = above()
    empty = picture(renderer, NOBODY, camera).astype(int)
    change = picture(renderer, Scene(NOBODY.position, NOBODY.rotation, props=[ring]), camera).astype(int) - empty
    row, column = at(camera, [0.6, 0.0, 1.0])
    assert change[row - 1 : row + 2, column, 0].max() > 40
    fall = 1.0 / 0.95
    assert abs(change[at(camera, [0.42 * fall, 0.55 * fall, 0.0])]).max() < 8


def test_marks_on_the_ground(renderer):
    """A stroke along y covers its middle and its ends and nothing beside it; a ring is open in the middle."""
    stroke = Decal(np.array([0.5, -1.0]), np.array([0.5, 1.0]), GOAL, 1.0, 0.06)
    ring = Decal(np.array([-0.6, 0.0]), np.array([-0.6, 0.0]), GOAL, 1.0, 0.04, ring=0.3)
    camera = above()
    empty = picture(renderer, NOBODY, camera).astype(int)
    shown = picture(renderer, Scene(NOBODY.position, NOBODY.rotation, decals=[stroke, ring]), camera).astype(int)
    change = np.abs(shown - empty).max(axis=2)
    inside = [[0.5, 0.0, 0.0], [0.5, -0.97, 0.0], [0.5, 0.97, 0.0], [-0.3, 0.0, 0.0], [-0.6, 0.3, 0.0]]
    outside = [[0.62, 0.0, 0.0], [0.5, 1.15, 0.0], [-0.6, 0.0, 0.0]]
    assert min(change[at(camera, point)] for point in inside) > 60
    assert max(change[at(camera, point)] for point in outside) < 5


def test_both_qualities_show_the_same_picture(gl_window, renderer):
    """On all but the few pixels along edges: coarser facets, a smaller shadow map, no other look."""
    from viewer.quality import LOW
    from viewer.renderer import Renderer

    high = picture(renderer, posed(right_hip_y=-0.5)).astype(int)
    low = picture(Renderer(WIDTH, HEIGHT, LOW), posed(right_hip_y=-0.5)).astype(int)
    differs = np.abs(high - low).max(axis=2) > 24
    assert 0.0 < differs.mean() < 0.01


def test_fewer_samples_show_the_same_scene(gl_window, renderer):
    """Without samples only edges differ; with them again nothing does."""
    from viewer.quality import CROWDED, HIGH

    scene = posed(right_hip_y=-0.5)
    fine = picture(renderer, scene).astype(int)
    renderer.use(CROWDED)
    rough = picture(renderer, scene).astype(int)
    renderer.use(HIGH)
    differs = np.abs(fine - rough).max(axis=2) > 24
    assert 0.001 < differs.mean() < 0.02
    np.testing.assert_array_equal(fine, picture(renderer, scene))
