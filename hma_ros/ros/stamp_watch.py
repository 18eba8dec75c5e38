# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Warns during a recording of header stamps that make it impossible to import."""

import struct
from collections import deque
from dataclasses import dataclass, field
from functools import partial

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.messages.stamp_ages import stamp_fault
from hma_ros.core.topics import age_limits, robot_topics
from hma_ros.core.units import NS_PER_S
from hma_ros.ros.matched_subscription import MatchedSubscription

_LOOK_S = 1.0
_FEWEST, _MOST = 3, 100


@dataclass
class _Heard:
    """Ages of the last messages of a topic [s], and whether the newest has a stamp."""

    ages_s: deque[float] = field(default_factory=lambda: deque(maxlen=_MOST))
    has_stamp: bool = False


class StampWatch:
    """
    Compares the first header stamps of each needed topic with the clock of the node, once.

    :param node: whose clock the importer will take for the time: that of the recorder.
    """

    def __init__(self, node: Node, spec: EmbodimentSpec) -> None:
        self._node, self._limits = node, age_limits(spec)
        self._types = {topic.name: topic.type for topic in robot_topics(spec)}
        self._heard = {name: _Heard() for name in self._limits}
        self._subscriptions = {
            name: MatchedSubscription(
                node,
                node.resolve_topic_name(name),
                self._types[name],
                partial(self._receive, heard),
            )
            for name, heard in self._heard.items()
        }
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(_LOOK_S, self._look, clock=steady)

    def _look(self) -> None:
        for name, heard in list(self._heard.items()):
            subscription = self._subscriptions[name]
            others = subscription.look()
            if len(heard.ages_s) >= _FEWEST:
                subscription.close()
                self._judge(name, self._heard.pop(name))
            elif others and subscription.qos is None:
                del self._heard[name]
                wanted = f'expected {self._types[name]}; correct the topic'
                self._warn(name, f'got the type {others[0]}, {wanted}')
        if not self._heard:
            self._timer.cancel()

    def _receive(self, heard: _Heard, data: bytes) -> None:
        """Read the stamp with which all these messages begin, behind 4 bytes of CDR."""
        now_ns = self._node.get_clock().now().nanoseconds
        if now_ns > 0 and len(data) >= 12:
            seconds, rest_ns = struct.unpack_from('<iI' if data[1] else '>iI', data, 4)
            stamp_ns = seconds * NS_PER_S + rest_ns
            heard.ages_s.append((now_ns - stamp_ns) / NS_PER_S)
            heard.has_stamp = stamp_ns != 0

    def _judge(self, name: str, heard: _Heard) -> None:
        use_sim_time = bool(self._node.get_parameter('use_sim_time').value)
        max_age_s, key = self._limits[name]
        fault = stamp_fault(list(heard.ages_s), max_age_s, key, heard.has_stamp, use_sim_time)
        if fault is not None:
            self._warn(name, '; '.join(fault))

    def _warn(self, name: str, text: str) -> None:
        topic = self._node.resolve_topic_name(name)
        self._node.get_logger().warning(f'{topic}: {text}; such messages cannot be imported')
