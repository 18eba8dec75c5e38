# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Draws predictions so that people understand them."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Path
from numpy.typing import NDArray
from rclpy.clock import Clock, ClockType
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Float32

from hma_ros.core.control.tool_path import tool_path
from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import MessageError
from hma_ros.core.generation.rollout_match import RolloutMatch
from hma_ros.core.messages.image import to_rgb
from hma_ros.core.messages.stamp import stamp_ns
from hma_ros.core.vision.image import preprocess
from hma_ros.core.vision.strip import difference, mean_error, strip
from hma_ros.msg import PredictedRollout
from hma_ros.ros.diagnostics import Diagnostics
from hma_ros.ros.image_msg import from_rgb
from hma_ros.ros.lifecycle import HmaNode, run
from hma_ros.ros.parameters import parameter, read
from hma_ros.ros.qos import REPORT
from hma_ros.ros.robot_state import RobotState
from hma_ros.ros.rollout_msg import frame_dt_s, to_actions, to_frames
from hma_ros.ros.sensor_subscription import SensorSubscription
from hma_ros.ros.stamps import to_stamp

_REPORT_S = 1.0


@dataclass(frozen=True)
class RolloutViewerParameters:
    """Parameters of the rollout viewer."""

    embodiment: str = parameter('', 'embodiment file, or the name of a shipped one')
    prediction_topic: str = parameter('world_model/prediction', 'where rollouts come from')
    lead: int = parameter(4, 'steps between imagining a frame and showing it', 1, 64)
    autostart: bool = parameter(False, 'configure and activate at the start')


class RolloutViewerNode(HmaNode):
    """Compares what was imagined with what the camera saw then."""

    def __init__(self) -> None:
        super().__init__('rollout_viewer', RolloutViewerParameters)
        self._is_working = False

    def set_up(self) -> None:
        """Open the topics."""
        given = read(self, RolloutViewerParameters)
        spec = self._spec = load_embodiment(given.embodiment)
        self._lead = given.lead
        self._diagnostics = Diagnostics(self, spec.name)
        self._state = RobotState(
            self,
            spec,
            partial(self._diagnostics.error, 'bad states'),
            partial(self._diagnostics.cleared, 'bad states'),
        )
        self._images = self.publisher(Image, '~/image', REPORT)
        self._errors = self.publisher(Float32, '~/error', REPORT)
        self._paths = self.publisher(Path, '~/path', REPORT)
        self._camera_topic = self.resolve_topic_name(spec.camera.topic)
        self._prediction_topic = self.resolve_topic_name(given.prediction_topic)
        kind = Image if spec.camera.transport == 'raw' else CompressedImage
        on_fault = partial(self._diagnostics.error, 'bad images')
        SensorSubscription(self, kind, spec.camera.topic, self._on_image, on_fault)
        self.subscribe(PredictedRollout, given.prediction_topic, self._on_rollout, REPORT)
        self.get_logger().info(
            f'compares {self._prediction_topic} with {self._camera_topic} on {spec.name}'
        )
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.own(self.create_timer(_REPORT_S, self._report, clock=steady), self.destroy_timer)

    def start(self) -> None:
        """Begin without any rollout."""
        self._match = RolloutMatch(self._lead, self._spec.rates.frame_dt_s / 4.0)
        self._error = float('nan')
        self._is_working = True

    def stop(self) -> None:
        """Show nothing more."""
        self._is_working = False

    def _on_rollout(self, message: Any) -> None:
        if not self._is_working:
            return
        try:
            frames = to_frames(message, self._prediction_topic, self._spec.camera.resize)
            actions = to_actions(message, self._prediction_topic)
            places = None if actions is None else self._places(actions)
        except MessageError as error:
            self._diagnostics.error('bad rollouts', str(error))
            return
        self._diagnostics.cleared('bad rollouts')
        self._match.add(stamp_ns(message.header.stamp), frame_dt_s(message), frames)
        if places is not None:
            self._show_path(places, stamp_ns(message.header.stamp))

    def _places(self, actions: NDArray[np.float64]) -> NDArray[np.float64] | None:
        self._state.take()
        newest = self._state.newest() if self._spec.action.is_cartesian else None
        start, turn = (None, None) if newest is None else newest[:2]
        return tool_path(self._spec, actions.reshape(-1, actions.shape[2]), start, turn)

    def _show_path(self, places: NDArray[np.float64], time_ns: int) -> None:
        path = Path()
        path.header.stamp, path.header.frame_id = to_stamp(time_ns), self._spec.action.frame
        for x, y, z in places.tolist():
            pose = PoseStamped(header=path.header)
            pose.pose.position.x, pose.pose.position.y, pose.pose.position.z = x, y, z
            path.poses.append(pose)
        self._paths.publish(path)

    def _on_image(self, message: Any) -> None:
        if not self._is_working:
            return
        stamp = stamp_ns(message.header.stamp)
        imagined = self._match.find(stamp)
        if imagined is None:
            return
        camera = self._spec.camera
        try:
            observed = preprocess(to_rgb(message, self._camera_topic, camera), camera)
        except MessageError as error:
            self._diagnostics.error('bad images', str(error))
            return
        self._diagnostics.success('compared frames', 'bad images')
        image = strip([observed, imagined.frame, difference(observed, imagined.frame)])
        self._error = mean_error(observed, imagined.frame)
        self._images.publish(from_rgb(image, stamp, message.header.frame_id))
        self._errors.publish(Float32(data=self._error))

    def _report(self) -> None:
        self._state.take()
        self._diagnostics.publish(
            {
                'active': self._is_working,
                'mean error (0 to 255)': self._error if self._is_working else float('nan'),
            }
        )


def main() -> int:
    """Run the node."""
    return run(RolloutViewerNode)
