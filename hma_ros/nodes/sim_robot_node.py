# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A simulated robot with the topics of the real driver: the hardware of demos and tests."""

import math
import time
from concurrent import futures
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Bool, Float64MultiArray, String

from hma_ros.core.embodiment import CameraSpec, CommandSpec, load_embodiment
from hma_ros.core.errors import ConfigError, HmaError, MessageError
from hma_ros.core.settings import SCENES, SEED, Scene
from hma_ros.core.topics import CLOCK_TOPIC
from hma_ros.core.units import NS_PER_S
from hma_ros.nodes.sim_loop import SimLoop
from hma_ros.ros import qos_overrides
from hma_ros.ros.command_msg import message_type, read_targets
from hma_ros.ros.frame_broadcaster import FrameBroadcaster
from hma_ros.ros.image_msg import from_rgb
from hma_ros.ros.joint_state_msg import from_positions
from hma_ros.ros.lifecycle import run
from hma_ros.ros.parameters import declare, parameter, read
from hma_ros.ros.qos import COMMAND, LATCHED, REPORT, SENSOR_OUT
from hma_ros.ros.stamps import to_stamp
from hma_ros.sim.robot_tree import RobotTree
from hma_ros.sim.simulation import Task
from hma_ros.srv import ResetEpisode

_CAMERA_FRAME = 'camera_color_optical_frame'
_RESET_TIMEOUT_S = 60.0
# 25 times per second: as smooth as the images need it.
_FRAMES_NS = 40_000_000
_WARN_EVERY_S = 5.0
# How long another simulation is looked for, and how often.
_LOOK_S, _LOOK_PERIOD_S = 1.5, 0.05


@dataclass(frozen=True)
class SimRobotParameters:
    """Parameters of the simulated robot."""

    embodiment: str = parameter('', 'embodiment file, or the name of a shipped one')
    task: str = parameter('', 'task of the simulator; empty for the name of the embodiment')
    seed: int = SEED.field()
    real_time_factor: float = parameter(
        1.0, 'speed; 1 is real time, 0 is as fast as possible', 0.0, 100.0
    )
    scene: str = parameter(
        'fixed',
        'random: another light, other colours of table and floor, and sheets of paper on the '
        'table in each episode',
        choices=SCENES,
    )
    camera_hz: float = parameter(
        0.0, 'images per second; 0 for one per step of the model', 0.0, 100.0
    )
    image_scale: int = parameter(
        2,
        'images are rendered this many times smaller and enlarged, at a lower cost; `hma run` '
        'sets 2 if `camera.resize` is at most half of `camera.height`, else 1',
        1,
        4,
    )


class SimRobotNode(Node):
    """Publishes what the robot's driver publishes, and obeys what its controllers obey."""

    def __init__(self) -> None:
        super().__init__('sim_robot')
        declare(self, SimRobotParameters, read_only=True)
        given = self._given = read(self, SimRobotParameters)
        spec = self._spec = load_embodiment(given.embodiment)
        if not spec.simulated:
            raise ConfigError(
                f'{spec.path}: got the file of a real robot, expected one with simulated: true'
            )
        self._image_period_ns = round(NS_PER_S / (given.camera_hz or spec.rates.frame_hz))
        self._frame = 0
        self._success: bool | None = None
        self._tree: RobotTree | None = None
        self._check_image_scale()
        self._check_gripper()
        self._open_outputs()
        self._check_alone()
        self._loop = SimLoop(
            spec,
            given.task or spec.name,
            given.seed,
            given.real_time_factor,
            cast('Scene', given.scene),
            self._on_step,
        )
        self._loop.start()
        self._open_inputs()
        qos_overrides.warn_of_unused(self)
        self.get_logger().info(
            f'{given.task or spec.name}: episode {given.seed}, '
            f'{given.real_time_factor:g} of real time'
        )

    @property
    def failure(self) -> str | None:
        """Why the process must end; None while it need not."""
        error = self._loop.failure
        return None if error is None else f'the simulation ended: {type(error).__name__}: {error}'

    def close(self) -> None:
        """End the simulation."""
        self._loop.close()

    def _check_image_scale(self) -> None:
        camera, scale = self._spec.camera, self._given.image_scale
        if camera.height % scale or camera.width % scale:
            raise ConfigError(
                f'image_scale: got {scale}, expected a divisor of {camera.width} and '
                f'{camera.height}'
            )

    def _check_gripper(self) -> None:
        gripper = self._spec.gripper
        if gripper is not None and gripper.takes_goals:
            raise ConfigError(
                f'{self._spec.path}: gripper.interface: got {gripper.interface}, expected '
                'forward_position: the simulated robot takes no goals'
            )

    def _check_alone(self) -> None:
        """Refuse to begin beside another simulation: its nodes would see both clocks."""
        end_s = time.monotonic() + _LOOK_S
        while time.monotonic() < end_s and self.context.ok():
            if (count := self.count_publishers(CLOCK_TOPIC)) > 1:
                raise ConfigError(
                    f'{CLOCK_TOPIC}: got {count} publishers, expected this simulation alone; end '
                    'the other (a killed one stays visible for about 20 s), or give each its own '
                    'ROS_DOMAIN_ID'
                )
            time.sleep(_LOOK_PERIOD_S)

    def _open_outputs(self) -> None:
        spec = self._spec
        self._ticks = qos_overrides.publisher(self, Clock, CLOCK_TOPIC, REPORT)
        self._images = qos_overrides.publisher(self, Image, spec.camera.topic, SENSOR_OUT)
        self._infos = None
        if spec.camera.info_topic:
            self._infos = qos_overrides.publisher(
                self, CameraInfo, spec.camera.info_topic, SENSOR_OUT
            )
        self._joints = [
            qos_overrides.publisher(self, JointState, source.topic, SENSOR_OUT)
            for source in spec.state.sources
        ]
        self._poses = None
        if spec.state.pose:
            self._poses = qos_overrides.publisher(
                self, PoseStamped, spec.state.pose.topic, SENSOR_OUT
            )
        self._successes = qos_overrides.publisher(self, Bool, '~/success', LATCHED)
        self._descriptions = qos_overrides.publisher(self, String, 'robot_description', LATCHED)
        self._broadcaster = FrameBroadcaster(self)

    def _open_inputs(self) -> None:
        for index, command in enumerate(self._spec.commands):
            receive = partial(self._on_command, index, command)
            qos_overrides.subscription(
                self, message_type(command), command.topic, receive, COMMAND
            )
        gripper = self._spec.gripper
        if gripper is not None:
            qos_overrides.subscription(
                self, Float64MultiArray, gripper.name, self._on_gripper, COMMAND
            )
        self.create_service(ResetEpisode, '~/reset', self._on_reset)

    def _on_command(self, index: int, command: CommandSpec, message: Any) -> None:
        try:
            times_ns, targets = read_targets(command, message, self._loop.now_ns)
        except MessageError as error:
            self.get_logger().error(str(error), throttle_duration_sec=_WARN_EVERY_S)
            return
        self._loop.follow(index, times_ns, targets)

    def _on_gripper(self, message: Any) -> None:
        if len(message.data) == 1 and math.isfinite(message.data[0]):
            self._loop.set_gripper(message.data[0])
            return
        self.get_logger().error(
            f'gripper: got {list(message.data)}, expected one finite opening',
            throttle_duration_sec=_WARN_EVERY_S,
        )

    def _on_reset(self, request: Any, response: Any) -> Any:
        try:
            self._loop.reset(request.seed, _RESET_TIMEOUT_S)
        except (HmaError, futures.TimeoutError, ValueError) as error:
            response.message = f'seed {request.seed}: {error or "the simulation does not answer"}'
        else:
            self._success = None
            response.success = True
        return response

    def _on_step(self, task: Task, now_ns: int) -> None:
        """Publish a step; runs in the thread of the simulation."""
        if self._tree is None:
            self._tree = self._describe(task, now_ns)
        if self._broadcaster.is_available and now_ns % _FRAMES_NS == 0:
            self._broadcaster.publish(now_ns, task.link_placements(self._tree, fixed=False))
        self._publish_state(task, now_ns)
        self._ticks.publish(Clock(clock=to_stamp(now_ns)))
        success = task.success()
        if success != self._success:
            self._success = success
            self._successes.publish(Bool(data=success))
        frame = now_ns // self._image_period_ns
        if frame != self._frame:
            self._frame = frame
            self._publish_image(task, now_ns)

    def _describe(self, task: Task, now_ns: int) -> RobotTree:
        """Publish what never changes: the URDF, and the frames that never move."""
        tree = task.robot_tree(self._spec.base_frame)
        self._descriptions.publish(String(data=tree.urdf()))
        fixed = task.link_placements(tree, fixed=True)
        camera = task.camera_placement(_CAMERA_FRAME, tree.root)
        self._broadcaster.publish_fixed(now_ns, [*fixed, camera])
        return tree

    def _publish_state(self, task: Task, now_ns: int) -> None:
        positions = dict(zip(self._spec.state.joints, task.joint_positions(), strict=True))
        velocities = dict(zip(self._spec.state.joints, task.joint_velocities(), strict=True))
        for source, publisher in zip(self._spec.state.sources, self._joints, strict=True):
            names = list(source.message_names)
            states = [(positions[name], velocities[name]) for name in source.joints]
            if publisher is self._joints[0]:
                self._append_gripper(task, names, states)
            publisher.publish(from_positions(now_ns, names, *zip(*states, strict=True)))
        if self._poses is not None and self._spec.state.pose is not None:
            self._poses.publish(_pose(task, now_ns, self._spec.state.pose.frame_id))

    def _append_gripper(
        self, task: Task, names: list[str], states: list[tuple[float, float]]
    ) -> None:
        gripper, state = self._spec.gripper, task.gripper_state()
        if gripper is not None and gripper.joint is not None and state is not None:
            names.append(gripper.joint)
            states.append(state)

    def _publish_image(self, task: Task, now_ns: int) -> None:
        camera, scale = self._spec.camera, self._given.image_scale
        image = task.frame(camera.height // scale, camera.width // scale)
        rgb = np.repeat(np.repeat(image, scale, axis=0), scale, axis=1)
        self._images.publish(from_rgb(rgb, now_ns, _CAMERA_FRAME))
        if self._infos is not None:
            self._infos.publish(_camera_info(now_ns, camera, task.view.fovy_deg))


def _pose(task: Task, now_ns: int, frame_id: str) -> PoseStamped:
    message = PoseStamped()
    message.header.stamp, message.header.frame_id = to_stamp(now_ns), frame_id
    xyz, quat_xyzw = task.tool_pose()
    place, turn = message.pose.position, message.pose.orientation
    place.x, place.y, place.z = xyz.tolist()
    turn.x, turn.y, turn.z, turn.w = quat_xyzw.tolist()
    return message


def _camera_info(now_ns: int, camera: CameraSpec, fovy_deg: float) -> CameraInfo:
    height, width = camera.height, camera.width
    message = CameraInfo(height=height, width=width, distortion_model='plumb_bob')
    message.header.stamp, message.header.frame_id = to_stamp(now_ns), _CAMERA_FRAME
    focal = height / 2.0 / math.tan(math.radians(fovy_deg) / 2.0)
    x, y = width / 2.0, height / 2.0
    message.d = [0.0] * 5
    message.k = [focal, 0.0, x, 0.0, focal, y, 0.0, 0.0, 1.0]
    message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.p = [focal, 0.0, x, 0.0, 0.0, focal, y, 0.0, 0.0, 0.0, 1.0, 0.0]
    return message


def main() -> int:
    """Run the node."""
    return run(SimRobotNode)
