# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What is read at the start alone cannot be set later."""

from typing import Any

import pytest
from rclpy.parameter import Parameter

from hma_ros.nodes.bag_recorder_node import BagRecorderParameters
from hma_ros.nodes.sim_robot_node import SimRobotParameters
from hma_ros.ros.parameters import declare

pytestmark = pytest.mark.ros


@pytest.mark.parametrize('kind', [SimRobotParameters, BagRecorderParameters])
def test_a_parameter_that_would_be_ignored_is_refused(bench: Any, kind: type) -> None:
    declare(bench.node, kind, read_only=True)
    (answer,) = bench.node.set_parameters([Parameter('embodiment', value='sim_planar')])
    assert not answer.successful
    assert 'read-only' in answer.reason
