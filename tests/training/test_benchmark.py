"""The benchmark: its clock, its arithmetic, and the command with tiny numbers. No test asserts a speed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from training import _benchmark_worker, benchmark
from training._benchmark_worker import PHASES, Stopwatch
from training.learning.workers import Worker

ROOT = Path(__file__).parents[2]
TINY = [
    *("learner.horizon=4", "learner.hidden=[16,16]", "learner.epochs=1", "learner.minibatches=2", "envs=[8]"),
    *("environment.start_pool=64", "repeats=2", "seconds=0.01"),
    *("reward.pool=64", "reward.batch=16", "reward.replay=64", "reward.critic_hidden=[8]"),
]  # fmt: skip


def test_calls_inside_others_count_for_themselves(monkeypatch):
    """5 s of resets of which 2 are observation, between 1 s of rest before and 3 after: 3, 2 and 4, 9 in all."""
    now = [0.0]
    monkeypatch.setattr(_benchmark_worker.time, "perf_counter", lambda: now[0])

    def takes(seconds: float) -> None:
        now[0] += seconds

    watch = Stopwatch(lambda: None)
    inner = watch.timed("observation and history", lambda: takes(2.0))

    def outer() -> str:
        takes(1.0)
        inner()
        takes(2.0)
        return "done"

    takes(1.0)
    assert watch.timed("resets", outer)() == "done"
    takes(3.0)
    watch.timed("physics", lambda: None)()
    spent = {phase: seconds for phase, seconds in watch.seconds.items() if seconds}
    assert spent == {"resets": 3.0, "observation and history": 2.0, "rest": 4.0}


def test_every_phase_is_seen_and_nothing_stays_wrapped(make_learner):
    """In two iterations each phase takes some time; afterwards the learner's parts have their own methods again."""
    learner = make_learner()
    parts = (learner.environment, learner.environment.engine, learner.environment.task, learner.environment.history)
    parts = (*parts, learner.environment.style_reward)
    before = [set(vars(part)) for part in (*parts, learner.algorithm)]
    with _benchmark_worker.watching(learner, lambda: None) as watch:
        learner.iterate()
        learner.iterate()
    assert set(watch.seconds) == {*PHASES, "rest"} and min(watch.seconds.values()) > 0
    assert [set(vars(part)) for part in (*parts, learner.algorithm)] == before


def test_recorded_targets_repeat_the_physics(make_learner):
    """The engine put back to where a rollout began and stepped with its targets meets the same states."""
    learner = make_learner()
    engine = learner.environment.engine
    targets, start = _benchmark_worker._record(learner)
    assert len(targets) == learner.config.horizon and "step" not in vars(engine)
    engine.restore(start)
    assert not torch.equal(targets[0], targets[-1])
    learner.environment._age.zero_()  # nobody's time is up
    learner.environment.step_targets(targets[0])
    seen = engine.qpos.clone()
    engine.restore(start)
    engine.step(targets[0])
    assert torch.equal(engine.qpos, seen)  # nobody fell in the first step


def test_arithmetic_by_hand():
    """Two workers, 100 environments, 40 steps: the slower one counts, the renewal is added, shares add up to 1."""
    part = {
        "seconds": {"physics": [1.0, 2.0], "environment": [2.0, 4.0], "training": [3.0, 8.0]}, "steps": 40,
        "renewal_s_a_step": 0.025, "phase_steps": 20, "phases": {"physics": 1.0, "resets": 0.5, "rest": 1.5},
        "memory_mib": {"host": 500.0},
    }  # fmt: skip
    slow = part | {"seconds": {"physics": [2.0, 2.0], "environment": [3.0, 3.0], "training": [7.0, 7.0]}}
    slow |= {"memory_mib": {"host": 700.0}}
    found = benchmark.summary([part, slow], envs=100)
    rates = found["control_steps_a_second"]
    assert rates["physics"] == {"median": 2000.0, "lowest": 2000.0, "highest": 2000.0}  # 4,000 steps in 2 s, twice
    assert rates["environment"] == {"median": 900.0, "lowest": 800.0, "highest": 1000.0}  # in 3 + 1 and 4 + 1 s
    assert rates["training"]["lowest"] == pytest.approx(4000 / 9) and rates["training"]["highest"] == 500.0
    assert found["physics_steps_a_second"]["physics alone"]["median"] == 8000.0
    assert found["ratios"]["training_to_physics"]["highest"] == 0.25
    # resets: .5 s in each worker, and .025 s a step in 20 steps of each
    assert found["shares"] == pytest.approx({"physics": 2 / 7, "resets": 2 / 7, "rest": 3 / 7})
    assert found["memory_mib_a_process"] == {"host": 700.0}


def test_the_command_end_to_end(prior_path, tmp_path):
    """`python -m training.benchmark` with two processes: a table, and a report whose figures hang together."""
    output = tmp_path / "out" / "speed.json"
    options = [*TINY, "learner.processes=2", "physics=mujoco", f"task.prior={prior_path}", f"output={output}"]
    command = [sys.executable, "-m", "training.benchmark", *options]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    assert "share of prior" in ended.stdout and f"wrote {output}" in ended.stdout
    report = json.loads(output.read_text())
    assert (report["engine"], report["processes"]) == ("mujoco", 2)
    assert [size["envs"] for size in report["sizes"]] == [8]
    for size in report["sizes"]:
        rates = size["control_steps_a_second"]
        assert all(0 < r["lowest"] <= r["median"] <= r["highest"] for r in rates.values())
        assert sum(size["shares"].values()) == pytest.approx(1.0)
        assert size["shares"].keys() == {*PHASES, "rest"}
        assert size["memory_mib_a_process"]["host"] > 50


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["envs=[9]", "learner.processes=2"], "learner.envs=9 does not divide evenly among 2 processes"),
        (["repeats=0"], "expected repeats of at least 1 and seconds above 0"),
        (["physics=bullet"], "physics=bullet: expected an engine"),
        (["+speed=1"], "speed: training.benchmark has no such setting"),
    ],
)
def test_bad_input_is_one_sentence(hydra, monkeypatch, prior_path, capsys, overrides, sentence):
    """Exit code 2 and one sentence before anything is measured."""
    own = [f"--config-path={ROOT}/training/conf", *TINY, f"task.prior={prior_path}"]
    monkeypatch.setattr(sys, "argv", ["benchmark.py", *own, *overrides])
    with pytest.raises(SystemExit) as end:
        benchmark.main()
    said = capsys.readouterr().err.splitlines()
    assert end.value.code == 2 and len(said) == 1 and sentence in said[0]


def test_torchrun_is_refused(monkeypatch):
    """Under torchrun, which would start the benchmark once a process, it says what to do instead."""
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(benchmark.ConfigError, match="without torchrun"):
        benchmark.benchmark(benchmark.BenchmarkConfig(), benchmark.Console())


def test_a_lone_worker_measures(config, tmp_path):
    """A worker writes its part: as many seconds as repeats, steps that are whole iterations."""
    _benchmark_worker.measure(Worker(0, 1), config, 2, 0.001, 1000, str(tmp_path))
    part = json.loads((tmp_path / "0000.json").read_text())
    assert {kind: len(values) for kind, values in part["seconds"].items()} == {
        "physics": 2, "environment": 2, "training": 2,
    }  # fmt: skip
    assert part["steps"] % config.learner.horizon == 0 and part["renewal_s_a_step"] > 0
