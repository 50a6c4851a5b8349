# make help lists the targets. Needs Python 3.10 to 3.14 with venv and pip, and nothing else;
# ROS 2 is used where it is sourced, and otherwise installed as wheels.

PYTHON ?= python3
ARGS ?=

# One environment for what runs on a robot, one with all that tests need; apart for sourced ROS.
ROS := $(if $(ROS_DISTRO),-$(ROS_DISTRO))
DEMO_ENV := .venv-demo$(ROS)
TEST_ENV := .venv-test$(ROS)
DEMO_PYTHON := $(DEMO_ENV)/bin/python
TEST_PYTHON := $(TEST_ENV)/bin/python

DEMO_LISTS := runtime ros
TEST_LISTS := torch runtime onnxruntime ros train pretrained test
files = $(1:%=requirements/%.txt)

export PYTHON
LONG_BENCHMARKS := benchmarks/bench_faults.py benchmarks/bench_damage.py benchmarks/bench_hostile.py benchmarks/bench_time.py \
  benchmarks/bench_flood.py

.PHONY: help demo lint test check format bench bench-engines bench-faults bench-damage bench-time bench-hostile \
  bench-flood soak clean
.DEFAULT_GOAL := help

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/:/' | column -t -s: \
	  || grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST)

demo: $(DEMO_ENV)/.ready ## play the 40-second demo; results in out/demo (ARGS="--help" for more)
	@$(DEMO_PYTHON) -m mm_robust_seg.cli demo $(ARGS)

lint: $(TEST_ENV)/.ready-dev ## check format, style, types and import contracts
	$(TEST_PYTHON) -m ruff format --check
	$(TEST_PYTHON) -m ruff check
	$(TEST_PYTHON) -m mypy
	$(TEST_ENV)/bin/lint-imports

test: $(TEST_ENV)/.ready ## run all tests that need no GPU (ARGS="test/ros -k name" for some)
	@$(TEST_PYTHON) -m pytest -m "not gpu" $(ARGS)

check: lint test ## what every change must pass: lint, then test

format: $(TEST_ENV)/.ready-dev ## format the code and sort its imports
	$(TEST_PYTHON) -m ruff check --select I --fix
	$(TEST_PYTHON) -m ruff format

bench: $(TEST_ENV)/.ready ## run all short benchmarks; results in out/bench
	@for file in $(filter-out $(LONG_BENCHMARKS),$(wildcard benchmarks/bench_*.py)); do \
	  echo "== $$file"; PYTHONPATH=. $(TEST_PYTHON) "$$file" || exit 1; \
	done

bench-engines: $(TEST_ENV)/.ready ## measure inference engines, 4 min on a quiet machine (ARGS="--bundle mm5")
	@$(TEST_PYTHON) -m benchmarks.bench_engines $(ARGS)

bench-faults: $(TEST_ENV)/.ready ## measure how faults are found, 40 min (ARGS="--trials 10 --clean-s 60" for 11)
	@$(TEST_PYTHON) -m benchmarks.bench_faults $(ARGS)

bench-damage: $(TEST_ENV)/.ready ## measure how damage of real road images is found (ARGS="--data MSRS_FOLDER")
	@$(TEST_PYTHON) -m benchmarks.bench_damage $(ARGS)

bench-time: $(TEST_ENV)/.ready ## measure cameras of other rates and latencies, 2 min (ARGS="--help")
	@$(TEST_PYTHON) -m benchmarks.bench_time $(ARGS)

bench-hostile: $(TEST_ENV)/.ready ## give the commands 600 hostile files, 10 min (ARGS="--count 60" for some)
	@$(TEST_PYTHON) -m benchmarks.bench_hostile $(ARGS)

bench-flood: $(TEST_ENV)/.ready ## measure what a camera gone wild costs the others, 9 min (ARGS="--help")
	@$(TEST_PYTHON) -m benchmarks.bench_flood --flood-s 60 $(ARGS)

soak: $(TEST_ENV)/.ready ## run the node under random faults for 20 min (ARGS="--minutes 5", ARGS="--busy 2" under load)
	@$(TEST_PYTHON) -m benchmarks.soak $(ARGS)

clean: ## remove environments, results and caches
	rm -rf .venv-demo* .venv-test* out build install log .pytest_cache .mypy_cache .ruff_cache \
	  .hypothesis .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(DEMO_ENV)/.ready: requirements/install.sh $(call files,$(DEMO_LISTS))
	@requirements/install.sh $(DEMO_ENV) $(DEMO_LISTS) && touch $@

$(TEST_ENV)/.ready: requirements/install.sh $(call files,$(TEST_LISTS))
	@requirements/install.sh $(TEST_ENV) $(TEST_LISTS) && touch $@

$(TEST_ENV)/.ready-dev: $(TEST_ENV)/.ready requirements/dev.txt
	@requirements/install.sh $(TEST_ENV) dev && touch $@
