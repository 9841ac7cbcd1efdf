"""An optional panel of sliders over the picture (`--panel`): goal, physics, time. It needs the extra `panel`.

What the sliders mean is in `tuning.py`; here they are only drawn. While the mouse is over the panel, or a number is
being typed into it, the viewer gets neither mouse nor keys.
"""

from __future__ import annotations

from typing import Any

from viewer.context import GraphicsError
from viewer.live import Live
from viewer.tuning import NO_STYLE, RANGES, Physics, Tuner, goal_fields, with_fields

_MISSING = "--panel needs imgui-bundle and PyOpenGL: pip install 'imgui-bundle>=1.92' PyOpenGL (the extra `panel`)"


class Panel:
    """Draws the panel in a window and puts what is changed into a stage."""

    def __init__(self, window: Any, mode: Live) -> None:  # noqa: ANN401 -- a pyglet window, which imgui knows by itself
        """Open it.

        Raises:
            GraphicsError: imgui-bundle is not installed.
        """
        try:
            from imgui_bundle import imgui
            from imgui_bundle.python_backends.pyglet_backend import create_renderer
        except ImportError as error:
            raise GraphicsError(f"{_MISSING} ({error})") from error
        self._imgui: Any = imgui
        self._stage = mode.stage
        self._physics, self._tuner, self._hold = Physics(), Tuner(), False
        imgui.create_context()
        imgui.get_io().set_ini_filename("")
        self._renderer: Any = create_renderer(window)

    @property
    def wants_mouse(self) -> bool:
        """Whether the mouse is the panel's now."""
        return bool(self._imgui.get_io().want_capture_mouse)

    @property
    def wants_keys(self) -> bool:
        """Whether something is being typed into it."""
        return bool(self._imgui.get_io().want_text_input)

    def draw(self, elapsed: float) -> None:
        """Draw it over the picture; `elapsed` s since the last time."""
        imgui = self._imgui
        imgui.get_io().delta_time = max(elapsed, 1e-3)
        imgui.new_frame()
        imgui.set_next_window_pos((20.0, 110.0), imgui.Cond_.first_use_ever)
        imgui.set_next_window_size((330.0, 330.0), imgui.Cond_.first_use_ever)
        imgui.begin("Panel")
        self._goal()
        self._physics_sliders()
        imgui.separator_text("Style")
        imgui.text_wrapped(NO_STYLE)
        imgui.end()
        imgui.render()
        self._renderer.render(imgui.get_draw_data())

    def _goal(self) -> None:
        imgui, stage = self._imgui, self._stage
        imgui.separator_text("Goal")
        goal = stage.world.characters[stage.lead].goal
        _, self._hold = imgui.checkbox("hold it, whatever the keys say", self._hold)
        if goal is None:
            imgui.text("no goal")
            return
        fields, changed = goal_fields(goal), False
        for name, value in fields.items():
            moved, fields[name] = imgui.slider_float(name, value, *RANGES[name])
            changed = changed or moved
        if changed:
            self._hold, goal = True, with_fields(goal, fields)
        stage.held_goal = goal if self._hold else None

    def _physics_sliders(self) -> None:
        imgui, stage = self._imgui, self._stage
        imgui.separator_text("Physics")
        for name in ("gravity", "friction", "strength"):
            _, value = imgui.slider_float(name, getattr(self._physics, name), 0.1, 2.0)
            setattr(self._physics, name, max(value, 0.05))
        if imgui.button("as trained"):
            self._physics = Physics()
        _, stage.world.time_scale = imgui.slider_float("time", stage.world.time_scale, 0.05, 4.0)
        self._tuner.apply(stage.world.model, self._physics)
