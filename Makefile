# Everything a developer runs. On a machine with ROS 2 use rosdep and colcon instead of setup.
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell command -v $(name))))
BIN := .venv/bin
# Without a trained model, a simulator or whole processes of nodes.
QUICK := test/core test/ros test/cli/checks test/test_packaging
# Tests of one file share a process; one process for each core of a small machine. By itself xdist
# begins with the files of most tests, and files of few, slow tests would be left for the end.
WORKERS ?= 2
# One thread for each process: threads that wait for each other make a full machine slow.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile \
  --no-loadscope-reorder
# As qemu names them. The first has all instructions, the last none for dot products, so that it
# skips the tests of neon.
ARM_CPUS ?= max cortex-a76 cortex-a72
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo test test-quick lint format pytest fuzz bench train clean test-native test-native-arm

help: ## print the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: ## make .venv with ROS 2 from wheels and this package (what the robot and the demo need)
	@$(PYTHON) scripts/setup_env.py runtime

setup-dev: ## the same, with torch and the tools of the tests
	@$(PYTHON) scripts/setup_env.py dev

demo: setup ## the main job on a simulated Franka; images in demo/
	@$(BIN)/hma run demo

test: setup-dev lint pytest ## all checks and tests

test-quick: setup-dev lint ## all checks and the tests that are fast
	$(PYTEST) $(QUICK)

lint: setup-dev ## formatting, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: setup-dev ## put the sources into the form that lint wants
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

pytest: setup-dev ## the tests only (WORKERS=2 processes)
	$(PYTEST)

test-native: ## the tests of native/ under sanitizers of addresses, undefined behaviour and threads
	for kinds in address,undefined thread; do \
	  folder=build/native-$${kinds%%,*}; \
	  cmake -S native -B $$folder -DHMA_ROS_NATIVE_TESTS=ON -DHMA_ROS_SANITIZE=$$kinds && \
	  cmake --build $$folder && ctest --test-dir $$folder --output-on-failure || exit 1; \
	done

test-native-arm: ## those for ARM, emulated (apt: g++-aarch64-linux-gnu qemu-user)
	cmake -S native -B build/native-arm -DHMA_ROS_NATIVE_TESTS=ON \
	  -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
	  -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ \
	  '-DCMAKE_CROSSCOMPILING_EMULATOR=qemu-aarch64;-L;/usr/aarch64-linux-gnu'
	cmake --build build/native-arm
	for cpu in $(ARM_CPUS); do \
	  echo $$cpu; QEMU_CPU=$$cpu ctest --test-dir build/native-arm --output-on-failure || exit 1; \
	done

fuzz: setup-dev ## a million fuzz cases of parsers and converters, others each day (hours)
	HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest test/fuzz --timeout=0 --hypothesis-seed=$$(date +%Y%m%d)

bench: setup-dev ## measure speed, latency and prediction, and write the tables (half an hour)
	@$(BIN)/python -m benchmarks

train: setup-dev ## make a bundle like the shipped one: episodes, training, export (hours; resumes)
	@$(BIN)/hma train all --out runs/hma_sim --bundle models/hma_sim

clean: ## remove .venv, builds, caches, log/ and out/; demo/, data/ and runs/ stay
	rm -rf .venv build install log out .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
