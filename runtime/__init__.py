"""Physically simulated characters in real time, moved by controllers that are one ONNX file each.

Start with `World`; README.md shows the twenty lines that embed it. It imports numpy, mujoco, onnxruntime and msgpack.
"""

from runtime.character import State
from runtime.contract import ControllerError, PriorError
from runtime.controller import Controller
from runtime.goals import Dodgeball, Getup, GoalError, Jump, Location, Skill, Speed, Steering
from runtime.prior import Prior
from runtime.recording import Motion, RecordingError, load_motion, save_motion
from runtime.world import SimulationError, World

__all__ = [
    "Controller",
    "ControllerError",
    "Dodgeball",
    "Getup",
    "GoalError",
    "Jump",
    "Location",
    "Motion",
    "Prior",
    "PriorError",
    "RecordingError",
    "SimulationError",
    "Skill",
    "Speed",
    "State",
    "Steering",
    "World",
    "load_motion",
    "save_motion",
]
