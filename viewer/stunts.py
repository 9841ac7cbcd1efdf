"""Which controller moves which character: its own, one that gets it up, one that jumps for it.

A character whose task is no single skill has a director (`runtime.director`) where a controller that gets up is loaded
or lies beside a loaded one as `getup.onnx`:

    own ── fallen, or told to ──> getup ── on its feet for 0.8 s ──> own

A jump is borrowed: a character whose controller can do it is told to; another one gets a loaded controller that can, or
`jump.onnx` of the folder, and its own back when it has landed. Which controller can do what is told by its task.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runtime import Controller, ControllerError, Director, Getup, Jump, Skill, Transition
from viewer.wishes import goal_for, take_off

if TYPE_CHECKING:
    from viewer.stage import Stage

OWN, GETTING_UP = "own", "getup"
"""States of the directors."""
_STANDING = 0.8  # s on its feet until a character has got up


class Stunts:
    """Gives controllers to characters, and has them jump and get up."""

    def __init__(self, stage: Stage, automatic: bool = True) -> None:
        """Move nobody yet; `automatic`: whoever has fallen gets up without being told."""
        self._stage, self.automatic = stage, automatic
        self.own: dict[int, Path] = {}
        """The file that moves each character when it neither jumps nor gets up; none: it has no controller."""
        self._jumping: set[int] = set()  # who has borrowed a controller for a jump
        self._found: dict[str, Path] = {}  # by task, beside those that were asked for
        self.trouble = ""
        """What is wrong with the file that should get them up; empty: nothing."""

    def give(self, index: int, path: Path) -> None:
        """Have a controller's file move a character from now on.

        Raises:
            ControllerError: the file is no good; the old controller stays.
        """
        self._stage.world.characters[index].controller = path
        self.own[index] = path
        self._jumping.discard(index)
        self._direct(index)

    def getting_up(self, index: int) -> bool:
        """Whether a character is being got up."""
        return self._stage.world.characters[index].director_state == GETTING_UP

    def jump(self) -> str:
        """Make the steered characters jump; returns what to say if one cannot."""
        try:
            able = self._able(Jump.task)
        except ControllerError as error:
            return _first_line(error)
        said = ""
        for index in self._stage.steered:
            character = self._stage.world.characters[index]
            if self.getting_up(index):
                said = "it gets up first"
            elif character.controller is not None and character.controller.task == Jump.task:
                self._take_off(index)
            elif able is None or index not in self.own:
                said = "no loaded controller can jump: add --controller FILE of the task jump"
            else:
                character.controller = able
                self._jumping.add(index)
                self._take_off(index)
        return said

    def get_up(self) -> str:
        """Make the steered characters get up; returns what to say."""
        said = set()
        for index in self._stage.steered:
            character = self._stage.world.characters[index]
            if index in self._jumping:
                said.add("it jumps first")
                continue
            if index in self.own and character.director is None:
                self._direct(index)  # the file for it may be there by now
            if character.director is not None:
                if not self.getting_up(index):
                    character.goal = Getup()
                said.add("getting up")
            elif character.controller is not None and character.controller.task == Getup.task:
                said.add("getting up is all it does")
            elif character.controller is not None and character.controller.task == Skill.task:
                said.add(f"{character.controller.path.stem} does one thing only: R starts over")
            else:
                said.add(self.trouble or "no loaded controller can get up: add --controller FILE of the task getup")
        return ", ".join(sorted(said))

    def look(self) -> None:
        """Give controllers back where the jump is over."""
        for index in list(self._jumping):
            goal = self._stage.world.characters[index].goal
            if isinstance(goal, Jump) and goal.apex == 0.0:
                self.give(index, self.own[index])

    def clear(self) -> None:
        """End all stunts; everybody is moved by its own controller again."""
        for index, path in self.own.items():
            self.give(index, path)

    def _direct(self, index: int) -> None:
        """Have a director get a character up, if there is a file that can and its controller is none for lying."""
        character = self._stage.world.characters[index]
        if character.controller is None or character.controller.task in (Getup.task, Skill.task):
            return
        self.trouble = ""
        try:
            rescuer = self._able(Getup.task)
        except ControllerError as error:
            self.trouble = _first_line(error)
            return
        if rescuer is not None:
            arrows = [
                Transition(OWN, GETTING_UP, (f"goal:{Getup.task}",)),
                Transition(GETTING_UP, OWN, (f"upright:{_STANDING}", f"after:{_STANDING}")),
            ]
            arrows += [Transition(OWN, GETTING_UP, ("fallen",))] if self.automatic else []
            states = {OWN: str(self.own[index]), GETTING_UP: str(rescuer)}
            character.director = Director(states, OWN, tuple(arrows))

    def _able(self, task: str) -> Path | None:
        """Return a controller of that task; raises ControllerError when the file beside the others is no good."""
        for controller in self._stage.loaded:
            if controller.task == task:
                return controller.path
        for path in dict.fromkeys(loaded.path.with_name(f"{task}.onnx") for loaded in self._stage.loaded):
            if task not in self._found and path.is_file() and Controller.load(path).task == task:
                self._found[task] = path
        return self._found.get(task)

    def _take_off(self, index: int) -> None:
        character = self._stage.world.characters[index]
        goal = goal_for(Jump.task, self._stage.wish, character.goal, character.state.root_position)
        character.goal = take_off(goal) or goal


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
