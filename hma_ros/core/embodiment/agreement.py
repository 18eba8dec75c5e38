# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Do the sections of an embodiment file agree with one another?"""

from collections.abc import Callable
from typing import NoReturn

import numpy as np

from hma_ros.core.control.orientation import rotation_vector
from hma_ros.core.embodiment.named_topics import named_topics
from hma_ros.core.embodiment.spec import YUV_ENCODINGS, EmbodimentSpec
from hma_ros.core.embodiment.stop_values import impossible_value, std_field_type
from hma_ros.core.short_text import quoted

# Raises the error of a key; arguments: key, what is expected, what is there.
Fail = Callable[[str, str, str], NoReturn]
_SLACK_RAD = 1e-6


def check_agreement(spec: EmbodimentSpec, fail: Fail) -> None:
    """
    Compare the sections of a valid file.

    :param fail: raises the EmbodimentError of a key.
    :raises EmbodimentError: two keys contradict each other.
    """
    for check in (_check_width, _check_frames, _check_orientation, _check_stops, _check_topics):
        check(spec, fail)


def _check_width(spec: EmbodimentSpec, fail: Fail) -> None:
    halved = [name for name in spec.camera.encodings if name in YUV_ENCODINGS]
    if halved and spec.camera.width % 2:
        fail(
            'camera.width', f'an even number for the encoding {halved[0]}', str(spec.camera.width)
        )


def _check_frames(spec: EmbodimentSpec, fail: Fail) -> None:
    frame = spec.action.frame
    if not spec.action.is_cartesian:
        return
    named = {f'commands[{i}].frame_id': item.frame_id for i, item in enumerate(spec.commands)}
    if spec.state.pose is not None:
        named['state.pose.frame_id'] = spec.state.pose.frame_id
    for key, got in named.items():
        if got != frame:
            fail(key, f'{quoted(frame)}, the frame of the actions (action.frame)', quoted(got))


def _check_orientation(spec: EmbodimentSpec, fail: Fail) -> None:
    limits = spec.limits.orientation
    for index, command in enumerate(spec.commands):
        if limits is None or command.orientation_xyzw is None:
            continue
        turn = rotation_vector(command.orientation_xyzw, limits.reference_xyzw)
        angle_rad = float(np.abs(turn).max())
        if angle_rad > limits.max_angle + _SLACK_RAD:
            fail(
                f'commands[{index}].orientation_xyzw',
                f'at most {limits.max_angle:g} rad from limits.orientation.reference_xyzw about '
                'any axis (limits.orientation.max_angle)',
                f'{angle_rad:.3g} rad',
            )


def _check_stops(spec: EmbodimentSpec, fail: Fail) -> None:
    for index, stop in enumerate(spec.stops):
        field_type = std_field_type(stop.type) if stop.field == 'data' else None
        wrong = None if field_type is None else impossible_value(field_type, stop.stop_values)
        if wrong is not None:
            fail(f'stops[{index}].stop_values', wrong[1], wrong[0])


def _check_topics(spec: EmbodimentSpec, fail: Fail) -> None:
    """Refuse a topic that is named for two purposes: both cannot be true."""
    purposes: dict[str, tuple[str, str]] = {}
    for item in named_topics(spec):
        key, purpose = purposes.setdefault(item.name.lstrip('/'), (item.key, item.purpose))
        if purpose != item.purpose:
            got = f'{quoted(item.name)}, which is {key} too'
            fail(item.key, f'a topic of {item.purpose} alone', got)
