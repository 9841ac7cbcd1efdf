"""Start states: the prior's own samples, all valid and counted, and a share that stands."""

from __future__ import annotations

import mujoco
import pytest
import torch

from runtime import character
from training import features, rotation
from training.features import HISTORY
from training.kinematics import Kinematics
from training.learning.starts import LARGEST_CLAMP, LOWEST_HEAD, LOWEST_ROOT, Starts, velocity
from training.tasks import StartStates

HEAD = character.BODIES.index("head")


@pytest.fixture(scope="module")
def starts(prior):
    """A pool of 100 start windows."""
    return Starts(prior.score, 100, torch.Generator().manual_seed(0))


def in_simulation(qpos: torch.Tensor) -> mujoco.MjData:
    """The model in that state."""
    data = mujoco.MjData(character.model())
    data.qpos[:] = qpos
    mujoco.mj_forward(character.model(), data)
    return data


def test_starts_are_valid(starts):
    """Every start is within the joint limits, upright, nothing under the ground, at the origin, heading along x."""
    pool = starts.draw(100)
    low, high = (torch.tensor(limits) for limits in zip(*(joint.range for joint in character.JOINTS), strict=True))
    assert (pool["joint_position"] >= low).all() and (pool["joint_position"] <= high).all()
    assert pool["root_position"][:, -1, :2].abs().max() < 1e-6
    for qpos in pool["qpos"]:
        data = in_simulation(qpos)
        assert data.ncon == 0 or data.contact.dist[: data.ncon].min() > -1e-4
        assert data.qpos[2] > LOWEST_ROOT and data.xpos[1 + HEAD, 2] > LOWEST_HEAD
    cos, sin = rotation.heading(pool["root_rotation"][:, -1])
    assert torch.atan2(sin, cos).abs().max() < 0.1  # as real windows end


def test_no_frame_of_a_start_goes_under_the_ground(starts):
    """Where the window's own frames are, the soles stay above the ground, to a tenth of a millimetre, by MuJoCo.

    Between them, where splines fill in, they may sink by a centimetre.
    """
    pool = starts.draw(20)
    for window in range(20):
        for t in range(HISTORY):
            frame = [pool[name][window, t] for name in ("root_position", "root_rotation", "joint_position")]
            data = in_simulation(torch.cat(frame))
            deepest = -1e-4 if HISTORY - 1 - t in features.OFFSETS else -0.01
            assert data.ncon == 0 or data.contact.dist[: data.ncon].min() > deepest


def test_parts_of_a_start_belong_together(starts):
    """The start state is the window's last frame; key points are where forward kinematics puts them."""
    pool = starts.draw(50)
    last = [pool[name][:, -1] for name in ("root_position", "root_rotation", "joint_position")]
    assert torch.equal(pool["qpos"], torch.cat(last, dim=1))
    assert pool["key_points"].shape == (50, HISTORY, 7, 3)
    frames = [pool[name] for name in ("root_position", "root_rotation", "joint_position")]
    points = features.key_points(*Kinematics()(*frames))
    torch.testing.assert_close(pool["key_points"], points, atol=1e-5, rtol=0)


def test_a_share_stands_at_rest(starts):
    """Of 4,000 starts with a share of .2, 20 ± 2 % are the default pose at rest throughout, soles on the ground."""
    drawn = starts.draw(4000, standing_share=0.2)
    rest = torch.cat((torch.tensor([0.0, 0.0, character.DEFAULT_HEIGHT, 1.0, 0.0, 0.0, 0.0]), torch.from_numpy(
        character.DEFAULT_POSE).float()))  # fmt: skip
    standing = (drawn["qpos"] == rest).all(1)
    assert standing.float().mean().item() == pytest.approx(0.2, abs=0.02)
    assert not drawn["qvel"][standing].any() and drawn["qvel"][~standing].any(1).all()
    for name in ("root_position", "root_rotation", "joint_position", "key_points"):
        frames = drawn[name][standing]
        assert torch.equal(frames, frames[:1, -1:].expand_as(frames))
    soles = drawn["key_points"][standing][0, 0, 3:, 2]
    assert soles.tolist() == pytest.approx([0.0] * 4, abs=0.002)


def test_nobody_stands_unless_asked(starts):
    """A share of 0 takes all from the pool, 1 none; the pool itself stays as it is."""
    before = starts.state()["pool"]["qpos"]
    for share, standing in ((0.0, 0), (1.0, 500)):
        assert (starts.draw(500, share)["qvel"] == 0).all(1).sum() == standing
    assert torch.equal(starts.state()["pool"]["qpos"], before)


def test_velocities_are_backward_differences(starts):
    """The start's qvel, in MuJoCo's own conventions, leads from the last frame but one to the last in 1/30 s."""
    pool, model = starts.draw(50), character.model()
    names = ("root_position", "root_rotation", "joint_position")
    before = torch.cat([pool[name][:, -2] for name in names], dim=1).double().numpy()
    for row in range(50):
        reached = before[row].copy()
        mujoco.mj_integratePos(model, reached, pool["qvel"][row].double().numpy(), 1 / character.CONTROL_HZ)
        assert reached == pytest.approx(pool["qpos"][row].double().numpy(), abs=2e-5)


def test_a_rolling_root_spins_in_its_own_frame():
    """Turning 0.3 rad about the world's z between frames while pitched 90° is a spin of 9 rad/s about the body's -x."""
    half = 0.5**0.5
    pitched = torch.tensor([half, 0.0, half, 0.0])  # the body's x axis points down, its z axis along world x
    turn = torch.tensor([torch.tensor(0.15).cos(), 0.0, 0.0, torch.tensor(0.15).sin()])
    turned = torch.tensor([turn[0] * half, -turn[3] * half, turn[0] * half, turn[3] * half])  # turn · pitched
    orientation = torch.stack((pitched, turned)).unsqueeze(0)
    found = velocity(torch.zeros(1, 2, 3), orientation, torch.zeros(1, 2, 28))
    assert found[0, :6].tolist() == pytest.approx([0, 0, 0, -9.0, 0, 0], abs=1e-4)


def test_repair_lifts_clamps_and_rejects(prior):
    """Of windows whole, 3 and 8 cm under ground, with an elbow .1 and .3 rad beyond its limit, the 3rd and 5th go."""
    starts = Starts(prior.score, 1, torch.Generator().manual_seed(0))
    counted = starts.rejected
    position = torch.tensor([0.0, 0.0, character.DEFAULT_HEIGHT]).expand(5, 10, 3).clone()
    joints = torch.from_numpy(character.DEFAULT_POSE).float().expand(5, 10, 28).clone()
    elbow = character.JOINT_NAMES.index("right_elbow")  # limits 0 … 2.793
    position[1, :, 2] -= 0.03
    position[2, :, 2] -= 0.08
    joints[3, 4, elbow], joints[4, 4, elbow] = -0.1, -(LARGEST_CLAMP + 0.1)
    still = torch.tensor([1.0, 0.0, 0.0, 0.0]).expand(5, 10, 4)
    points = features.key_points(*Kinematics()(position, still, joints))
    windows = features.window(position, still, joints, points)
    valid = starts._repair(windows)
    assert starts.rejected - counted == 2
    assert valid["qpos"][:, 2].tolist() == pytest.approx([character.DEFAULT_HEIGHT] * 3, abs=3e-3)
    assert valid["joint_position"].shape == (3, HISTORY, 28)
    assert valid["joint_position"][2, HISTORY - 1 - features.OFFSETS[4], elbow].item() == pytest.approx(0.0, abs=1e-5)


def test_counts_and_refreshing(prior):
    """A pool of 100 and a quarter more: all samples are counted, the oldest quarter is gone, the size stays."""
    starts = Starts(prior.score, 100, torch.Generator().manual_seed(0))
    first, sampled, before = starts._pool["qpos"].clone(), starts.sampled, starts.rejected
    assert sampled >= 256 and sampled - before >= 100  # at least 256 are sampled at a time
    starts.refresh()
    assert starts.sampled > sampled
    assert starts._pool["qpos"].shape == (100, 35)
    assert torch.equal(starts._pool["qpos"][:75], first[25:])
    assert not torch.equal(starts._pool["qpos"][75:], first[:25])
    drawn = starts.draw(7)
    assert {key: len(value) for key, value in drawn.items()} == dict.fromkeys(drawn, 7)


def test_a_prior_without_valid_samples_is_told(prior):
    """A prior that dreams only of the underground raises, with the count."""

    class Underground(Starts):
        def _sample(self, count: int) -> torch.Tensor:
            return torch.tensor([0.0, 0.0, -1.0] + [0.0] * 55).expand(count, len(features.OFFSETS), -1)

    with pytest.raises(RuntimeError, match=r"too few valid start states: 0 of 5120 samples"):
        Underground(prior.score, 10, torch.Generator().manual_seed(0))


def test_joints_are_off_at_the_start_where_asked(prior):
    """Every draw is off by a deviation of its own, within the joints' ranges; velocities and the history are not."""
    generator = torch.Generator().manual_seed(0)
    own = Starts(prior.score, 4, generator).draw(4)
    states = StartStates(own=own, own_share=1.0, noise=0.05)
    drawn = Starts(prior.score, 4, torch.Generator().manual_seed(1), states).draw(200)
    nearest = (drawn["qpos"][:, None, :7] - own["qpos"][:, :7]).abs().sum(2).argmin(1)  # roots are as they were
    off = drawn["qpos"] - own["qpos"][nearest]
    assert (off[:, :7] == 0).all() and off[:, 7:].std().item() == pytest.approx(0.05, rel=0.1)
    torch.testing.assert_close(drawn["qvel"], own["qvel"][nearest])
    torch.testing.assert_close(drawn["joint_position"], own["joint_position"][nearest])
