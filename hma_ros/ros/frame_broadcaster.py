# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Publishes frames on /tf and /tf_static, where the package tf2_msgs is installed."""

import importlib
from collections.abc import Iterable
from typing import Any

from geometry_msgs.msg import TransformStamped
from rclpy.node import Node

from hma_ros.core.vision.placement import Placement
from hma_ros.ros.qos import LATCHED, TRANSFORMS
from hma_ros.ros.stamps import to_stamp


class FrameBroadcaster:
    """
    A publisher of frames that does nothing without tf2_msgs, which is not among the wheels.

    :param node: its publishers are made at once.
    """

    def __init__(self, node: Node) -> None:
        self._kind: Any = None
        try:
            self._kind = importlib.import_module('tf2_msgs.msg').TFMessage
        except ImportError:
            return
        self._moving = node.create_publisher(self._kind, '/tf', TRANSFORMS)
        self._fixed = node.create_publisher(self._kind, '/tf_static', LATCHED)

    @property
    def is_available(self) -> bool:
        """Whether anything will be published."""
        return self._kind is not None

    def publish(self, stamp_ns: int, frames: Iterable[Placement]) -> None:
        """Publish frames that move."""
        if self._kind is not None:
            self._moving.publish(self._kind(transforms=_messages(stamp_ns, frames)))

    def publish_fixed(self, stamp_ns: int, frames: Iterable[Placement]) -> None:
        """Publish, in one message, all frames that never move."""
        if self._kind is not None:
            self._fixed.publish(self._kind(transforms=_messages(stamp_ns, frames)))


def _messages(stamp_ns: int, frames: Iterable[Placement]) -> list[TransformStamped]:
    return [_message(stamp_ns, frame) for frame in frames]


def _message(stamp_ns: int, frame: Placement) -> TransformStamped:
    message = TransformStamped(child_frame_id=frame.name)
    message.header.stamp, message.header.frame_id = to_stamp(stamp_ns), frame.parent
    place, turn = message.transform.translation, message.transform.rotation
    place.x, place.y, place.z = frame.xyz.tolist()
    turn.x, turn.y, turn.z, turn.w = frame.quat_xyzw.tolist()
    return message
