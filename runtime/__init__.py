"""Physically simulated characters in real time, moved by controllers that are one ONNX file each.

Start with `World`; README.md shows the twelve lines that embed it. It imports numpy, mujoco, onnxruntime and msgpack.
"""

from runtime._shipped import shipped
from runtime.character import State
from runtime.contract import ControllerError, PriorError
from runtime.controller import Controller
from runtime.director import Director, DirectorError, Transition
from runtime.events import Event
from runtime.goal_script import GoalScript
from runtime.goals import Dodgeball, Getup, GoalError, Jump, Location, Skill, Speed, Steering
from runtime.handle import Character
from runtime.prior import Prior
from runtime.recording import Motion, RecordingError, load_motion, save_motion
from runtime.replay import Recording, ReplayError
from runtime.world import SimulationError, SnapshotError, World

__all__ = [
    "Character",
    "Controller",
    "ControllerError",
    "Director",
    "DirectorError",
    "Dodgeball",
    "Event",
    "Getup",
    "GoalError",
    "GoalScript",
    "Jump",
    "Location",
    "Motion",
    "Prior",
    "PriorError",
    "Recording",
    "RecordingError",
    "ReplayError",
    "SimulationError",
    "Skill",
    "SnapshotError",
    "Speed",
    "State",
    "Steering",
    "Transition",
    "World",
    "load_motion",
    "save_motion",
    "shipped",
]
