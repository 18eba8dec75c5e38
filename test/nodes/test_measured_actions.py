# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Nobody reports what is executed: the world model takes it from the robot's own states."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from std_msgs.msg import Float64MultiArray

from hma_ros.core.embodiment import load_embodiment
from hma_ros.msg import PredictedRollout
from hma_ros.network.config import Compat, TimePositions
from hma_ros.ros.qos import COMMAND

pytestmark = pytest.mark.ros


def counts(system: Any) -> dict[str, int]:
    """Return how often actions were reported, measured and unknown."""
    if '/diagnostics' not in system.last:
        return {}
    values = {item.key: item.value for item in system.last['/diagnostics'].status[0].values}
    kinds = ('reported', 'measured', 'unknown')
    return {kind: int(values.get(f'{kind} actions', 0)) for kind in kinds}


def test_a_robot_driven_by_somebody_else_is_imagined_to_go_on(
    system: Any, make_random_bundle: Callable[..., Path]
) -> None:
    planar = load_embodiment('sim_planar')
    common = {'embodiment': 'sim_planar', 'use_sim_time': True, 'autostart': True}
    system.watch(PredictedRollout, '/world_model/prediction')
    system.watch(DiagnosticArray, '/diagnostics')
    commands = system.node.create_publisher(Float64MultiArray, planar.commands[0].topic, COMMAND)
    system.spawn('sim_robot', embodiment='sim_planar', real_time_factor=0.1)
    # A model of video alone, which must be given every action.
    bundle = make_random_bundle(
        compat=Compat.UPSTREAM, time=TimePositions.LEARNED, predict_actions=False
    )
    system.spawn(
        'world_model',
        bundle=str(bundle),
        horizon=2,
        threads=1,
        camera_timeout_s=300.0,
        executed_timeout_s=1.0,
        **common,
    )
    goal = [0.1, -0.05]

    def is_imagined_at_the_goal() -> bool:
        commands.publish(Float64MultiArray(data=goal))
        rollout = system.last.get('/world_model/prediction')
        return rollout is not None and np.allclose(
            np.reshape(rollout.actions, (-1, 2)), goal, atol=0.01
        )

    system.until(is_imagined_at_the_goal, 'the measured action in the rollout')
    system.until(lambda: counts(system).get('measured', 0) > 0, 'the count')
    assert counts(system)['reported'] == 0
    assert 'Traceback' not in system.log('world_model')


@pytest.mark.parametrize('robot', ['ur5e', 'franka'])
def test_in_shadow_a_real_robot_moved_by_hand_has_known_actions(
    system: Any, tiny_bundle: Path, robot: str, move_by_hand: Callable[[str], None]
) -> None:
    system.watch(DiagnosticArray, '/diagnostics')
    system.spawn(
        'world_model',
        embodiment=robot,
        bundle=str(tiny_bundle),
        horizon=0,
        threads=1,
        autostart=True,
        executed_timeout_s=0.15,
    )
    move_by_hand(robot)
    system.until(lambda: counts(system).get('measured', 0) >= 10, 'measured actions')
    found = counts(system)
    assert found['reported'] == 0
    assert found['unknown'] <= found['measured'] / 5


def test_in_shadow_the_simulated_arm_has_known_actions_gripper_included(
    system: Any, tiny_bundle: Path
) -> None:
    common = {'embodiment': 'sim_franka', 'use_sim_time': True, 'autostart': True}
    system.watch(DiagnosticArray, '/diagnostics')
    system.spawn('sim_robot', embodiment='sim_franka', real_time_factor=0.1)
    system.spawn(
        'world_model',
        bundle=str(tiny_bundle),
        horizon=0,
        threads=1,
        camera_timeout_s=300.0,
        executed_timeout_s=0.15,
        **common,
    )
    system.until(lambda: counts(system).get('measured', 0) >= 4, 'measured actions')
    assert counts(system)['unknown'] <= 1
