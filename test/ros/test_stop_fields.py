# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A stop topic's field must be one that a stop value can equal."""

from typing import Any

import pytest

from hma_ros.core.embodiment import StopSpec
from hma_ros.core.errors import ConfigError
from hma_ros.ros.stop_topics import StopTopics

pytestmark = pytest.mark.ros


@pytest.mark.parametrize(
    ('kind', 'field', 'got'),
    [
        ('CameraInfo', 'k', r'double\[9\]'),
        ('JointState', 'name', 'sequence<string>'),
        ('JointState', 'header', 'std_msgs/Header'),
        ('CameraInfo', 'distortion_model', 'string'),
        ('JointState', 'nothing', 'no such field'),
    ],
)
def test_a_field_that_equals_no_stop_value_is_refused(
    bench: Any, kind: str, field: str, got: str
) -> None:
    stop = StopSpec('state', f'sensor_msgs/msg/{kind}', field, (1,), 'wrong')
    text = rf"stops\[0\].field: got '{field}' \({got}\), expected a boolean or integer field"
    with pytest.raises(ConfigError, match=text):
        StopTopics(bench, (stop,), lambda _: None)


@pytest.mark.parametrize(
    ('kind', 'values', 'text'),
    [
        ('std_msgs/msg/Int8', (1, 1000), 'got 1000, expected an integer of -128 to 127'),
        ('std_msgs/msg/Bool', (1,), 'got 1, expected true or false'),
        ('std_msgs/msg/Int32', (True,), 'got True, expected an integer'),
    ],
)
def test_a_value_that_the_field_never_takes_is_refused(
    bench: Any, kind: str, values: tuple[bool | int, ...], text: str
) -> None:
    with pytest.raises(ConfigError, match=text):
        StopTopics(bench, (StopSpec('state', kind, 'data', values, 'wrong'),), lambda _: None)


def test_every_kind_of_flag_is_taken(bench: Any) -> None:
    stops = [
        StopSpec('a', 'sensor_msgs/msg/Image', 'height', (1,), 'wrong'),
        StopSpec('b', 'sensor_msgs/msg/Image', 'is_bigendian', (1,), 'wrong'),
        StopSpec('c', 'std_msgs/msg/Bool', 'data', (True,), 'wrong'),
        StopSpec('d', 'std_msgs/msg/Byte', 'data', (1,), 'wrong'),
    ]
    assert StopTopics(bench, tuple(stops), lambda _: None).reason is None
