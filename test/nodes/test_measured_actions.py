# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Nobody reports what is executed: the world model takes it from the robot's own states."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Float64MultiArray

from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.embodiment.spec import EmbodimentSpec
from hma_ros.msg import PredictedRollout
from hma_ros.network.paper.config import Meaning, TimePositions
from hma_ros.ros.image_msg import from_rgb
from hma_ros.ros.joint_state_msg import from_positions
from hma_ros.ros.qos import COMMAND, SENSOR_OUT
from hma_ros.ros.stamps import to_stamp

pytestmark = pytest.mark.ros
MS = 1_000_000
STATE_MS, FRAME_MS = 20, 100


def counts(system: Any) -> dict[str, int]:
    """Return how often actions were reported, measured and unknown."""
    if '/diagnostics' not in system.last:
        return {}
    values = {item.key: item.value for item in system.last['/diagnostics'].status[0].values}
    kinds = ('reported', 'measured', 'unknown')
    return {kind: int(values.get(f'{kind} actions', 0)) for kind in kinds}


def test_a_robot_driven_by_somebody_else_is_imagined_to_go_on(
    system: Any, make_paper_bundle: Callable[..., Path]
) -> None:
    planar = load_embodiment('sim_planar')
    common = {'embodiment': 'sim_planar', 'use_sim_time': True, 'autostart': True}
    system.watch(PredictedRollout, '/world_model/prediction')
    system.watch(DiagnosticArray, '/diagnostics')
    commands = system.node.create_publisher(Float64MultiArray, planar.commands[0].topic, COMMAND)
    system.spawn('sim_robot', embodiment='sim_planar', real_time_factor=0.1)
    # A model of video alone, which must be given every action.
    bundle = make_paper_bundle(
        meaning=Meaning.UPSTREAM, time=TimePositions.LEARNED, predict_actions=False
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


class Robot:
    """The driver of a real robot that is moved by hand: states and pictures on time."""

    def __init__(self, system: Any, spec: EmbodimentSpec) -> None:
        self._node, self._spec = system.node, spec
        self._images = self._node.create_publisher(Image, spec.camera.topic, SENSOR_OUT)
        source = spec.state.sources[0]
        self._joints = self._node.create_publisher(JointState, source.topic, SENSOR_OUT)
        gripper, pose = spec.gripper, spec.state.pose
        if gripper is not None and gripper.joint_topic is not None:
            self._grippers = self._node.create_publisher(
                JointState, gripper.joint_topic, SENSOR_OUT
            )
        if pose is not None:
            self._poses = self._node.create_publisher(PoseStamped, pose.topic, SENSOR_OUT)
        self._frame = np.zeros((spec.camera.height, spec.camera.width, 3), np.uint8)
        # A camera may be faster than the model.
        self._frame_ms = min(round(1000 * spec.rates.frame_dt_s), FRAME_MS)
        self._begin_ns = self._next_ns = self._node.get_clock().now().nanoseconds
        self._node.create_timer(0.005, self._publish_due)

    def _publish_due(self) -> None:
        while self._next_ns <= self._node.get_clock().now().nanoseconds:
            self._publish(self._next_ns)
            self._next_ns += STATE_MS * MS

    def _publish(self, stamp_ns: int) -> None:
        since_ms = (stamp_ns - self._begin_ns) // MS
        travel = 0.01 * np.sin(since_ms / 1000)
        names = self._spec.state.sources[0].message_names
        # The arm in two messages on one topic, the gripper on another.
        self._send(self._joints, stamp_ns, names[:3], np.full(3, travel))
        self._send(self._joints, stamp_ns, names[3:], np.full(len(names) - 3, travel))
        if self._spec.gripper is not None and self._spec.gripper.joint is not None:
            self._send(self._grippers, stamp_ns, [self._spec.gripper.joint], np.array([0.04]))
        if self._spec.state.pose is not None:
            message = PoseStamped()
            message.header.stamp = to_stamp(stamp_ns)
            message.header.frame_id = self._spec.state.pose.frame_id
            message.pose.position.x = 0.5 + float(travel)
            self._poses.publish(message)
        if since_ms % self._frame_ms == 0:
            self._images.publish(from_rgb(self._frame, stamp_ns, 'camera'))

    def _send(self, publisher: Any, stamp_ns: int, names: Any, positions: np.ndarray) -> None:
        publisher.publish(from_positions(stamp_ns, names, positions, np.zeros(len(names))))


@pytest.mark.parametrize('robot', ['ur5e', 'franka'])
def test_in_shadow_a_real_robot_moved_by_hand_has_known_actions(
    system: Any, tiny_bundle: Path, robot: str
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
    Robot(system, load_embodiment(robot))
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
