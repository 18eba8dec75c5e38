# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A short run of the fault benchmark: no command outside the limits, none stale, all recover."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from benchmarks.faults import __main__ as benchmark
from benchmarks.faults import in_process, over_dds
from benchmarks.faults.catalogue import FAULTS
from benchmarks.faults.dds_faults import DDS_FAULTS
from benchmarks.faults.loop import Loop
from benchmarks.faults.outcome import Outcome
from benchmarks.faults.robots import ROBOTS, rest_of, robot_file
from benchmarks.faults.unstamped import UnstampedWire
from benchmarks.faults.wire import SimulatedTime, Wire, Worst
from hma_ros.core.control.axes import Axes, axes_of
from hma_ros.core.control.guard import Guard
from hma_ros.core.embodiment import load_embodiment

ROOT = Path(__file__).parents[2]


def failures(outcomes: Iterable[Outcome]) -> list[str]:
    return [
        f'{item.robot}: {item.name}: {item.worst}, stale {set(item.stale)}, '
        f'recovered {item.recovered}'
        for item in outcomes
        if not item.passed
    ]


@pytest.mark.parametrize('robot', ROBOTS)
def test_faults_in_process(robot: str) -> None:
    count = len(FAULTS) + len(in_process.ONLY_HERE)
    outcomes = list(in_process.run_robot(robot, count + 5, seed=1))
    assert failures(outcomes) == []
    assert len({item.name for item in outcomes}) == count


@pytest.mark.ros
@pytest.mark.parametrize(('robot', 'count'), [('franka', 15), ('kinova, continuous', 12)])
def test_faults_of_a_real_process(robot: str, count: int, ros_context: object) -> None:
    # These take long: the benchmark has them.
    slow = {
        'twenty short gaps of a sagging arm',
        'state late twenty times',
        'output is not read',
        'robot moved by hand',
    }
    names = sorted({*FAULTS, *DDS_FAULTS} - slow)
    outcomes = list(over_dds.run_robot(robot, count, 1, ros_context, names))
    assert failures(outcomes) == []


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(SystemExit, match="--only: got 'robot melts', expected one of: .*~/stop"):
        benchmark.main(['--only', '~/stop', 'robot melts'])


@pytest.fixture
def axes() -> Axes:
    return axes_of(load_embodiment('sim_so101'))


def _moves(axes: Axes, steps: int, share: float) -> list[np.ndarray]:
    """Return positions that move at a share of the velocity limit."""
    return [axes.velocity * share * 0.01 * step for step in range(steps)]


@pytest.mark.parametrize('share', [0.9, 1.5])
def test_the_judge_measures_velocity(axes: Axes, share: float) -> None:
    wire = Wire(axes)
    for step, position in enumerate(_moves(axes, 20, share)):
        wire.take(0.01 * step, position)
    assert wire.worst.velocity == pytest.approx(share)
    assert wire.worst.is_within == (share <= 1.0)


def test_the_judge_knows_the_time_over_a_step_of_the_clock_only_roughly(axes: Axes) -> None:
    def worst(unsure_s: float, has_step: bool) -> Worst:
        wire = Wire(axes)
        for step, position in enumerate(_moves(axes, 20, 0.9)):
            if step == 10 and has_step:
                wire.step()
            wire.take(0.01 * step + (unsure_s if step >= 10 else 0.0), position)
        return wire.worst

    steady = worst(0.0, has_step=False)
    # The first command of the motion changes the velocity most.
    assert worst(0.4e-3, has_step=True).velocity == pytest.approx(steady.velocity)
    assert worst(0.4e-3, has_step=True).acceleration == pytest.approx(steady.acceleration)
    assert worst(-0.4e-3, has_step=False).velocity > steady.velocity
    assert worst(-2e-3, has_step=True).velocity > steady.velocity


@pytest.mark.parametrize('stamp_ms', [1990, 2010, 2050])
@pytest.mark.parametrize(
    ('ends_ms', 'passed_ms'), [([2000], 10), ([2300], 310), ([2300, 70], 380)]
)
def test_the_judge_sees_that_a_simulation_began_anew(
    ends_ms: list[int], passed_ms: int, stamp_ms: int
) -> None:
    time = SimulatedTime(period_s=0.01)
    assert time.passed_s(1990 * 1_000_000) == 0.0
    for ms in ends_ms:
        time.hear(ms * 1_000_000)
    for ms in range(30, stamp_ms, 10):
        time.hear(ms * 1_000_000)
    # Though stamps are much the same, all the time of the new simulation has passed.
    assert time.passed_s(stamp_ms * 1_000_000) == pytest.approx((passed_ms + stamp_ms) / 1000)
    assert time.passed_s((stamp_ms + 10) * 1_000_000) == pytest.approx(
        (passed_ms + stamp_ms + 10) / 1000
    )


@pytest.mark.parametrize('passed_s', [0.2, 0.99, 1.0, 3.0])
def test_the_judge_measures_how_often_a_gripper_changes(passed_s: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        loop = Loop(
            load_embodiment(str(robot_file('franka', Path(folder)))), np.random.default_rng(0)
        )
    loop.wire.fresh_worst()
    for time_s in (10.0, 10.05):
        loop._judge_gripper(0.08, time_s)
    loop._judge_gripper(0.0, 10.0 + passed_s)
    assert loop.wire.worst.gripper == pytest.approx(1.0 / passed_s)
    assert loop.wire.worst.is_within == (passed_s >= 1.0)


def _sent(axes: Axes, delays_s: np.ndarray, share: float = 1.0) -> Worst:
    """Judge a motion whose commands are sent late."""
    guard, wire, sent_s = Guard(axes, 0.005), UnstampedWire(axes, 0.01), 10.0
    position = guard.place(axes.lower, 0.01).position_X
    wire.sent(sent_s, position)
    for tick, delay_s in enumerate(delays_s):
        decided_s = max(10.01 + 0.01 * tick, sent_s + 0.005)
        elapsed_s = decided_s - sent_s
        goal = axes.upper if tick < len(delays_s) // 2 else position
        way = guard.follow(goal, np.zeros_like(goal), elapsed_s).position_X - position
        guard.delay(elapsed_s, delay_s)
        sent_s, position = decided_s + delay_s, position + share * way
        wire.sent(sent_s, position)
    return wire.fresh_worst()


def test_without_stamps_late_commands_are_within_the_limits(axes: Axes) -> None:
    slow = replace(axes, acceleration=4.0 * axes.velocity)
    delays_s = np.random.default_rng(0).choice([0.0002, 0.002, 0.009, 0.025], 60)
    assert _sent(slow, delays_s).is_within


@pytest.mark.parametrize(('share', 'is_within'), [(1.0, True), (1.2, False)])
def test_without_stamps_speed_is_judged(axes: Axes, share: float, is_within: bool) -> None:
    worst = _sent(axes, np.zeros(60), share)
    assert (worst.velocity <= 1.0) == is_within


def test_a_command_sent_twice_at_once_is_outside_without_stamps(axes: Axes) -> None:
    wire = UnstampedWire(axes, 0.01)
    for step in range(20):
        wire.sent(
            10.0 + 0.01 * step - (0.009 if step == 11 else 0.0), axes.velocity * 0.008 * step
        )
    assert wire.fresh_worst().velocity > 2.0


def test_a_change_of_velocity_too_quick_is_outside_without_stamps(axes: Axes) -> None:
    axes = replace(axes, acceleration=4.0 * axes.velocity)
    wire = UnstampedWire(axes, 0.01)
    for step in range(20):
        wire.sent(10.0 + 0.01 * step, axes.velocity * 0.005 * max(step - 10, 0))
    assert wire.fresh_worst().acceleration > 2.0


def test_a_jump_is_outside_without_stamps_too(axes: Axes) -> None:
    wire = UnstampedWire(axes, 0.01)
    for step in range(20):
        wire.sent(10.0 + 0.01 * step, axes.velocity * (0.1 if step > 10 else 0.0))
    assert wire.fresh_worst().velocity > 2.0


def test_the_command_writes_totals_and_every_fault(tmp_path: Path) -> None:
    out = tmp_path / 'faults.json'
    command = [sys.executable, '-m', 'benchmarks.faults', '--robot', 'ur5e', '--out', str(out)]
    command += ['--in-process', '40', '--over-dds', '0', '--stack', '0']
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    facts = json.loads(out.read_text())
    assert facts['injected'] == 40 == sum(item['count'] for item in facts['faults'])
    assert (facts['over_dds'], facts['outside_limits'], facts['stale']) == (0, 0, 0)
    assert {item['verdict'] for item in facts['faults']} == {'passed'}
    assert all(item['name'] == 'faults' for item in facts['results'])
    assert '--in-process 40 --over-dds 0' in facts['command']


def test_the_safety_page_names_faults_that_there_are() -> None:
    page = (ROOT / 'docs' / 'explanation' / 'safety.md').read_text()
    table = page.split('| promise |')[1].split('\n\n')[0]
    named = set(re.findall(r'\*([^*]+)\*', table))
    assert len(named) > 30
    assert named <= benchmark.known_faults()


def test_the_judge_refuses_a_trajectory_that_ends_in_motion() -> None:
    point = JointTrajectoryPoint(positions=[1.0], velocities=[0.0])
    moving = JointTrajectoryPoint(positions=[1.0], velocities=[0.1])
    assert rest_of(JointTrajectory(points=[moving, point])) == pytest.approx([1.0])
    assert rest_of(JointTrajectory(points=[point, moving])) == pytest.approx([np.inf])
    assert rest_of(PoseStamped()) is None
