# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A stop is heard: from before the start, from any publisher, and from each field by itself."""

from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import Image
from std_msgs.msg import Bool

from hma_ros.core.embodiment import StopSpec, load_embodiment
from hma_ros.core.errors import ConfigError
from hma_ros.ros.qos import LATCHED, REPORT
from hma_ros.ros.stop_topics import StopTopics

pytestmark = pytest.mark.ros
PROGRAM = load_embodiment('ur5e').stops[0]
BUTTON = load_embodiment('ur5e').stops[1]


def test_a_stop_that_nobody_publishes_is_named(bench: Any) -> None:
    stops = StopTopics(bench, (BUTTON,), lambda _: None)
    text = f'/{BUTTON.topic}: got no publisher, expected one: it cannot stop the robot'
    assert str(stops.absence).startswith(text)
    bench.world.create_publisher(Bool, BUTTON.topic, REPORT)
    bench.until(lambda: stops.absence is None, 'the publisher')
    must_report = replace(BUTTON, topic='other', mandatory=True)
    assert StopTopics(bench, (must_report,), lambda _: None).absence is None


def test_change_published_before_the_start_is_heard(bench: Any) -> None:
    assert PROGRAM.latched
    running = bench.world.create_publisher(Bool, PROGRAM.topic, LATCHED)
    running.publish(Bool(data=False))
    heard: list[str] = []
    stops = StopTopics(bench, (PROGRAM,), heard.append)
    bench.until(lambda: heard, 'the stop from before')
    assert stops.reason == f'/{PROGRAM.topic}: the robot program stopped (data = False)'
    running.publish(Bool(data=True))
    bench.until(lambda: stops.reason is None, 'the end of the stop')


# rclpy tells the publisher, in a way it deprecates itself, that one of the two does not match.
@pytest.mark.filterwarnings('ignore:Deprecated in favor of:DeprecationWarning')
@pytest.mark.parametrize('stop', [PROGRAM, BUTTON])
@pytest.mark.parametrize('qos', [qos_profile_sensor_data, REPORT, LATCHED])
def test_publisher_of_any_quality_is_heard(bench: Any, stop: StopSpec, qos: QoSProfile) -> None:
    stops = StopTopics(bench, (stop,), lambda _: None)
    publisher = bench.world.create_publisher(Bool, stop.topic, qos)

    def publish_and_look() -> bool:
        publisher.publish(Bool(data=bool(stop.stop_values[0])))
        return stops.reason is not None

    bench.until(publish_and_look, 'the stop')


def test_fields_of_one_topic_stop_by_themselves(bench: Any) -> None:
    both = tuple(
        StopSpec('state', 'sensor_msgs/msg/Image', field, (1,), 'wrong')
        for field in ('height', 'width')
    )
    stops = StopTopics(bench, both, lambda _: None)
    publisher = bench.world.create_publisher(Image, 'state', REPORT)

    def until(height: int, width: int, reason: str | None) -> None:
        def publish_and_look() -> bool:
            publisher.publish(Image(height=height, width=width))
            return stops.reason == reason

        bench.until(publish_and_look, f'{reason}')

    until(1, 0, '/state: wrong (height = 1)')
    until(0, 0, None)
    until(0, 1, '/state: wrong (width = 1)')


class Listener:
    """Stop topics with what they said, and publishers of a button."""

    def __init__(self, bench: Any, stop: StopSpec, previous: StopTopics | None = None) -> None:
        self.bench, self.stop, self.heard = bench, stop, list[str]()
        self.topics = StopTopics(bench, (stop,), self.heard.append, previous)

    def button(self) -> Any:
        return self.bench.world.create_publisher(Bool, self.stop.topic, REPORT)

    def until(self, sender: Any, value: bool, condition: Any, what: str) -> None:
        def publish_and_look() -> bool:
            sender.publish(Bool(data=value))
            return bool(condition())

        self.bench.until(publish_and_look, what)


def button(**changes: Any) -> StopSpec:
    return StopSpec('button', 'std_msgs/msg/Bool', 'data', (True,), 'pressed', **changes)


def test_two_buttons_on_one_topic_are_released_one_by_one(bench: Any) -> None:
    listener = Listener(bench, button())
    first, second = listener.button(), listener.button()
    for sender in (first, second):
        listener.until(sender, True, lambda: listener.topics.reason, 'the stop')
    calm = Listener(bench, button(mandatory=True))  # hears the second, and nothing before
    listener.until(second, False, lambda: calm.topics.refusal() is None, 'the release')
    assert listener.topics.reason == '/button: pressed (data = True)'
    listener.until(first, False, lambda: listener.topics.reason is None, 'both releases')


def test_a_stop_outlives_a_configuration_and_the_button_that_gave_it(bench: Any) -> None:
    listener = Listener(bench, button())
    first = listener.button()
    listener.until(first, True, lambda: listener.topics.reason, 'the stop')
    bench.world.destroy_publisher(first)
    again = Listener(bench, button(), listener.topics)
    bench.until(lambda: bench.node.count_publishers('button') == 0, 'the end of the button')
    again.topics.look()
    assert again.topics.reason == '/button: pressed (data = True)'
    second = listener.button()

    def is_free() -> bool:
        again.topics.look()
        return again.topics.reason is None

    again.until(second, False, is_free, 'another button in its place')


def test_mandatory_topic_must_speak_first_and_its_publisher_must_stay(bench: Any) -> None:
    listener = Listener(bench, button(mandatory=True))
    listener.topics.look()
    assert listener.heard == []
    assert 'got no message that says "no stop"' in str(listener.topics.refusal())
    sender = listener.button()
    listener.until(sender, False, lambda: listener.topics.refusal() is None, 'its word')
    listener.topics.look()
    bench.world.destroy_publisher(sender)

    def is_missed() -> bool:
        listener.topics.look()
        return bool(listener.heard)

    bench.until(is_missed, 'the end of its publisher')
    assert listener.heard[0] == (
        '/button: a publisher that was heard is gone, expected it to stay; restart it'
    )
    assert listener.topics.refusal() is not None


def test_silent_heartbeat_stops(bench: Any) -> None:
    listener = Listener(bench, button(heartbeat_s=0.2))
    sender = listener.button()
    listener.until(sender, False, lambda: listener.topics.refusal() is None, 'its word')

    def is_missed() -> bool:
        listener.topics.look()
        return bool(listener.heard)

    bench.until(is_missed, 'the silence')
    assert 'expected one every 0.2 s (heartbeat_s)' in listener.heard[0]


def test_message_type_that_is_not_there_is_named(bench: Any) -> None:
    for kind, text in (
        (
            'nowhere_msgs/msg/Stop',
            r'stops\[0\].type: got no nowhere_msgs/msg/Stop here, .*; apt-get install',
        ),
        (
            'std_msgs/msg/Empty',
            r"stops\[0\].field: got 'data' .no such field., expected a boolean",
        ),
    ):
        with pytest.raises(ConfigError, match=text):
            StopTopics(bench, (StopSpec('t', kind, 'data', (True,), 'why'),), print)


def test_where_nothing_is_commanded_a_missing_type_leaves_the_others(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, heard = Mock(), list[str]()
    monkeypatch.setattr(bench, 'get_logger', lambda: log, raising=False)
    stops = (
        StopSpec('gone', 'nowhere_msgs/msg/Stop', 'data', (True,), 'nowhere'),
        StopSpec('pressed', 'std_msgs/msg/Bool', 'data', (True,), 'emergency stop'),
    )
    topics = StopTopics(bench, stops, heard.append, is_shadow=True)
    log.warning.assert_called_once()
    told = log.warning.call_args[0][0]
    assert told.startswith('stops[0].type: got no nowhere_msgs/msg/Stop here')
    assert told.endswith('gone is left out, as this is shadow mode')
    assert topics.refusal() is None
    # Places are those of the file, also behind an entry that is left out.
    wrong = (stops[0], replace(stops[1], field='nothing'))
    with pytest.raises(ConfigError, match=r'stops\[1\].field'):
        StopTopics(bench, wrong, heard.append, is_shadow=True)
