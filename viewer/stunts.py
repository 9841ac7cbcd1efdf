"""Jumping and getting up on demand, whatever controller is in charge.

A character whose controller can do it is told to; another one borrows a loaded controller that can, or the file of that
name beside a loaded one (`jump.onnx` beside `steering.onnx`), and gets its own back when it has landed or stands. Which
controller can do what is told by its task.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from runtime import Controller, ControllerError, Jump
from viewer.wishes import goal_for, take_off

if TYPE_CHECKING:
    from viewer.stage import Stage

_STANDING = 0.8  # s on its feet until a character has got up


@dataclass
class Loan:
    """A borrowed controller."""

    own: Controller | None
    """What it gets back."""
    task: str
    """What it borrowed the other for."""
    upright_since: float | None = None
    """World time since when it is on its feet, s."""


class Stunts:
    """Who has borrowed what for a jump or for getting up."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._loans: dict[int, Loan] = {}
        self._found: list[Controller] = []  # beside those that were asked for

    def jump(self) -> str:
        """Make the steered characters jump; returns what to say if one cannot."""
        return self._borrow("jump", "no loaded controller can jump: add --controller FILE of the task jump")

    def get_up(self) -> str:
        """Make the steered characters get up; returns what to say if one cannot."""
        return self._borrow("getup", "no loaded controller can get up: add --controller FILE of the task getup")

    def look(self) -> None:
        """Give controllers back where the jump is over or the character stands."""
        world = self._stage.world
        for index, loan in list(self._loans.items()):
            character = world.characters[index]
            if loan.task == "jump":
                over = isinstance(character.goal, Jump) and character.goal.apex == 0.0
            else:
                since = world.time if loan.upright_since is None else loan.upright_since
                loan.upright_since = None if character.fallen else since
                over = loan.upright_since is not None and world.time - loan.upright_since >= _STANDING
            if over:
                character.controller = loan.own
                self.forget(index)

    def forget(self, index: int) -> None:
        """A character has been given a controller by hand: it keeps that."""
        self._loans.pop(index, None)

    def clear(self) -> None:
        """End all stunts; whoever has borrowed gets its own controller back."""
        for index, loan in self._loans.items():
            self._stage.world.characters[index].controller = loan.own
        self._loans.clear()

    def _borrow(self, task: str, otherwise: str) -> str:
        try:
            able = self._able(task)
        except ControllerError as error:
            return str(error)
        said = ""
        for index in self._stage.steered:
            character = self._stage.world.characters[index]
            now = character.controller
            if now is None or now.task != task:
                if able is None:
                    said = otherwise
                    continue
                character.controller = able
                self._loans[index] = Loan(now, task)
            self._command(index, task)
        return said

    def _able(self, task: str) -> Controller | None:
        """Return a controller of that task; raises ControllerError when the file beside the others is no good."""
        for controller in (*self._stage.loaded, *self._found):
            if controller.task == task:
                return controller
        for path in dict.fromkeys(loaded.path.with_name(f"{task}.onnx") for loaded in self._stage.loaded):
            if path.is_file() and (controller := Controller.load(path)).task == task:
                self._found.append(controller)
                return controller
        return None

    def _command(self, index: int, task: str) -> None:
        character = self._stage.world.characters[index]
        goal = goal_for(task, self._stage.wish, character.goal, character.state.root_position)
        if task == "jump":
            goal = take_off(goal) or goal
        character.goal = goal
