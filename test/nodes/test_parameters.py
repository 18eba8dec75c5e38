# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What is read at the start alone cannot be set later."""

from typing import Any

import pytest
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter

pytestmark = pytest.mark.ros


def test_a_simulated_robot_refuses_what_it_would_ignore(system: Any) -> None:
    system.spawn('sim_robot', embodiment='sim_planar')
    faster = Parameter('real_time_factor', value=2.0)
    request = SetParameters.Request(parameters=[faster.to_parameter_msg()])
    answer = system.call(SetParameters, 'sim_robot/set_parameters', request)
    assert not answer.results[0].successful
    assert 'read-only' in answer.results[0].reason
