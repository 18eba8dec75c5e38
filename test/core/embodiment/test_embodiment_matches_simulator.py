# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The simulated robots' files say what the simulator does: one cannot be changed alone."""

import numpy as np
import pytest

from hma_ros.core.embodiment import load_embodiment
from hma_ros.sim.franka import FrankaPick
from hma_ros.sim.planar import PlanarPush
from hma_ros.sim.simulation import Task
from hma_ros.sim.so101 import So101Reach
from hma_ros.sim.ur5e import Ur5ePush


@pytest.mark.parametrize('task', [FrankaPick, Ur5ePush, So101Reach, PlanarPush])
def test_file_and_simulator_agree(task: type[Task]) -> None:
    spec = load_embodiment(task.name)
    assert spec.rates.control_hz == task.control_hz
    assert spec.rates.stride == task.stride
    assert spec.action.names == task.action_names
    assert spec.state.joints == task.joint_names
    assert spec.action.is_delta == task.delta
    np.testing.assert_allclose([spec.limits.lower, spec.limits.upper], task.limits)


@pytest.mark.parametrize('task', [FrankaPick, Ur5ePush])
def test_increments_are_bounded_as_in_the_simulator(task: type[Task]) -> None:
    action, width = load_embodiment(task.name).action, len(task.max_step)
    np.testing.assert_allclose(action.upper[:width], task.max_step)
    np.testing.assert_allclose(action.lower[:width], -task.max_step)


@pytest.mark.parametrize('task', [FrankaPick, Ur5ePush, So101Reach, PlanarPush])
def test_guard_leaves_the_simulated_robot_its_speed(task: type[Task]) -> None:
    speed = task.max_step * task.control_hz
    assert (np.array(load_embodiment(task.name).limits.velocity) >= speed - 1e-9).all()
