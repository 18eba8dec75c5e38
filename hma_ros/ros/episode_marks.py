# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The operator's marks of episodes, by service and in code, published beside what is recorded."""

import math
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.node import Node
from std_msgs.msg import String
from std_srvs.srv import Trigger

from hma_ros.core.short_text import quoted
from hma_ros.core.topics import EPISODE_TOPIC, MARKS
from hma_ros.core.units import NS_PER_S
from hma_ros.ros.qos import REPORT


class EpisodeMarks:
    """
    Publishes marks, and knows whether an episode is on; marks of others on the topic count too.

    ``count`` episodes have begun, and ``published`` marks are of this class.

    :param node: its services ``~/begin``, ``~/succeed``, ``~/fail`` and ``~/discard`` are these.
    :param is_recorded: whether the topic is being recorded: before that a mark would be lost.
    """

    def __init__(self, node: Node, is_recorded: Callable[[], bool]) -> None:
        self._node, self._is_recorded = node, is_recorded
        self._began_ns: int | None = None
        self._sent: deque[str] = deque()
        self._sent_s = -math.inf
        self.count = self.published = 0
        self._publisher = node.create_publisher(String, EPISODE_TOPIC, REPORT)
        node.create_subscription(String, EPISODE_TOPIC, self._on_mark, REPORT)
        for text in MARKS:
            node.create_service(Trigger, f'~/{text}', partial(self._on_call, text))

    @property
    def is_on(self) -> bool:
        """Whether an episode has begun and not ended."""
        return self._began_ns is not None

    @property
    def age_s(self) -> float:
        """Seconds since the last mark of this class."""
        return time.monotonic() - self._sent_s

    def mark(self, text: str) -> tuple[bool, str]:
        """
        Mark this moment.

        :param text: one of ``MARKS``.
        :returns: whether it was published, and what happened or why not.
        """
        refusal = self._refusal(text)
        if refusal is not None:
            self._node.get_logger().error(refusal)
            return False, refusal
        self._sent.append(text)
        self._publisher.publish(String(data=text))
        self._sent_s = time.monotonic()
        self.published += 1
        return True, self._follow(text)

    def _refusal(self, text: str) -> str | None:
        where = self._node.resolve_topic_name(EPISODE_TOPIC)
        # One subscription is that of this class.
        if not self._is_recorded() or self._publisher.get_subscription_count() < 2:
            return f'{where}: got {text}, expected the recorder to listen; mark it again'
        return self._impossible(text)

    def _impossible(self, text: str) -> str | None:
        where = self._node.resolve_topic_name(EPISODE_TOPIC)
        if text == 'begin' and self.is_on:
            return f'{where}: got begin, expected succeed, fail or discard of episode {self.count}'
        if text != 'begin' and not self.is_on:
            return f'{where}: got {text}, expected begin: no episode is on'
        return None

    def _on_call(self, text: str, request: Any, response: Any) -> Any:
        response.success, response.message = self.mark(text)
        return response

    def _on_mark(self, message: Any) -> None:
        if self._sent and self._sent[0] == message.data:
            self._sent.popleft()
        elif message.data in MARKS:
            self._follow_other(message.data)
        else:
            self._node.get_logger().error(
                f'{self._node.resolve_topic_name(EPISODE_TOPIC)}: got {quoted(message.data)}, '
                f'expected one of {", ".join(MARKS)}'
            )

    def _follow_other(self, text: str) -> None:
        """Follow a mark that is recorded already as the import will."""
        refusal = self._impossible(text)
        if refusal is not None:
            self._node.get_logger().error(f'{refusal}; it is in the recording')
        if refusal is None or text == 'begin':
            self._follow(text)

    def _follow(self, text: str) -> str:
        """Note what a mark does, and say it."""
        now_ns = self._node.get_clock().now().nanoseconds
        if text == 'begin':
            self.count += 1
        lasted = (
            '' if self._began_ns is None else f', {(now_ns - self._began_ns) / NS_PER_S:.1f} s'
        )
        self._began_ns = now_ns if text == 'begin' else None
        told = f'episode {self.count}: {text}{lasted if text != "begin" else ""}'
        self._node.get_logger().info(told)
        return told
