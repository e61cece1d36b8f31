# make rollout TASK=sweeping SEED=1   the whole loop: set-up (once), photos, dream, track, plan, motion, verdict
# make test                           set-up (once), then style, types and all tests
# make help                           what else there is

PYTHON ?= python3
TASK ?= sweeping
SEED ?= 1
arguments = $(foreach name,ROBOT GENERATOR TRACKER PLANNER,$(if $($(name)),$(shell echo $(name) | tr A-Z a-z):=$($(name))))

.PHONY: help setup rollout test lint bench-tasks bench-all train-small picture clean
.DEFAULT_GOAL := help

help:  ## say what there is
	@sed -nE 's/^([a-z%-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

setup:  ## make .venv: libraries, ROS's wheels, messages, our packages; does only what is missing
	@$(PYTHON) scripts/set_up.py

rollout: setup  ## one rollout: TASK=sweeping SEED=1 [ROBOT= GENERATOR= TRACKER= PLANNER=]
	@.venv/bin/dreamitate rollout task:=$(TASK) seed:=$(SEED) $(arguments)

lint: setup  ## style (ruff) and types (mypy)
	@.venv/bin/ruff check --quiet
	@.venv/bin/ruff format --check --quiet
	@.venv/bin/mypy src scripts test

test: lint  ## lint, then all tests
	@.venv/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

bench-tasks: setup  ## the paper's table of one task: TASK=sweeping [GENERATOR=replay] [SEEDS=0-39]
	@.venv/bin/dreamitate bench tasks --task $(TASK) --generator $(or $(GENERATOR),svd) --seeds $(or $(SEEDS),0-39)

bench-all: setup  ## all tasks by replay, dream and Diffusion Policy: runs/bench/report.md; goes on where it stopped [ARGS=]
	@.venv/bin/dreamitate bench tasks --all $(ARGS)

bench-%: setup  ## any other measurement of the README: make bench-plan ARGS="--robot xarm7"
	@.venv/bin/dreamitate bench $* $(ARGS)

train-small: setup  ## render, train, export the small model of a task: TASK=sweeping [CLIPS=4000] [MINUTES=90]; goes on where it stopped
	@.venv/bin/dreamitate demonstrate --task $(TASK) --count $(or $(CLIPS),4000) --seed 100000 --width 432 --height 252 \
		--out runs/demonstrations/$(TASK)
	@.venv/bin/dreamitate train --task $(TASK) --data runs/demonstrations/$(TASK) --out runs/train/$(TASK) \
		--minutes $(or $(MINUTES),90)
	@mkdir -p models/$(TASK) && cp -r runs/train/$(TASK)/model/. models/$(TASK)/

picture: setup  ## docs/loop.png, the README's picture, of a whole rollout: RUN=runs/... (default: the newest)
	@.venv/bin/python -m dreamitate_bench.picture $(or $(RUN),$(lastword $(sort $(wildcard runs/*Z_*)))) docs/loop.png

clean:  ## remove what set-up and builds left (.venv, build, install, log); runs/ stays
	rm -rf .venv build install log .mypy_cache .ruff_cache
