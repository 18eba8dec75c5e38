# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""States are read when the node wants them, and none of them wakes it."""

import time
from typing import Any

import pytest
from rclpy import executors
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState

from hma_ros.ros.polled_subscriptions import PolledSubscriptions
from hma_ros.ros.qos import SENSOR_OUT

pytestmark = pytest.mark.ros


class Counting:
    """The compiled part of rclpy, counting its wait sets."""

    def __init__(self, rclpy: Any) -> None:
        self._rclpy, self.waits = rclpy, 0

    def WaitSet(self, *sizes: Any) -> Any:
        self.waits += 1
        return self._rclpy.WaitSet(*sizes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rclpy, name)


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def polled(bench: Any, heard: list[str]) -> PolledSubscriptions:
    made = PolledSubscriptions(bench, depth=20)
    for topic in ('arm', 'hand'):
        made.subscribe(JointState, topic, lambda message, _: heard.append(*message.name), print)
    return made


@pytest.fixture
def publishers(bench: Any, polled: PolledSubscriptions) -> dict[str, Any]:
    made = {
        name: bench.world.create_publisher(JointState, name, SENSOR_OUT)
        for name in ('arm', 'hand')
    }
    for publisher in made.values():
        bench.until(lambda item=publisher: item.get_subscription_count() == 1, 'subscription')
    return made


@pytest.fixture
def arrived(bench: Any, polled: PolledSubscriptions, publishers: dict[str, Any]) -> Any:
    """Publish, and wait until every message has come to this process."""
    seen: list[Any] = []
    for topic in publishers:
        bench.world.create_subscription(JointState, topic, seen.append, SENSOR_OUT)
    for item in publishers.values():
        bench.until(lambda item=item: item.get_subscription_count() == 2, 'subscription')

    def publish(*messages: tuple[str, str]) -> None:
        seen.clear()
        for topic, name in messages:
            publishers[topic].publish(JointState(name=[name]))
        bench.until(lambda: len(seen) == len(messages), 'messages')
        time.sleep(0.1)

    return publish


def test_all_that_arrived_is_taken_at_once_in_order(
    polled: PolledSubscriptions, arrived: Any, heard: list[str]
) -> None:
    arrived(('arm', '1'), ('arm', '2'), ('hand', 'closed'), ('arm', '3'))
    polled.take()
    assert heard == ['1', '2', '3', 'closed']
    polled.take()
    assert len(heard) == 4


def test_what_is_discarded_is_never_read(
    polled: PolledSubscriptions, arrived: Any, heard: list[str]
) -> None:
    arrived(('arm', 'old'), ('hand', 'old'))
    polled.discard()
    arrived(('arm', 'new'))
    polled.take()
    assert heard == ['new']


def test_only_a_reliability_that_was_chosen_may_not_fit_and_is_watched(bench: Any) -> None:
    name = 'qos_overrides./arm.subscription.reliability'
    bench.replace_node([Parameter(name, value='reliable')])
    made = PolledSubscriptions(bench, depth=20)
    for topic in ('arm', 'hand'):
        made.subscribe(JointState, topic, lambda *_: None, print)
    watched = {item.topic_name for item in made._subscriptions if item.event_handlers}
    assert watched == {'/arm'}


def test_messages_run_no_callback_and_end_no_wait_until_they_are_taken(
    bench: Any,
    polled: PolledSubscriptions,
    publishers: dict[str, Any],
    heard: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    executor = bench._executor
    for _ in range(5):  # what the discovery left to do
        executor.spin_once(timeout_sec=0.05)
    publishers['arm'].publish(JointState(name=['waits']))
    counting = Counting(executors._rclpy)
    monkeypatch.setattr(executors, '_rclpy', counting)
    executor.spin_once(timeout_sec=0.3)
    # One that lasts to the end, and a few for what the discovery has to say; not hundreds.
    assert 1 <= counting.waits < 20
    assert heard == []
    bench.until(lambda: polled.take() or heard, 'the message')
    assert heard == ['waits']


def test_what_comes_faster_than_it_is_read_does_not_hold_the_node(
    bench: Any,
) -> None:
    """A callback that publishes on its own topic would never see the end of its messages."""
    endless = PolledSubscriptions(bench, depth=20)
    loop = bench.world.create_publisher(JointState, 'loop', SENSOR_OUT)
    endless.subscribe(JointState, 'loop', lambda message, _: loop.publish(message), print)
    bench.until(lambda: loop.get_subscription_count() == 1, 'the subscription')
    loop.publish(JointState(name=['again']))
    for _ in range(3):
        endless.take()
