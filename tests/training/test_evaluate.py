"""An exported controller, measured end to end: tiny files, short episodes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime import Controller, Motion, Prior, Recording, Steering, World
from runtime.character import DEFAULT_HEIGHT, DEFAULT_POSE, JOINT_NAMES
from tests.tiny import linear, write_controller, write_prior
from training import _episodes, _mocap, evaluate, trials
from training._naturalness import Measure, naturalness
from training._robustness import HARDSHIPS
from training.evaluate import EvaluateConfig
from training.metrics import Rollout
from training.motion import dataset
from training.motion.clips import motion_states
from training.motion.dataset import Clip
from training.provenance import sha256
from training.trials import Episode, Order, Request, steering, walking


@pytest.fixture
def config(tmp_path: Path) -> EvaluateConfig:
    """Two episodes of 4 s of a controller that holds the default pose, one of every set course, no walks."""
    return EvaluateConfig(
        controller=str(write_controller(tmp_path / "controller.onnx")),
        prior=str(write_prior(tmp_path / "prior.onnx")),
        episodes=2,
        seconds=4.0,
        grid_episodes=1,
        gait=False,
    )


Call = Callable[..., tuple[int, str]]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """The command line in this process: its exit status and all it printed."""

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["training.evaluate", *arguments])
        try:
            evaluate.main()
            status = 0
        except SystemExit as exit:
            status = exit.code if isinstance(exit.code, int) else 1
        return status, "".join(capsys.readouterr())

    return call


def walk(speed: float, frequency: float, name: str) -> Motion:
    """Ten seconds of gliding with swinging hips, each a stride of its own length."""
    t = np.arange(301) / 30
    position = np.stack((speed * t, 0 * t, np.full(301, DEFAULT_HEIGHT)), axis=1)
    joints = np.tile(DEFAULT_POSE, (301, 1))
    joints[:, JOINT_NAMES.index("right_hip_y")] = -0.3 * np.sin(2 * np.pi * frequency * (t - 0.1))
    joints[:, JOINT_NAMES.index("left_hip_y")] = 0.3 * np.sin(2 * np.pi * frequency * (t - 0.1))
    return Motion(30.0, position, np.tile([1.0, 0, 0, 0], (301, 1)), joints, name=name, source=name, licence="made up")


@pytest.fixture
def clips() -> list[Clip]:
    """Two walks to train on, .5 and 1 m/s at 1 and 2 strides a second, and one held out."""
    walks = [walk(0.5, 1.0, "slow"), walk(1.0, 2.0, "fast"), walk(1.5, 2.5, "faster")]
    sides = ("train", "train", "held_out")
    return [Clip(motion, "walk", side, motion.name, 0.0) for motion, side in zip(walks, sides, strict=True)]


def test_end_to_end(config: EvaluateConfig, clips: list[Clip], tmp_path: Path) -> None:
    """All parts of the report are there; falls and speeds agree with a plain world's; JSON holds it."""
    dataset.save(tmp_path / "data", clips)
    report = evaluate.evaluate(replace(config, data=str(tmp_path / "data")))
    world = World()
    character = world.add_character(config.controller)
    falls = 0
    for _ in range(300):
        world.step()
        falls += character.fallen
        if character.fallen:
            character.reset()
    standing = report["steady"]["0 m/s"]
    assert standing["falls"]["falls"] == falls > 0 and standing["falls"]["survival"] == 0.0
    assert standing["falls"]["per_minute"] == pytest.approx(6 * falls)
    assert report["protocol"]["control_steps"] == (2 + 2) * 120 + 7 * 300 + 6 * 300 + 3 * 270 + 5 * 300
    assert report["random"]["success"]["share"] == 0.0 and report["headline"]["success"] == 0.0
    assert report["free"]["episodes"] == 2 and report["headline"]["success_facing_freely"] == 0.0
    assert report["random"]["jerk_rad_s3"]["mocap"] > 0.0
    assert report["turn"]["+90° at 1 m/s"]["success"] == report["stop"]["from 3 m/s"]["success"] == 0.0
    assert report["mocap"]["source"].endswith("data") and report["mocap"]["clips"] == 3
    assert "no prior" in report["prior"]["note"]
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_walks_are_set_beside_people(
    config: EvaluateConfig, clips: list[Clip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who holds the default pose tips over in every walk, answers nothing, and has no strides to compare."""
    dataset.save(tmp_path / "data", clips)
    monkeypatch.setattr(walking, "STANDING_SECONDS", 5.0)
    report = evaluate.evaluate(replace(config, grid_episodes=0, gait=True, data=str(tmp_path / "data")))
    gait = report["gait"]
    assert list(gait["by_speed"]) == ["0 m/s", "0.6 m/s", "1 m/s", "1.4 m/s", "1.8 m/s", "3 m/s"]
    assert gait["of"] == 8 + 5 * 12 and report["headline"]["gait"] == {"inside": gait["inside"], "of": 68}
    walk = gait["by_speed"]["1 m/s"]
    assert walk["fell"] == 2 and walk["numbers"]["pelvis_height_m"] < 0.3 and "pelvis_height_m" in walk["outside"]
    assert walk["bands"]["lean_deg"] == [-6.0, 12.0]
    assert len(walk["outside"]) == 12 - walk["inside"] and walk["effort"] >= 0.0
    assert list(report["responses"]) == ["from rest", "to rest", "half turn"]
    for entry in report["responses"].values():
        assert entry == {"mean_s": None, "worst_s": None, "answered": 0, "of": 8, "fell": 8}
    assert report["standing"]["told nothing"]["fell"] == report["standing"]["told to stand"]["stepped"] == 2
    assert report["strides"]["people"] == 3 and report["strides"]["held_out_people"] == 1
    assert report["strides"]["by_speed"]["1.2 m/s"]["ratio"] is None and "1.2 m/s" in report["strides"]["note"]
    assert report["protocol"]["walks"] == 18 + 24 + 4
    assert report["protocol"]["control_steps"] > 4 * 120 + 18 * 330
    assert {"gait", "responses", "standing", "strides"} <= report["definitions"].keys()


def test_same_seed_same_report(config: EvaluateConfig) -> None:
    """Bit for bit; another seed gives other goals and other noise."""
    config = replace(config, grid_episodes=0)
    first = evaluate.evaluate(config)
    assert evaluate.evaluate(config) == first
    other = evaluate.evaluate(replace(config, seed=1))
    assert other["random"]["speed_error_m_s"] != first["random"]["speed_error_m_s"]
    assert other["random"]["prior"] != first["random"]["prior"]


def test_without_motion_capture_figures_are_null_and_say_why(config: EvaluateConfig) -> None:
    """No data and no reference file: no ratio to real motion; what needs neither is there."""
    report = evaluate.evaluate(replace(config, grid_episodes=0))
    assert report["mocap"]["source"] is None and "reference=true" in report["mocap"]["note"]
    assert report["random"]["skate_m_s"]["mean"]["ratio"] is None
    assert report["random"]["skate_m_s"]["mean"]["mean"] is not None
    assert report["random"]["prior"]["ratio"]["mean"] is not None


def test_a_reference_file_stands_in_for_the_data(config: EvaluateConfig, clips: list[Clip], tmp_path: Path) -> None:
    """The same figures come of the small file as of the data it was made of."""
    dataset.save(tmp_path / "data", clips)
    config = replace(config, grid_episodes=0, data=str(tmp_path / "data"))
    measured = evaluate.evaluate(config)
    _mocap.save(_mocap.measure(dataset.load(config.data), Prior.load(config.prior)), config.prior)
    stored = evaluate.evaluate(replace(config, data=""))
    assert stored["mocap"].pop("source").endswith("prior.reference.json")
    measured["mocap"].pop("source")
    assert stored == measured


def test_real_motion_by_speed(config: EvaluateConfig, clips: list[Clip]) -> None:
    """Strides of the made-up walks: 1 Hz at .5 m/s, 2 Hz at 1 m/s; halfway between them 1.5 Hz; hips swing by .6."""
    mocap = _mocap.measure(clips, Prior.load(config.prior))
    np.testing.assert_allclose(mocap.at("strides", "frequency", np.array([0.5, 0.75, 1.0])), [1.0, 1.5, 2.0], rtol=0.02)
    # two of 14 leg joints
    np.testing.assert_allclose(mocap.at("strides", "amplitude_legs", 0.5), 2 * 0.6 / 14, rtol=0.05)
    np.testing.assert_allclose(mocap.at("pieces", "flight", 0.5), 0.0)
    assert mocap.figures["data"]["held_out_clips"] == 1
    assert mocap.figures["prior"]["held_out_windows"] == 301 - 6  # the tiny prior looks six steps back
    assert _mocap.measure(clips, None).figures["prior"] is None


def test_a_clip_with_too_little_motion_at_any_speed_is_compared_as_a_whole(config: EvaluateConfig) -> None:
    """Four seconds that go ever faster, to 4 m/s: four half seconds a bin are no figure, those of all bins are one."""
    t = np.arange(121) / 30
    walked = walk(0.0, 2.0, "faster and faster")
    position = walked.root_position[:121] + np.stack((0.5 * t**2, 0 * t, 0 * t), axis=1)
    motion = Motion(30.0, position, walked.root_rotation[:121], walked.joint_position[:121])
    clip, prior = Clip(motion, "walk", "train", "only", 0.0), Prior.load(config.prior)
    mocap = _mocap.measure([clip], prior)
    assert mocap.figures["pieces"]["pieces"] == [8]
    (jerk,) = mocap.figures["pieces"]["jerk"]
    np.testing.assert_allclose(mocap.at("pieces", "jerk", np.array([0.2, 3.0])), jerk)


def test_real_motion_compared_with_itself(config: EvaluateConfig, clips: list[Clip]) -> None:
    """A walk played as if it were an episode: every ratio to mocap at its speed is 1."""
    prior = Prior.load(config.prior)
    measure = Measure(prior, _mocap.measure(clips, prior), seed=0)
    played = motion_states(clips[1].motion)
    steps = np.arange(len(played.root_position))
    none = np.zeros(len(steps), dtype=int)
    only = Rollout(played, played.joint_position, np.zeros((len(steps), 4)), none, steps, steps, none > 0)
    figures = naturalness([(0, only)], 0, measure)
    for name in ("jerk_rad_s3", "stride_frequency_hz"):
        assert figures[name]["ratio"] == pytest.approx(1.0, rel=0.02)
    assert figures["skate_m_s"]["mean"]["ratio"] == pytest.approx(1.0, rel=0.02)
    assert figures["stride_amplitude_rad"]["legs"]["ratio"] == pytest.approx(1.0, rel=0.02)
    assert figures["flight_share"]["mean"] == 0.0 and figures["flight_share"]["ratio"] is None


def test_reference_of_another_prior_is_told(config: EvaluateConfig, clips: list[Clip], tmp_path: Path) -> None:
    """A file written with one prior and read beside another: what held-out motion scored is left out, with a note."""
    mocap = _mocap.measure(clips, Prior.load(config.prior))
    other = write_prior(tmp_path / "other.onnx", edit_metadata=lambda metadata: metadata.update(name="other"))
    _mocap.save(mocap, other)
    report = evaluate.evaluate(replace(config, prior=str(other), grid_episodes=0))
    assert report["mocap"]["held_out_ratio"] is None and "not measured with this prior" in report["mocap"]["note"]
    assert report["random"]["jerk_rad_s3"]["mocap"] > 0.0


def test_a_spoiled_reference_file_is_refused(config: EvaluateConfig, clips: list[Clip]) -> None:
    """Figures of another character, or of another version."""
    path = _mocap.save(_mocap.measure(clips, Prior.load(config.prior)), config.prior)
    text = path.read_text()
    for right, wrong in (('"character": "', '"character": "0'), ('"schema_version": 2', '"schema_version": 1')):
        path.write_text(text.replace(right, wrong))
        with pytest.raises(_mocap.ReferenceError, match="another version or for another humanoid"):
            _mocap.load(config.prior)


def test_the_prior_judges_every_third_window(config: EvaluateConfig) -> None:
    """The tiny prior's error is mean noise² + mean velocity²: 9 at 3 m/s along each axis; 20 states hold 5 windows.

    A run too short for a window, here of six states, has none.
    """
    played = motion_states(Motion(30.0, *_still(20)))
    played.root_linear_velocity[:] = 3.0
    played.root_position[:, 0] = np.arange(20) / 30 * 1.5
    short = motion_states(Motion(30.0, *_still(6)))
    prior = Prior.load(config.prior)
    judged = _mocap.judge(prior, [short, played], 3, np.random.default_rng(0))
    noise = np.random.default_rng(0)
    noise.standard_normal((0, *prior.noise_shape), dtype=np.float32)
    expected = 9.0 + (noise.standard_normal((5, *prior.noise_shape), dtype=np.float32) ** 2).mean(axis=(2, 3))
    np.testing.assert_allclose(judged.error, expected, rtol=1e-5)
    np.testing.assert_allclose(judged.ratio, expected.mean(axis=1) / 2, rtol=1e-5)
    np.testing.assert_allclose(judged.reward, np.exp(-expected.mean(axis=1) / 2), rtol=1e-4)
    np.testing.assert_allclose(judged.speed, np.full(5, 1.5))


def _still(frames: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Root positions, rotations and joint angles of standing."""
    return (
        np.tile([0, 0, DEFAULT_HEIGHT], (frames, 1)),
        np.tile([1.0, 0, 0, 0], (frames, 1)),
        np.tile(DEFAULT_POSE, (frames, 1)),
    )


def test_plan_depends_on_seed_and_number_alone() -> None:
    """More episodes leave the first ones as they are; goals are as the protocol says."""
    few, many = steering.plan(Request(3, 20.0, 1, 5)), steering.plan(Request(40, 20.0, 1, 5))
    assert many[:3] == few[:3] and few[3:] == many[40:]
    assert [episode.kind for episode in few[3:5]] == ["free", "free"] and few[5].kind == "steady"
    assert steering.plan(Request(3, 20.0, 1, 6))[0] != few[0]
    assert len(few) == 3 + 2 + 7 + 6 + 3 + 5
    goals = [order.goal for episode in many[:40] for order in episode.orders]
    speeds = [goal.speed for goal in goals if isinstance(goal, Steering)]
    assert len(speeds) == len(goals) and all(0.0 <= speed <= 3.0 for speed in speeds)
    assert 0.02 < np.mean([speed == 0.0 for speed in speeds]) < 0.25
    holds = [b.second - a.second for e in many[:40] for a, b in zip(e.orders[:-1], e.orders[1:], strict=True)]
    assert 4.0 <= min(holds) and max(holds) <= 7.0


def test_goals_are_given_when_the_plan_says(tmp_path: Path) -> None:
    """A controller whose knee follows velocity_x: it starts to bend in the step after the second order."""
    controller = Controller.load(write_controller(tmp_path / "c.onnx", linear(right_knee=0.5)))
    orders = (Order(0.0, Steering()), Order(0.5, Steering(1.0)))
    (only,) = _episodes.roll_out(controller, [Episode("turn", "made up", 1.0, 0.0, orders)])
    knee = only.joint_target[:, JOINT_NAMES.index("right_knee")]
    assert not knee[:15].any() and (knee[15:] > 0.4).all()
    assert only.goal_index.tolist() == [0] * 15 + [1] * 15
    assert only.goal_age.tolist() == [*range(15), *range(15)] and only.life.tolist() == [*range(30)]
    np.testing.assert_allclose(only.goal[20], Steering(1.0, 0.0).vector())


def test_command_line(config: EvaluateConfig, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables on the terminal and the report in the file; with no output named, stdout is the report alone."""
    settings = [f"{name}={getattr(config, name)}" for name in ("controller", "prior", "episodes", "seconds")]
    command = [sys.executable, "-m", "training.evaluate", *settings, "grid_episodes=0", "gait=false"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    monkeypatch.setattr(walking, "STANDING_SECONDS", 5.0)
    status, shown = call(*settings, "grid_episodes=1", "gait=true", f"output={tmp_path / 'out' / 'report.json'}")
    assert status == 0 and "success per goal" in shown and "turns and stops" in shown
    assert "of 68 numbers as people's" in shown and "half turn: - s" in shown and "no people to compare" in shown
    report, printed = json.loads((tmp_path / "out" / "report.json").read_text()), json.loads(done.stdout)
    assert report["random"] == printed["random"] and printed["steady"] == {}


def test_reference_from_the_command_line(config: EvaluateConfig, clips: list[Clip], tmp_path: Path, call: Call) -> None:
    """`reference=true` writes a small file next to the prior."""
    dataset.save(tmp_path / "data", clips)
    status, shown = call("reference=true", f"data={tmp_path / 'data'}", f"prior={config.prior}")
    assert status == 0 and "prior.reference.json" in shown
    assert _mocap.load(config.prior).figures["data"]["clips"] == 3
    assert _mocap.path_beside(config.prior).stat().st_size < 100_000


def test_command_line_says_what_is_wrong(config: EvaluateConfig, call: Call) -> None:
    """One sentence and exit status 2 for a missing controller and for settings or names that make no sense."""
    good = [f"controller={config.controller}", f"prior={config.prior}"]
    for arguments, told in (
        ([*good, "controller=missing.onnx"], "missing.onnx"),
        ([*good, "prior=missing.onnx"], "missing.onnx"),
        ([*good, "data=nowhere"], "nowhere"),
        ([*good, "episodes=0"], "episodes"),
        ([*good, "episodes=many"], "episodes"),
        ([*good, "controler=misspelt.onnx"], "controler"),
        (["reference=true"], "data="),
    ):
        status, shown = call(*arguments)
        assert status == 2 and told in shown


def test_help_defines_every_figure(call: Call) -> None:
    """What the table of definitions holds is printed, and what counts as each task's success."""
    status, shown = call("help=true")
    words = " ".join(shown.split())
    assert status == 0 and "share of goals that are a success" in words
    assert all(f"success: {task}" in words for task in trials.TRIALS) and "latency" in words


def test_the_prior_is_found_by_its_hash(config: EvaluateConfig, tmp_path: Path, call: Call) -> None:
    """Without prior= the controller's own is looked for in `priors` beside it.

    Where it is not there, or of an older version, what it would say is null, and the report says why; everything else
    is as with it.
    """
    digest = sha256(Path(config.prior))
    config = replace(config, prior="", grid_episodes=0, episodes=1, seconds=2.0)

    def evaluated(digest: str) -> dict[str, Any]:
        def trained(metadata: dict) -> None:
            metadata["prior"] = {"name": "tiny", "sha256": digest}

        path = write_controller(tmp_path / "trained.onnx", edit_metadata=trained)
        return evaluate.evaluate(replace(config, controller=str(path)))

    missing = evaluated(digest)
    assert "'tiny'" in missing["prior"]["note"] and digest[:16] in missing["prior"]["note"]
    assert missing["prior"]["path"] is missing["random"]["prior"]["ratio"]["mean"] is None
    assert missing["headline"]["prior_ratio"] is None and missing["random"]["jerk_rad_s3"]["mean"] > 0.0
    (tmp_path / "priors").mkdir()
    (tmp_path / "prior.onnx").rename(tmp_path / "priors" / "any.onnx")
    found = evaluated(digest)
    assert found["prior"]["path"].endswith("any.onnx") and found["prior"]["note"] is None
    assert found["headline"]["prior_ratio"] > 0.0
    assert found["random"]["jerk_rad_s3"] == missing["random"]["jerk_rad_s3"]
    old = write_prior(
        tmp_path / "priors" / "old.onnx", edit_metadata=lambda metadata: metadata.update(schema_version=1)
    )
    refused = evaluated(sha256(old))
    assert "schema_version: expected 2, found 1" in refused["prior"]["note"]
    assert refused["headline"]["prior_ratio"] is None
    status, shown = call(f"controller={tmp_path / 'trained.onnx'}", "episodes=1", "seconds=1", "grid_episodes=0")
    assert status == 0 and "schema_version" in shown


def test_robustness_is_asked_for(config: EvaluateConfig) -> None:
    """One entry a hardship, of the first random episodes; without hardship they are the ones of the report."""
    config = replace(config, grid_episodes=0, robustness=True, robustness_episodes=2)
    report = evaluate.evaluate(config)
    assert list(report["robustness"]) == list(HARDSHIPS)
    for entry in report["robustness"].values():
        assert entry["episodes"] == 2 and 0.0 <= entry["survival"] <= 1.0
    falls = report["random"]["falls"]
    assert report["robustness"]["none"]["falls_per_minute"] == pytest.approx(falls["per_minute"])
    assert report["robustness"]["none"]["survival"] == falls["survival"]


def test_motion_without_strides_is_a_reference_too(config: EvaluateConfig) -> None:
    """A second of standing: no figure by speed."""
    mocap = _mocap.measure([Clip(Motion(30.0, *_still(31)), "stand", "train", "short", 0.0)], Prior.load(config.prior))
    assert np.isnan(mocap.at("strides", "frequency", np.ones(3))).all()
    assert mocap.figures["prior"]["held_out_windows"] == 0


def test_an_episode_can_be_recorded(tmp_path):
    """The recording is of that episode's length, in a folder made for it; a number beyond the plan is refused."""
    path = write_controller(tmp_path / "steering.onnx")
    plan = trials.of("steering").plan(Request(1, 1.0, 0, 0))
    _episodes.record(Controller.load(path), plan[0], True, tmp_path / "walk.rec")
    recording = Recording.load(tmp_path / "walk.rec")
    assert len(recording.motion(recording.characters[0])) == pytest.approx(31, abs=1)
    with pytest.raises(evaluate.EvaluateError, match="record_episode is 9: expected 0 to 0"):
        config = EvaluateConfig(str(path), prior=str(write_prior(tmp_path / "prior.onnx")), episodes=1, grid_episodes=0)
        config = replace(config, gait=False)
        evaluate.evaluate(replace(config, record="x.rec", record_episode=9))
    there = tmp_path / "new" / "walk.rec"
    evaluate.evaluate(replace(config, seconds=2.0, record=str(there)))
    assert Recording.load(there).characters
