# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Faults against real executor processes over DDS."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.faults.catalogue import FAULTS, chosen
from benchmarks.faults.dds_faults import DDS_FAULTS, SIMULATED_CLOCK_FAULTS, SYSTEM_CLOCK_FAULTS
from benchmarks.faults.gripper_faults import GRIPPER_FAULTS
from benchmarks.faults.outcome import Outcome, injected
from benchmarks.faults.processes import System
from benchmarks.faults.rig import Rig
from benchmarks.faults.robots import robot_file
from benchmarks.faults.system_clock import SystemClock
from hma_ros.core.embodiment import EmbodimentSpec, load_embodiment

_START_S = 30.0
PHASES = ('starting', 'tracking', 'tracking', 'holding', 'lost', 'stopped')
# In every second round time is a /clock, for robots whose commands carry a time: otherwise nothing
# says what time a command is for.
_SIMULATED_ROUND = 2


def reach(rig: Rig, phase: str) -> None:
    """Bring the executor into a phase."""
    if phase == 'starting':
        rig.deactivate()
        rig.activate()
        rig.run(rig.rng.integers(1, 8) * rig.period_s)
    elif phase == 'tracking':
        rig.run(rig.rng.uniform(0.02, 0.3))
    elif phase == 'holding':
        rig.holds()
        rig.has_policy = True
    elif phase == 'stopped':
        rig.stop()
        rig.run(rig.rng.integers(1, 20) * rig.period_s)
    else:
        rig.tap_state = lambda _: []
        rig.run(rig.spec.state.max_age_s + rig.rng.uniform(0.0, 0.2))


def run_robot(
    name: str, count: int, seed: int, context: Any, names: Collection[str] = ()
) -> Iterator[Outcome]:
    """
    Inject faults into a robot's executor process.

    :param context: an initialised ``rclpy.Context``.
    :param names: of the faults; default all.
    """
    with tempfile.TemporaryDirectory() as folder:
        system = System(Path(folder), context)
        clock = None
        try:
            clock = SystemClock(Path(folder))
            system.environment.update(clock.environment)
        except RuntimeError as error:
            print(f'faults of the system clock are left out: {error}', file=sys.stderr)
        try:
            spec = load_embodiment(str(robot_file(name, Path(folder))))
            yield from _run(system, spec, clock, name, count, seed, names)
        finally:
            system.close()


def _run(
    system: System,
    spec: EmbodimentSpec,
    clock: SystemClock | None,
    name: str,
    count: int,
    seed: int,
    names: Collection[str],
) -> Iterator[Outcome]:
    has_time = spec.commands[0].interface != 'forward_position'
    set_clocks = SYSTEM_CLOCK_FAULTS if has_time and clock is not None else {}
    of_gripper = GRIPPER_FAULTS if spec.gripper and spec.gripper.takes_goals else {}
    plain = chosen({**FAULTS, **DDS_FAULTS, **of_gripper, **set_clocks}, names)
    simulated = chosen({**FAULTS, **SIMULATED_CLOCK_FAULTS}, names)
    if not (plain or simulated):
        return
    done = round_number = 0
    while done < count:
        round_number += 1
        is_simulated = has_time and round_number % _SIMULATED_ROUND == 0
        faults = simulated if is_simulated else plain
        if not faults:
            continue
        rng = np.random.default_rng([seed, round_number])
        order = rng.permutation(len(faults))[: count - done]
        rig = Rig(system, spec, rng, is_simulated, clock)
        try:
            rig.moves_within(_START_S)
            for index in order:
                title, fault = faults[index]
                phase = PHASES[int(rng.integers(len(PHASES)))]
                outcome = injected(rig, title, fault, name, partial(reach, rig, phase))
                yield outcome
                done += 1
                if not outcome.recovered:
                    break
        finally:
            rig.close()
