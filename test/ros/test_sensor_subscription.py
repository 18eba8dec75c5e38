# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A subscription follows its publishers, loses nothing on the way, and obeys the user."""

from typing import Any

import pytest
import rclpy
from rclpy.node import PublisherEventCallbacks
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from std_msgs.msg import Int32

from hma_ros.ros.qos import SENSOR_IN, SENSOR_OUT
from hma_ros.ros.sensor_subscription import SensorSubscription

pytestmark = pytest.mark.ros
TOPIC = 'numbers'


class Numbers:
    """Publishes consecutive numbers from the world, and keeps those that arrive at the node."""

    def __init__(self, bench: Any) -> None:
        self.got: list[int] = []
        self.faults: list[str] = []
        self.sent = 0
        self._bench = bench
        self.tested = SensorSubscription(
            bench, Int32, TOPIC, lambda message: self.got.append(message.data), self.faults.append
        )

    def publisher(self, qos: QoSProfile) -> Any:
        silent = PublisherEventCallbacks(use_default_callbacks=False)
        return self._bench.world.create_publisher(Int32, TOPIC, qos, event_callbacks=silent)

    def send(self, publisher: Any) -> int:
        self.sent += 1
        publisher.publish(Int32(data=self.sent))
        return self.sent

    def until(self, publisher: Any, is_reliable: bool) -> list[int]:
        """Publish until the subscription is settled as expected; returns what was sent."""
        sent: list[int] = []
        self._bench.until(lambda: publisher.get_subscription_count() > 0, 'match')

        def is_settled() -> bool:
            # One at a time: the queues are short.
            if not sent or sent[-1] in self.got:
                sent.append(self.send(publisher))
            return len(self.open()) == 1 and self.is_reliable() is is_reliable

        self._bench.until(is_settled, f'reliable {is_reliable}')
        self._bench.until(lambda: sent[-1] in self.got, 'the last number')
        return sent

    def is_reliable(self) -> bool:
        reliabilities = {item.qos_profile.reliability for item in self.open()}
        return ReliabilityPolicy.RELIABLE in reliabilities

    def open(self) -> list[Subscription[Any]]:
        return [item for item in self._bench.node.subscriptions if item.topic_name.endswith(TOPIC)]


def test_is_reliable_where_all_publishers_are_and_follows_their_change(bench: Any) -> None:
    numbers = Numbers(bench)
    assert not numbers.is_reliable()
    driver = numbers.publisher(SENSOR_OUT)
    numbers.until(driver, is_reliable=True)

    other = numbers.publisher(SENSOR_IN)
    numbers.until(other, is_reliable=False)
    assert numbers.send(driver)

    bench.world.destroy_publisher(other)
    numbers.until(driver, is_reliable=True)


def test_hears_a_driver_of_best_effort(bench: Any) -> None:
    numbers = Numbers(bench)
    numbers.until(numbers.publisher(SENSOR_IN), is_reliable=False)


def test_loses_no_message_while_it_changes(bench: Any) -> None:
    numbers = Numbers(bench)
    driver = numbers.publisher(SENSOR_IN)
    bench.until(lambda: driver.get_subscription_count() == 1, 'match')
    first = numbers.send(driver)
    bench.until(lambda: first in numbers.got, 'first number')
    bench.world.destroy_publisher(driver)

    reliable = numbers.publisher(SENSOR_OUT)
    sent = numbers.until(reliable, is_reliable=True)
    assert set(sent) <= set(numbers.got)


def test_tells_the_origin_to_a_callback_that_asks(bench: Any) -> None:
    origins: list[Any] = []
    SensorSubscription(bench, Int32, TOPIC, lambda message, info: origins.append(info), print)
    driver = bench.world.create_publisher(Int32, TOPIC, SENSOR_OUT)
    bench.until(lambda: driver.get_subscription_count() > 0, 'match')
    driver.publish(Int32(data=1))
    bench.until(lambda: origins, 'a message')
    assert 'publisher_gid' in origins[0]


def test_a_message_without_content_is_a_fault(bench: Any) -> None:
    # Fast DDS hands it over at times; taken as anything but bytes it would never return.
    numbers = Numbers(bench)
    (only,) = numbers.open()
    assert only.raw
    only.callback(b'', {}) if hasattr(Subscription, 'CallbackType') else only.callback(b'')
    (fault,) = numbers.faults
    assert fault.startswith(
        '/numbers: got 0 bytes that cannot be read, expected std_msgs/msg/Int32; '
    )
    assert numbers.got == []


def test_is_gone_when_closed(bench: Any) -> None:
    numbers = Numbers(bench)
    numbers.tested.close()
    assert numbers.open() == []
    assert list(bench.node.timers) == []


@pytest.mark.parametrize('reliability', ['reliable', 'best_effort'])
def test_an_override_of_the_reliability_is_final(bench: Any, reliability: str) -> None:
    name = f'qos_overrides./{TOPIC}.subscription'
    given = [
        rclpy.Parameter(f'{name}.reliability', value=reliability),
        rclpy.Parameter(f'{name}.depth', value=3),
    ]
    bench.replace_node(given)
    numbers = Numbers(bench)
    driver = numbers.publisher(SENSOR_OUT)
    bench.until(lambda: driver.get_subscription_count() == 1, 'match')
    (only,) = numbers.open()
    assert only.qos_profile.reliability.name.lower() == reliability
    assert only.qos_profile.depth == 3
    assert list(bench.node.timers) == []
    assert SENSOR_IN.reliability == ReliabilityPolicy.BEST_EFFORT
