"""Any task as a `gymnasium.Env`, with a motion prior's reward: for reinforcement learning outside `training/`.

    import gymnasium, runtime.gym
    env = gymnasium.make("smp/steering-v0", prior="exported/priors/locomotion.onnx")

Needs the extra `gym` (gymnasium), not torch. Actions are joint targets in rad, observations the inputs of a controller
file: the raw state and the goal. So what is trained here, exported with its observation maths inside, is a controller,
and a controller file can act here (`Controller.act`). With `normalised=True` actions go from -1 to 1.
`gymnasium.make_vec` makes a `CharacterVectorEnv` (vector.py): many characters, with physics and prior in one call each.

    CharacterEnv.step ─┬─ physics: 4 steps of 1/120 s, the same calls as World's
                       ├─ the task's reward and failure (tasks.py) and Prior.score of the last states
                       └─ Episode.advance (episode.py): the next goal

The reward of a step is task_weight · task reward + style_weight · prior reward. The task rewards are training's own,
from the files of `exported/tasks` (`python -m training.rewards`). Episodes begin standing; `training`, which starts
them in samples of the prior, has no counterpart here.
"""

import gymnasium

from runtime.gym.env import CharacterEnv
from runtime.gym.episode import TASKS
from runtime.gym.tasks import Task
from runtime.gym.vector import CharacterVectorEnv
from runtime.tasks import names

__all__ = ["TASKS", "CharacterEnv", "CharacterVectorEnv", "Task"]

for _name in (*TASKS, *names()):
    gymnasium.register(
        id=f"smp/{_name}-v0",
        entry_point="runtime.gym.env:CharacterEnv",
        vector_entry_point="runtime.gym.vector:CharacterVectorEnv",
        kwargs={"task": _name},
    )
