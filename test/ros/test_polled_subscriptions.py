# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""States are read when the node wants them, and none of them wakes it."""

from typing import Any

import pytest
from rclpy import executors
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
    made = PolledSubscriptions(bench)
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


def test_all_that_arrived_is_taken_in_order(
    bench: Any, polled: PolledSubscriptions, publishers: dict[str, Any], heard: list[str]
) -> None:
    for name in ('1', '2', '3'):
        publishers['arm'].publish(JointState(name=[name]))
    publishers['hand'].publish(JointState(name=['closed']))
    bench.until(lambda: polled.take() or len(heard) == 4, 'four messages')
    assert [name for name in heard if name != 'closed'] == ['1', '2', '3']
    polled.take()
    assert len(heard) == 4


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
    # One wait that lasts to the end; a few, should the discovery have more to say.
    assert 1 <= counting.waits <= 5
    assert heard == []
    bench.until(lambda: polled.take() or heard, 'the message')
    assert heard == ['waits']


def test_what_comes_faster_than_it_is_read_does_not_hold_the_node(
    bench: Any,
) -> None:
    """A callback that publishes on its own topic would never see the end of its messages."""
    endless = PolledSubscriptions(bench)
    loop = bench.world.create_publisher(JointState, 'loop', SENSOR_OUT)
    endless.subscribe(JointState, 'loop', lambda message, _: loop.publish(message), print)
    bench.until(lambda: loop.get_subscription_count() == 1, 'the subscription')
    loop.publish(JointState(name=['again']))
    for _ in range(3):
        endless.take()
