"""Generated windows made valid: limits, ground, stance, key points; and what counts as a fault."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from runtime import character
from training import features
from training.clearance import Clearance
from training.kinematics import Kinematics
from training.prior import projection
from training.prior.legs import LEG_INDEX, Legs
from training.prior.projection import Projector, skate, soles

PROJECTOR = Projector()
TIME = -torch.tensor(features.OFFSETS) / 30.0  # s
STILL = torch.tensor([1.0, 0.0, 0.0, 0.0])
KNEE = character.JOINT_NAMES.index("right_knee")
HIP = character.JOINT_NAMES.index("right_hip_y")


def standing(count: int = 1, height: float = 0.0, speed: float = 0.0) -> Tensor:
    """Windows of the default pose, `height` m above the ground, gliding along x at `speed` m/s."""
    position = torch.tensor([0.0, 0.0, character.DEFAULT_HEIGHT + height]).repeat(count, 10, 1)
    position[..., 0] = speed * TIME
    return made(position, torch.from_numpy(character.DEFAULT_POSE).float().repeat(count, 10, 1))


def made(position: Tensor, joints: Tensor) -> Tensor:
    """Windows of root positions and joint angles, the root upright."""
    still = STILL.expand(*position.shape[:2], 4)
    points = features.key_points(*Kinematics()(position, still, joints))
    return features.window(position, still, joints, points)


def faults(windows: Tensor) -> dict[str, bool]:
    """Faults of a single window as it is."""
    return {name: bool(mask[0]) for name, mask in PROJECTOR.faults(windows, PROJECTOR.poses(windows)).items()}


def test_standing_has_no_fault_and_stays():
    """A window without a fault is moved by less than a millimetre and a hundredth of a radian."""
    windows = standing()
    assert not any(faults(windows).values())
    poses = PROJECTOR.project(windows)
    assert (poses.position - windows[..., :3]).abs().max() < 1e-3
    assert (poses.joints - windows[..., 9:37]).abs().max() < 1e-2


@pytest.mark.parametrize(
    ("fault", "spoil"),
    [
        ("joint limits", lambda w: w.index_fill(2, torch.tensor([9 + KNEE]), -0.05)),  # the knee bends from 0 on
        ("penetration", lambda w: standing(height=-0.03)),
        ("skate", lambda w: standing(speed=1.2)),  # both soles glide at 1.2 m/s, 1.0 are allowed
        ("key points", lambda w: w + torch.cat((torch.zeros(37), torch.full((21,), 0.02)))),  # 3.5 cm off
    ],
)
def test_each_fault_is_told(fault: str, spoil):
    """Each by its name, and gone once projected."""
    windows = spoil(standing())
    assert faults(windows)[fault]
    poses = PROJECTOR.project(windows)
    left = PROJECTOR.faults(poses.windows(), poses)
    assert not left[fault].any() or fault == "skate"  # a glide of 1.2 m/s is no stance: it stays, and is rejected


def test_creeping_stance_is_held_to_the_ground():
    """Soles that creep at .5 m/s under a gliding pelvis stand still afterwards; the pelvis glides on."""
    windows = standing(speed=0.5)
    assert skate(soles(*bodies(windows)), TIME)[0].item() == pytest.approx(0.5, abs=1e-3)
    poses = PROJECTOR.project(windows)
    assert skate(soles(poses.bodies, poses.rotations), TIME)[0].item() < 0.1
    assert (poses.position[..., :2] - windows[..., :2]).abs().max() < 1e-4


def test_sunk_windows_are_lifted_as_a_whole():
    """3 cm of sinking are 3 cm of lift in every frame; nothing is under the ground any more."""
    poses = PROJECTOR.project(standing(height=-0.03))
    assert poses.position[0, :, 2] == pytest.approx([character.DEFAULT_HEIGHT] * 10, abs=2e-3)
    assert Clearance()(poses.bodies, poses.rotations).min() > -1e-5


def test_projected_windows_hold_together():
    """Noise of 3 cm and .1 rad on everything: afterwards key points are where the joints put them, all in limits."""
    noise = 0.05 * torch.randn(50, 10, 58, generator=torch.Generator().manual_seed(0))
    poses = PROJECTOR.project(standing(50) + noise)
    left = PROJECTOR.faults(poses.windows(), poses)
    for name in ("joint limits", "penetration", "key points"):
        assert not left[name].any()
    assert (poses.position[:, -1, :2].abs() < 1e-6).all()


def bodies(windows: Tensor) -> tuple[Tensor, Tensor]:
    """Body poses of windows as they are."""
    poses = PROJECTOR.poses(windows)
    return poses.bodies, poses.rotations


def test_skate_counts_only_contacts():
    """A sole that glides at 3 m/s with 5 cm of air below it does not skate; at 1 cm it does."""
    assert skate(soles(*bodies(standing(height=0.05, speed=3.0))), TIME).item() == 0.0
    assert skate(soles(*bodies(standing(height=0.01, speed=3.0))), TIME).item() == pytest.approx(3.0, abs=1e-3)


def test_skate_counts_short_steps_only():
    """A foot that is down at both ends of 7 control steps was lifted between them, for all one knows; of 2 it was not.

    Frames 9, 2 and 0 control steps back, soles that jump by .7 m in the first span and slide at .3 m/s in the second.
    """
    windows = standing()[:, [0, -3, -1]]
    place, turn = bodies(windows)
    place = place.clone()
    place[:, 1:, :, 0] += 0.7
    place[:, 2, :, 0] += 0.3 * 2 / 30
    assert skate(soles(place, turn), torch.tensor([-9, -2, 0]) / 30).item() == pytest.approx(0.3, abs=1e-3)


def test_speeds_know_uneven_times():
    """Soles at 1, 3 and 4 frames' distance that glide at .6 m/s have that speed in every frame."""
    time = torch.tensor([-8, -7, -4, 0]) / 30
    corners = torch.zeros(1, 4, 2, 4, 3)
    corners[..., 0] = 0.6 * time.view(1, 4, 1, 1)
    torch.testing.assert_close(projection._speed(corners, time), torch.full((1, 4, 2, 4), 0.6))


def test_dense_goes_through_the_frames():
    """At the offsets it is the window itself; between them a smooth motion is met within 3 mm and mrad, 2 cm at first.

    A quaternion of the other sign, which is the same rotation, changes nothing.
    """
    t = torch.arange(1 - features.HISTORY, 1) / 30.0  # s
    position = torch.stack((1.2 * t, 0.1 * torch.sin(5 * t), 0.9 + 0.02 * torch.cos(6 * t)), 1).unsqueeze(0)
    half = 0.4 * torch.sin(3 * t)
    turn = torch.stack((half.cos(), 0 * t, 0 * t, half.sin()), 1).unsqueeze(0)
    low, high = torch.tensor([joint.range for joint in character.JOINTS]).T
    joints = ((low + high) / 2 + 0.3 * (high - low) / 2 * torch.sin(4 * t).unsqueeze(1)).unsqueeze(0)
    frames = [features.HISTORY - 1 - back for back in features.OFFSETS]
    flipped = turn[:, frames].clone()
    flipped[:, 3:6] *= -1
    found = PROJECTOR.dense(PROJECTOR.bodies(position[:, frames], flipped, joints[:, frames]))
    assert found.position.shape == (1, features.HISTORY, 3)
    for part, whole in ((found.position, position), (found.joints, joints)):
        torch.testing.assert_close(part[:, frames], whole[:, frames], atol=1e-5, rtol=0)
        torch.testing.assert_close(part[:, 8:], whole[:, 8:], atol=3e-3, rtol=0)
        torch.testing.assert_close(part, whole, atol=2e-2, rtol=0)  # 7 control steps without a frame
    assert ((found.orientation * turn).sum(-1).abs()[:, frames] > 1 - 1e-6).all()
    assert ((found.orientation * turn).sum(-1).abs() > 1 - 1e-4).all()


def test_dense_of_a_shorter_window_holds_its_first_frame():
    """Frames 3, 1 and 0 control steps back: of the 28 states before now the first 25 are the same."""
    short = Projector((3, 1, 0))
    poses = short.poses(standing(speed=1.0)[:, [-4, -2, -1]])
    found = short.dense(poses)
    torch.testing.assert_close(found.position[:, :25], poses.position[:, :1].expand(-1, 25, -1), atol=1e-6, rtol=0)
    torch.testing.assert_close(found.position[:, [24, 26, 27]], poses.position, atol=1e-6, rtol=0)


def test_clearance_is_that_of_the_lowest_geom():
    """In the default pose the soles are on the ground, .8824 below the pelvis; lying 1 m down the head is lower too."""
    clearance = Clearance()
    poses = PROJECTOR.poses(standing())
    assert clearance(poses.bodies, poses.rotations).min().item() == pytest.approx(0.0, abs=2e-3)
    low = PROJECTOR.poses(standing(height=-2.0))
    heights = clearance(low.bodies, low.rotations)[0, 0]
    assert heights.max() < 0 and heights.min().item() == pytest.approx(-2.0, abs=2e-3)


def test_leg_jacobian_is_the_derivative():
    """Each column against a difference of .001 rad of its hinge."""
    legs, generator = Legs(), torch.Generator().manual_seed(1)
    position, angles = torch.zeros(1, 3), 0.3 * torch.rand(1, 2, 7, generator=generator)
    turn = torch.nn.functional.normalize(torch.tensor([[1.0, 0.1, 0.2, 0.3]]), dim=1)
    corners, jacobian = legs.corners(position, turn, angles)
    for hinge in range(7):
        step = torch.zeros(7)
        step[hinge] = 1e-3
        moved, _ = legs.corners(position, turn, angles + step)
        torch.testing.assert_close((moved - corners) / 1e-3, jacobian[..., hinge], atol=2e-3, rtol=0)


def test_legs_reach_what_a_leg_can():
    """Asked for the soles of another pose, the legs take them there to a millimetre; arms and trunk stay."""
    legs, joints = Legs(), torch.from_numpy(character.DEFAULT_POSE).float().repeat(1, 1)
    wanted = joints.clone()
    wanted[0, HIP], wanted[0, KNEE] = -0.5, 0.8
    root = torch.tensor([[0.0, 0.0, 0.9]]), STILL.unsqueeze(0)
    target, _ = legs.corners(*root, wanted[:, LEG_INDEX])
    start = joints.clone()
    start[0, HIP], start[0, KNEE] = -0.3, 0.5
    reached = legs.reach(*root, start, target, torch.ones(1, 2, 4))
    found, _ = legs.corners(*root, reached[:, LEG_INDEX])
    assert (found - target).norm(dim=-1).max() < 2e-3
    others = torch.ones(28, dtype=torch.bool)
    others[LEG_INDEX.flatten()] = False
    assert torch.equal(reached[:, others], start[:, others])
