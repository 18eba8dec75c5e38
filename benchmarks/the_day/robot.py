# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
"My robot": a node that publishes what a simulator of others shows, and obeys pose targets.

It follows a clock of its own, ``/clock``, at most at ``--factor`` of real time.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path
from typing import Any

import rclpy
from geometry_msgs.msg import PoseStamped
from rclpy.clock import Clock as RclpyClock
from rclpy.clock import ClockType
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool
from std_srvs.srv import SetBool

from hma_ros.core.embodiment import load_embodiment
from hma_ros.ros.qos import COMMAND, LATCHED, REPORT, SENSOR_OUT
from hma_ros.ros.stamps import to_stamp
from hma_ros.srv import ResetEpisode

ROBOT = Path(__file__).with_name('my_sawyer.yaml')
TICK_NS = 50_000_000
_SIDE = 128
# Images are at 10 Hz.
_IMAGE_EVERY = 2


class Robot(Node):
    """
    The robot's driver, camera and controller in one.

    :param python: interpreter of the simulators' environment.
    :param factor: of real time.
    """

    def __init__(self, python: Path, factor: float) -> None:
        super().__init__('sim_robot')
        self._spec = load_embodiment(ROBOT)
        self._simulator = subprocess.Popen(
            [str(python), '-W', 'ignore', '-m', 'benchmarks.the_day.simulator'],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._now_ns, self._ticks = 1_000_000_000, 0
        self._target: list[float] | None = None
        self._is_demonstrating, self._success = False, False
        state, pose = self._spec.state.sources[0], self._spec.state.pose
        self._clock_out = self.create_publisher(Clock, '/clock', REPORT)
        self._images = self.create_publisher(Image, self._spec.camera.topic, SENSOR_OUT)
        self._joints = self.create_publisher(JointState, state.topic, SENSOR_OUT)
        self._poses = self.create_publisher(PoseStamped, pose.topic, SENSOR_OUT)
        self._successes = self.create_publisher(Bool, '~/success', LATCHED)
        topic = self._spec.commands[0].topic
        self.create_subscription(PoseStamped, topic, self._on_target, COMMAND)
        self.create_service(ResetEpisode, '~/reset', self._on_reset)
        self.create_service(SetBool, '~/demonstrate', self._on_demonstrate)
        self._ask({'reset': 0})
        steady = RclpyClock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(TICK_NS * 1e-9 / factor, self._tick, clock=steady)
        self.get_logger().info(f'running at {factor:g} of real time')

    def close(self) -> None:
        """End the simulator."""
        self._simulator.stdin.close()
        self._simulator.wait(20.0)

    def _tick(self) -> None:
        wants_image = self._ticks % _IMAGE_EVERY == 0
        state, pixels = self._ask(
            {
                'target': self._target,
                'demonstrate': self._is_demonstrating,
                'image': wants_image,
            }
        )
        self._ticks += 1
        self._now_ns += TICK_NS
        stamp = to_stamp(self._now_ns)
        self._publish_state(stamp, state)
        if wants_image:
            self._publish_image(stamp, pixels)
        if state['success'] != self._success:
            self._success = state['success']
            self._successes.publish(Bool(data=self._success))
        # Last, so that who follows the clock has all that is stamped before.
        self._clock_out.publish(Clock(clock=stamp))

    def _publish_state(self, stamp: Any, state: dict[str, Any]) -> None:
        joints = JointState(name=list(self._spec.state.joints), position=state['joints'])
        joints.header.stamp = stamp
        self._joints.publish(joints)
        pose = PoseStamped()
        pose.header.stamp, pose.header.frame_id = stamp, 'base'
        place, turn = pose.pose.position, pose.pose.orientation
        place.x, place.y, place.z = state['tool']
        # The tool of metaworld always points down.
        turn.x, turn.y, turn.z, turn.w = 1.0, 0.0, 0.0, 0.0
        self._poses.publish(pose)

    def _publish_image(self, stamp: Any, pixels: bytes) -> None:
        image = Image(height=_SIDE, width=_SIDE, encoding='rgb8', step=3 * _SIDE)
        image.header.stamp, image.header.frame_id = stamp, 'camera'
        image.data = pixels
        self._images.publish(image)

    def _ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        source, sink = self._simulator.stdout, self._simulator.stdin
        sink.write(json.dumps(request).encode() + b'\n')
        sink.flush()
        state = json.loads(source.readline())
        pixels = source.read(3 * _SIDE * _SIDE) if request.get('image') else b''
        return state, pixels

    def _on_target(self, message: Any) -> None:
        place = message.pose.position
        self._target = [place.x, place.y, place.z]

    def _on_reset(self, request: Any, response: Any) -> Any:
        self._ask({'reset': request.seed})
        self._target, self._is_demonstrating, self._success = None, False, False
        self._successes.publish(Bool(data=False))
        response.success = True
        return response

    def _on_demonstrate(self, request: Any, response: Any) -> Any:
        self._is_demonstrating = request.data
        response.success = True
        return response


def main() -> int:
    """Run until a signal."""
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.the_day.robot', description=__doc__
    )
    parser.add_argument('--simulators', type=Path, required=True, metavar='PYTHON')
    parser.add_argument('--factor', type=float, default=0.5, metavar='X', help='(0.5)')
    args = parser.parse_args()
    rclpy.init(args=[])
    robot = Robot(args.simulators, args.factor)
    try:
        rclpy.spin(robot)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        robot.close()
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
