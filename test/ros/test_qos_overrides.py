# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``qos_overrides`` win over the QoS of a node, and one that means nothing is refused or named."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import rclpy
from rcl_interfaces.msg import SetParametersResult
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Int32

from hma_ros.core.errors import ConfigError
from hma_ros.ros.lifecycle import HmaNode
from hma_ros.ros.parameters import parameter
from hma_ros.ros.qos import LATCHED, REPORT, SENSOR_IN

pytestmark = pytest.mark.ros


@dataclass(frozen=True)
class Nothing:
    """Parameters of a node that has none."""

    autostart: bool = parameter(False, 'unused')


class TopicsNode(HmaNode):
    """Opens a topic in each direction, and one with two subscriptions."""

    def set_up(self) -> None:
        """Open them."""
        self.out = self.publisher(Int32, 'out', REPORT)
        self.heard = self.subscribe(Int32, 'in', lambda _message: None, SENSOR_IN)
        self.twice = [
            self.subscribe(Int32, 'in', lambda _message: None, qos) for qos in (LATCHED, SENSOR_IN)
        ]


@pytest.fixture
def make() -> Iterator[Callable[..., TopicsNode]]:
    """Return a function that makes a node with parameters, in the default context."""
    made: list[TopicsNode] = []

    def make_node(**given: Any) -> TopicsNode:
        words = [f'qos_overrides.{name}:={value}' for name, value in given.pop('names').items()]
        rclpy.init(args=['--ros-args', *[word for text in words for word in ('-p', text)]])
        made.append(TopicsNode('topics', Nothing))
        return made[-1]

    yield make_node
    for node in made:
        node.trigger_shutdown()
        node.destroy_node()
    rclpy.try_shutdown()


def test_an_override_wins_and_the_rest_stays(make: Callable[..., TopicsNode]) -> None:
    node = make(
        names={
            '/out.publisher.reliability': 'best_effort',
            '/out.publisher.depth': 7,
            '/in.subscription.history': 'keep_all',
        }
    )
    node.add_on_set_parameters_callback(lambda _given: SetParametersResult(successful=False))
    for _ in range(2):
        node.trigger_configure()
        assert node.out.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
        assert node.out.qos_profile.depth == 7
        assert node.heard.qos_profile.history == HistoryPolicy.KEEP_ALL
        # What was not given stays what each subscription asked for.
        assert [item.qos_profile.reliability for item in node.twice] == [
            ReliabilityPolicy.RELIABLE,
            ReliabilityPolicy.BEST_EFFORT,
        ]
        node.trigger_cleanup()
    assert profile(REPORT) == (ReliabilityPolicy.RELIABLE, 10)
    assert node.get_parameter('qos_overrides./out.publisher.depth').value == 7


def profile(qos: QoSProfile) -> tuple[ReliabilityPolicy, int]:
    return qos.reliability, qos.depth


@pytest.mark.parametrize(
    ('name', 'value', 'text'),
    [
        ('/in.subscription.reliability', 'sometimes', "got 'sometimes', expected one of reliable"),
        ('/in.subscription.reliability', 5, 'got 5, expected one of reliable, best_effort'),
        ('/in.subscription.depth', 0, 'got 0, expected an integer of 1 to 10000'),
        ('/in.subscription.depth', 'true', 'got True, expected an integer of 1 to 10000'),
        ('/in.subscription.depth', 'deep', "got 'deep', expected an integer of 1 to 10000"),
        ('/in.subscription.deadline', 5, 'got an unknown name, expected qos_overrides./TOPIC.pub'),
        ('/in.client.depth', 5, 'got an unknown name'),
        ('in.subscription.depth', 5, 'got an unknown name'),
    ],
)
def test_an_override_that_means_nothing_is_refused(
    make: Callable[..., TopicsNode], name: str, value: object, text: str
) -> None:
    with pytest.raises(ConfigError, match=f'^topics: qos_overrides.{name}: {text}'):
        make(names={name: value})


def test_a_topic_that_the_node_does_not_use_is_named(
    make: Callable[..., TopicsNode], capfd: pytest.CaptureFixture[str]
) -> None:
    node = make(names={'/inn.subscription.depth': 5})
    node.trigger_configure()
    node.trigger_activate()
    assert (
        'qos_overrides./inn.subscription.depth: got a topic that this node does not use'
        in capfd.readouterr().err
    )
