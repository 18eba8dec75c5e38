# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The tool pose: what is no pose is refused with a reason."""

from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped

from hma_ros.core.embodiment import load_embodiment
from hma_ros.ros.qos import SENSOR_OUT
from hma_ros.ros.robot_state import RobotState

pytestmark = pytest.mark.ros
FRANKA = load_embodiment('sim_franka')
assert FRANKA.state.pose is not None
POSE = FRANKA.state.pose


def test_quaternion_must_have_norm_one(bench: Any) -> None:
    faults: list[str] = []
    state = RobotState(bench, FRANKA, faults.append, lambda: None)
    poses = bench.world.create_publisher(PoseStamped, POSE.topic, SENSOR_OUT)
    message = PoseStamped()
    message.header.frame_id = POSE.frame_id
    message.pose.orientation.w = 0.9

    def until(condition: Any, what: str) -> None:
        def publish_and_look() -> bool:
            poses.publish(message)
            return bool(condition())

        bench.until(publish_and_look, what)

    until(lambda: faults, 'the refusal')
    assert 'expected a quaternion of norm 1, got norm 0.9' in faults[0]
    assert state.quat_xyzw is None
    assert state.measured(0)[0] is None
    message.pose.orientation.w = 1.001
    until(lambda: state.quat_xyzw is not None, 'the orientation')
    np.testing.assert_array_equal(state.measured(0)[0], np.zeros(3))
