# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Thousands of faults in one process: the executor's own state machine on simulated clocks."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.faults.bench import NS
from benchmarks.faults.catalogue import FAULTS, Fault, chosen
from benchmarks.faults.loop import Loop
from benchmarks.faults.outcome import Outcome, injected
from benchmarks.faults.robots import robot_file
from hma_ros.core.control.decision import State
from hma_ros.core.embodiment import load_embodiment

# A loop runs so long, so that faults meet the state left by earlier ones.
_FAULTS_OF_A_LOOP = 25
PHASES = ('starting', 'tracking', 'holding', 'braking', 'lost', 'stopped')


def clock_back(loop: Loop) -> None:
    """ROS time steps back."""
    loop.offset_ns -= round(loop.rng.uniform(0.1, 20.0) * NS)
    loop.run(0.3)


def clock_forward(loop: Loop) -> None:
    """ROS time steps forward."""
    loop.offset_ns += round(loop.rng.uniform(0.1, 20.0) * NS)
    loop.run(0.3)


def clock_drifts(loop: Loop) -> None:
    """ROS time is corrected by less than a jump, again and again."""
    for _ in range(10):
        loop.offset_ns += round(loop.rng.uniform(-0.09, 0.09) * NS)
        loop.run(0.05)


def late_ticks(loop: Loop) -> None:
    """The timer comes late now and then."""
    for _ in range(10):
        loop.step(round(loop.rng.uniform(0.0, 0.2) * NS))
        loop.run(loop.rng.uniform(0.0, 0.1))


def jitter(loop: Loop) -> None:
    """The timer comes early and late in turns."""
    for index in range(20):
        part = loop.rng.uniform(0.0, 0.99) * (-1.0 if index % 2 else 1.0)
        loop.step(round(part * loop.period_ns))


def pause(loop: Loop) -> None:
    """Nothing runs for a while, as after SIGSTOP."""
    loop.step(round(loop.rng.uniform(0.2, 5.0) * NS))
    loop.run(0.1)


def silent_model(loop: Loop) -> None:
    """The heartbeat of the model ends."""
    if loop.executor is not None:
        loop.executor.interrupt('the model is silent')
    loop.has_policy = False
    loop.run(0.5)


ONLY_HERE: dict[str, Fault] = {
    'clock steps back': Fault('clock', clock_back),
    'clock steps forward': Fault('clock', clock_forward),
    'clock is corrected': Fault('clock', clock_drifts),
    'ticks come late': Fault('clock', late_ticks),
    'ticks jitter': Fault('clock', jitter),
    'nothing runs for seconds': Fault('clock', pause),
    'heartbeat of the model ceases': Fault('model', silent_model, stops=True),
}


def reach(loop: Loop, phase: str) -> None:
    """Bring the executor into a phase, as far as that is possible."""
    if phase == 'starting':
        loop.deactivate()
        loop.activate()
        loop.run(loop.rng.integers(1, 8) * loop.period_s)
    elif phase == 'tracking':
        loop.run(loop.rng.uniform(0.02, 0.3))
    elif phase == 'holding':
        loop.holds()
        loop.has_policy = True
    elif phase == 'stopped':
        loop.stop()
        loop.run(loop.rng.integers(1, 20) * loop.period_s)
    else:
        _lose(loop, State.BRAKING if phase == 'braking' else State.LOST)


def _lose(loop: Loop, state: State) -> None:
    loop.tap_state = lambda _: []
    for _ in range(round(0.6 / loop.period_s)):
        if loop.executor is None or loop.executor.state in (state, State.LOST):
            break
        loop.step()


def run_robot(name: str, count: int, seed: int, names: Collection[str] = ()) -> Iterator[Outcome]:
    """
    Inject faults into a robot's executor, each in a phase of its own.

    :param names: of the faults; default all.
    """
    faults = chosen({**FAULTS, **ONLY_HERE}, names)
    if not faults:
        return
    with tempfile.TemporaryDirectory() as folder:
        spec = load_embodiment(str(robot_file(name, Path(folder))))
    loop: Loop | None = None
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        if loop is None or index % _FAULTS_OF_A_LOOP == 0:
            loop = Loop(spec, rng)
            loop.moves_within(3.0)
        loop.rng = rng
        title, fault = faults[index % len(faults)]
        phase = PHASES[int(rng.integers(len(PHASES)))]
        yield (outcome := injected(loop, title, fault, name, partial(reach, loop, phase)))
        if not outcome.recovered:
            loop = None
