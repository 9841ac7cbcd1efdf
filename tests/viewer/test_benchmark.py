import json

import pytest

from tests.tiny import write_controller
from viewer import benchmark


def test_the_figures_come_from_pictures_that_were_drawn(gl_window, monkeypatch, tmp_path, capsys):
    """Two characters for half a second without a display: a table, the machine's name, and the same as JSON."""
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr(benchmark, "_WARM_UP", 0.1)
    monkeypatch.setattr(benchmark, "SIZE", (320, 180))
    path, out = write_controller(tmp_path / "a.onnx"), tmp_path / "out.json"
    arguments = ["--controller", str(path), "--characters", "2", "--seconds", "0.5", "--json", str(out)]
    assert benchmark.main(arguments) == 0
    said = capsys.readouterr().out
    assert "320×180 without a display, quality auto" in said
    assert "| 2 | " in said
    record = json.loads(out.read_text())
    figures = record["figures"][0]
    assert figures["characters"] == 2
    assert figures["frames_per_second"] > 0.0
    assert 0.0 < figures["picture_ms"] < 1e4
    assert figures["processor_ms"] > 0.0
    assert record["first_picture_s"] > 0.0
    assert "cores of" in record["machine"]


def test_a_viewer_that_does_not_start_is_told(tmp_path):
    """With what it said."""
    with pytest.raises(benchmark.context.GraphicsError, match=r"did not start.*no/such\.onnx"):
        benchmark.first_picture(tmp_path / "no/such.onnx")
