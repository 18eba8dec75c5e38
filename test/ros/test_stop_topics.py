# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A stop is heard: from before the start, from any publisher, and from each field by itself."""

from typing import Any

import pytest
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import Image
from std_msgs.msg import Bool

from hma_ros.core.embodiment import StopSpec, load_embodiment
from hma_ros.ros.qos import LATCHED, REPORT
from hma_ros.ros.stop_topics import StopTopics

pytestmark = pytest.mark.ros
PROGRAM = load_embodiment('ur5e').stops[0]
BUTTON = load_embodiment('ur5e').stops[1]


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
