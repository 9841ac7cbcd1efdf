# Two commands: `make run` shows a character, `make test` proves the program. Each makes the venv it needs, once.
#   make run PYTHON=python3.12     another interpreter (3.11 to 3.13)
#   make run HEADLESS=1            a video instead of a window

PYTHON ?= python3
VENV ?= .venv
TORCH ?= torch==2.13.0
CONTROLLER ?= exported/steering.onnx
HEADLESS ?=
INPUTS ?= 100000
DURATION ?= 10
GOALS ?= 0:speed=1,dir=0;3:speed=2,dir=60;5.5:jump;7.5:speed=3,dir=60

BIN = $(VENV)/bin
INSTALL = $(BIN)/python -m pip install -qq --disable-pip-version-check
# not empty where a window can be opened
WINDOW := $(if $(HEADLESS),,$(DISPLAY)$(filter Darwin,$(shell uname)))

VIEW = $(BIN)/python -m viewer --headless --seconds 8
STRIP = $(VIEW) --controller exported/steering.onnx --goals

# 20 s: walk, run round a bend, jump on the way, turn back, stop, jump again, be felled by four balls, get up
DEMO = 0:speed=1.3,dir=0;4:speed=3,dir=60;7.5:speed=1.5,dir=60;8.5:jump;10.5:speed=1.5,dir=200;13:speed=0;14:jump;16:throw;16.1:throw;16.2:throw;16.3:throw;18:getup

.PHONY: help run strips test docs check fuzz format wheel-check graphics
help:
	@sed -n 's/^\([a-z-]*\):.*## /make \1 -- /p' Makefile

run: $(VENV)/for-run ## Steer a shipped character; where there is no display, render it to out/run.mp4
	@test -f "$(CONTROLLER)" || { echo "make run: no controller file $(CONTROLLER); name one with CONTROLLER=PATH" >&2; exit 1; }
ifdef WINDOW
	@$(BIN)/python -m viewer --controller "$(CONTROLLER)"
else
	@mkdir -p out
	@$(BIN)/python -m viewer --controller "$(CONTROLLER)" --headless --seconds $(DURATION) --goals "$(GOALS)" \
		--video out/run.mp4 --strip out/run.png
	@echo "No window here: $(DURATION) s of it are in out/run.mp4, a film strip in out/run.png"
endif

strips: $(VENV)/for-run ## Render the pictures, strips and the video that the pages show, into docs/
	$(STRIP) "0:speed=1,dir=0" --strip docs/walking.png --strip-from 4.5 --strip-to 5.9
	$(STRIP) "0:speed=1.5,dir=0;4:speed=1.5,dir=180" --strip docs/turn.png --strip-from 4 --strip-to 6.4
	$(STRIP) "0:speed=2,dir=0;4:speed=0,dir=0" --strip docs/stop.png --strip-from 3.8 --strip-to 5.8
	$(STRIP) "0:speed=1,dir=0;3:speed=2.5,dir=60;5.5:speed=0" --strip docs/steering.png --strip-from 2 --strip-to 6.8
	$(VIEW) --controller exported/speed.onnx --goals "0:speed=5,dir=0" --strip docs/speed.png --strip-from 4.5 --strip-to 5.2
	$(VIEW) --controller exported/location.onnx --goals "0:speed=2,dir=20" --strip docs/location.png --strip-from 0.2
	$(VIEW) --controller exported/jump.onnx --goals "0:speed=1.5,dir=0;3:jump" --strip docs/jump.png --strip-from 3.1 --strip-to 4.7
	$(VIEW) --controller exported/steering_facing.onnx --goals "0:speed=1,dir=0;3:speed=1,dir=0,facing=90" \
		--strip docs/steering_facing.png --strip-from 2.5 --strip-to 5.5
	$(VIEW) --controller exported/walk.onnx --strip docs/walk.png --strip-from 3 --strip-to 4.1
	$(VIEW) --controller exported/run.onnx --strip docs/run.png --strip-from 3 --strip-to 3.8
	$(VIEW) --controller exported/spinkick.onnx --strip docs/spinkick.png --strip-from 1 --strip-to 2.4
	$(VIEW) --controller exported/cartwheel.onnx --strip docs/cartwheel.png --strip-from 0.2 --strip-to 2.4
	$(VIEW) --controller exported/backflip.onnx --strip docs/backflip.png --strip-from 1.5 --strip-to 3.1
	$(VIEW) --controller exported/crawl.onnx --strip docs/crawl.png --strip-from 2 --strip-to 4.6
	$(BIN)/python -m viewer --controller exported/steering.onnx --headless --seconds 21 --video-from 1 --fps 15 \
		--size 640x360 --trail --goals "$(DEMO)" --video docs/demo.webp
	$(BIN)/python -m viewer --controller exported/steering.onnx --characters 40 --headless --seconds 3 \
		--size 960x540 --goals "0:speed=2.5,dir=20" --screenshot docs/crowd.png

test: graphics check wheel-check ## The checks, the wheel and every test
	OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive $(BIN)/python -m pytest --durations=15 --timeout=600

docs: $(VENV)/for-docs ## Build the pages of docs/ into build/site; a broken link is an error
	@mkdir -p build
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --clean

fuzz: $(VENV)/for-test ## Spoil INPUTS inputs for each reader of files and messages, and count what becomes of them
	$(BIN)/python -m tests.fuzz --inputs $(INPUTS) --workers 2

check: $(VENV)/for-test ## Lint, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

format: $(VENV)/for-test ## Format the code and sort its imports
	$(BIN)/ruff check --quiet --select I --fix .
	$(BIN)/ruff format .

wheel-check: $(VENV)/made ## Build the wheel and use it alone, outside the repository: world, examples, viewer
	@rm -rf build/wheel && mkdir -p build/wheel
	$(BIN)/python -m pip wheel -qq --disable-pip-version-check --no-deps --wheel-dir build/wheel .
	$(BIN)/python -m venv build/wheel/venv
	build/wheel/venv/bin/python -m pip install -qq --disable-pip-version-check build/wheel/*.whl
	build/wheel/venv/bin/python -I tests/wheel_smoke.py
	build/wheel/venv/bin/python -m pip install -qq --disable-pip-version-check "$$(echo build/wheel/*.whl)[viewer]"
	cd build/wheel && venv/bin/python -I -m viewer --headless --seconds 1 --screenshot viewer.png

# one picture without a screen: where OpenGL is missing, the viewer says what to install
graphics: $(VENV)/for-run
	@mkdir -p build
	@$(BIN)/python -m viewer --headless --seconds 0.1 --strip-poses 1 --strip build/graphics.png >build/graphics.log

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { echo "$(PYTHON) is not \
	Python 3.11, 3.12 or 3.13; name one that is with PYTHON=PATH" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments; on Debian \
	or Ubuntu: apt-get update && apt-get install -y python3-venv" >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/for-run: $(VENV)/made pyproject.toml
	@echo "Installing the runtime and the viewer into $(VENV) (once)"
	@$(INSTALL) --editable ".[viewer]"
	@touch $@

$(VENV)/for-docs: $(VENV)/made pyproject.toml
	@echo "Installing what builds the pages into $(VENV) (once)"
	@$(INSTALL) --editable ".[docs]"
	@touch $@

$(VENV)/for-test: $(VENV)/for-run
	@echo "Installing $(TORCH), then training and its tools into $(VENV) (once)"
	@$(INSTALL) "$(TORCH)"
	@$(INSTALL) --editable ".[viewer,train,dev]"
	@touch $@
