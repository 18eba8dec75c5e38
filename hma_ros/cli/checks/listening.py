# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Listen to the topics of a running robot for a few seconds."""

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import rclpy
from rclpy.node import Node, SubscriptionEventCallbacks
from rclpy.parameter import Parameter
from rclpy.time import Time
from rclpy.validate_namespace import validate_namespace

from hma_ros.cli.checks.finding import Finding
from hma_ros.core.errors import ConfigError
from hma_ros.core.messages.stamp import stamp_ns
from hma_ros.ros.bounded import ANY_BYTES, bounded
from hma_ros.ros.interfaces import type_name
from hma_ros.ros.publishers import with_publisher

# Seconds of messages to measure rate and age on.
SAMPLE_S = 2.0


@dataclass(frozen=True)
class Sample:
    """One message; ``publisher`` is None where the middleware does not say who sent it."""

    message: Any
    publisher: Hashable


@dataclass
class Input:
    """
    One topic that the nodes read, and what came in on it.

    :param topic: resolved name.
    :param key: of the embodiment file, where its topic is.
    :param judge: judges what the messages say; gets at least one sample.
    :param min_hz: None for a topic that need not repeat.
    :param max_age_s: None for messages whose age does not matter.
    """

    topic: str
    key: str
    message_type: Any
    qos: Any
    judge: Callable[[Sequence[Sample]], list[Finding]]
    min_hz: float | None = None
    max_age_s: float | None = None
    ages_s: list[float] = field(default_factory=list)
    _newest: dict[tuple[Hashable, tuple[str, ...]], Sample] = field(default_factory=dict)

    @property
    def type_name(self) -> str:
        """The type as ROS writes it, e.g. ``sensor_msgs/msg/Image``."""
        return type_name(self.message_type)

    @property
    def section(self) -> str:
        """The part of the embodiment file that holds ``key``."""
        return self.key.rpartition('.')[0]

    @property
    def samples(self) -> list[Sample]:
        """The newest message of each publisher (of joints, for each set of names), newest last."""
        return list(self._newest.values())

    def take(self, sample: Sample) -> None:
        """Keep a sample in the place of the one before it: images are large."""
        key = sample.publisher, tuple(getattr(sample.message, 'name', ()))
        self._newest.pop(key, None)
        self._newest[key] = sample

    @property
    def has_stamp(self) -> bool:
        """Whether the newest message has a stamp other than 0."""
        return stamp_ns(self.samples[-1].message.header.stamp) != 0


@contextmanager
def doctor_node(namespace: str, use_sim_time: bool) -> Iterator[Node]:
    """
    Run a node that only listens.

    :raises ConfigError: ROS cannot start with this environment or namespace.
    """
    context = rclpy.Context()
    overrides = [Parameter('use_sim_time', value=use_sim_time)]
    try:
        # A node of an invalid namespace would warn when it is collected.
        validate_namespace(f'/{namespace.lstrip("/")}')
        rclpy.init(args=[], context=context)
        node = Node(
            'hma_doctor', namespace=namespace, context=context, parameter_overrides=overrides
        )
    # There is no common base: RCLError, InvalidNamespaceException, RuntimeError of the DDS.
    except Exception as error:
        rclpy.try_shutdown(context=context)
        reason = ' '.join(str(error).split())
        raise ConfigError(f'{type(error).__name__}: {reason}') from error
    try:
        yield node
    finally:
        node.destroy_node()
        rclpy.try_shutdown(context=context)


def listen(node: Node, inputs: Sequence[Input], timeout_s: float) -> float:
    """
    Wait until all inputs with a rate were heard, at most ``timeout_s``; then measure.

    :returns: how long was measured by the clock of the nodes, s; 0 while /clock stands still.
    """
    # Findings report publishers with another QoS; the warning of rclpy would repeat that.
    quiet = SubscriptionEventCallbacks(use_default_callbacks=False)
    for item in inputs:
        kind, receive = item.message_type, partial(_receive, node, item)
        # What cannot be read is missing in the rate.
        read = bounded(kind, item.topic, receive, lambda _text: None, ANY_BYTES)
        node.create_subscription(
            kind, item.topic, with_publisher(read), item.qos, event_callbacks=quiet, raw=True
        )
    required = [item for item in inputs if item.min_hz is not None]
    executor = rclpy.executors.SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    _spin(executor, timeout_s, lambda: all(item.ages_s for item in required))
    for item in inputs:
        # Messages from the time of discovery do not count for the rate.
        item.ages_s.clear()
    begin = node.get_clock().now()
    _spin(executor, SAMPLE_S, lambda: False)
    executor.shutdown()
    return float((node.get_clock().now() - begin).nanoseconds) * 1e-9


def _spin(executor: Any, timeout_s: float, is_done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_done() and time.monotonic() < deadline:
        executor.spin_once(timeout_sec=0.1)


def _receive(node: Node, item: Input, message: Any, publisher: Hashable) -> None:
    if item.max_age_s is not None:
        now = node.get_clock().now()
        stamp = Time.from_msg(message.header.stamp, clock_type=now.clock_type)
        item.ages_s.append((now - stamp).nanoseconds * 1e-9)
    item.take(Sample(message, publisher))
