# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Warns during a recording of header stamps that make it impossible to import."""

import struct
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node, SubscriptionEventCallbacks

from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.errors import ConfigError
from hma_ros.core.messages.stamp_ages import stamp_fault
from hma_ros.core.topics import age_limits, robot_topics
from hma_ros.ros.interfaces import interface_class
from hma_ros.ros.mcap_recording import matching

_LOOK_S = 1.0
_FEWEST, _MOST = 3, 100
_NS = 1_000_000_000


@dataclass
class _Heard:
    """Ages of the last messages of a topic [s], and whether the newest has a stamp."""

    subscription: Any = None
    ages_s: deque[float] = field(default_factory=lambda: deque(maxlen=_MOST))
    has_stamp: bool = False


class StampWatch:
    """
    Compares the first header stamps of each needed topic with the clock of the node, once.

    :param node: whose clock the importer will take for the time: that of the recorder.
    """

    def __init__(self, node: Node, spec: EmbodimentSpec) -> None:
        self._node = node
        self._types = {topic.name: topic.type for topic in robot_topics(spec)}
        self._limits = age_limits(spec)
        self._heard = {name: _Heard() for name in self._limits}
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(_LOOK_S, self._look, clock=steady)

    def _look(self) -> None:
        for name, heard in list(self._heard.items()):
            if heard.subscription is None:
                self._subscribe(name, heard)
            elif len(heard.ages_s) >= _FEWEST:
                self._node.destroy_subscription(heard.subscription)
                self._judge(name, self._heard.pop(name))
        if not self._heard:
            self._timer.cancel()

    def _subscribe(self, name: str, heard: _Heard) -> None:
        topic, expected = self._node.resolve_topic_name(name), self._types[name]
        publishers = self._node.get_publishers_info_by_topic(topic)
        ours = [item for item in publishers if item.topic_type == expected]
        if publishers and not ours:
            got = publishers[0].topic_type
            self._warn(name, f'got the type {got}, expected {expected}; correct the topic')
            del self._heard[name]
        if not ours:
            return
        try:
            kind = interface_class(expected, topic)
        except ConfigError:  # The recorder has said it.
            del self._heard[name]
            return
        heard.subscription = self._node.create_subscription(
            kind,
            topic,
            partial(self._receive, heard),
            matching(ours),
            raw=True,
            event_callbacks=SubscriptionEventCallbacks(use_default_callbacks=False),
        )

    def _receive(self, heard: _Heard, data: bytes) -> None:
        """Read the stamp with which all these messages begin, behind 4 bytes of CDR."""
        now_ns = self._node.get_clock().now().nanoseconds
        if now_ns > 0 and len(data) >= 12:
            seconds, rest_ns = struct.unpack_from('<iI' if data[1] else '>iI', data, 4)
            stamp_ns = seconds * _NS + rest_ns
            heard.ages_s.append((now_ns - stamp_ns) / _NS)
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
