# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Decode real messages with the code of the nodes, and judge what they say."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hma_ros.cli.checks.listening import Sample
from hma_ros.cli.checks.units import Bounds, judge_values
from hma_ros.cli.finding import Finding, fail, warn
from hma_ros.core.embodiment import CameraSpec, PoseSpec, StateSource, StopSpec
from hma_ros.core.errors import MessageError
from hma_ros.core.image import preprocess
from hma_ros.ros.image_msg import to_rgb
from hma_ros.ros.joint_state_msg import positions
from hma_ros.ros.pose_msg import to_pose


def judge_image(camera: CameraSpec, topic: str, samples: Sequence[Sample]) -> list[Finding]:
    """Decode the newest image and bring it to the size of the model."""
    message = samples[-1].message
    try:
        preprocess(to_rgb(message, topic, camera.encodings), camera)
    except MessageError as error:
        return [fail(topic, _reason(error, topic, camera.topic), _image_remedy(camera, message))]
    return []


def judge_camera_info(camera: CameraSpec, topic: str, samples: Sequence[Sample]) -> list[Finding]:
    """Compare the size that the driver states with that of the embodiment."""
    message = samples[-1].message
    got = message.width, message.height
    if got == (camera.width, camera.height):
        return []
    text = f'got {got[0]}x{got[1]}, expected {camera.width}x{camera.height} pixels'
    return [fail(topic, text, _size_remedy(got))]


def judge_joints(
    source: StateSource,
    key: str,
    topic: str,
    limits: tuple[Mapping[str, Bounds], Mapping[str, str]],
    samples: Sequence[Sample],
) -> list[Finding]:
    """
    Read the joints of a source, which several messages may share out among them.

    :param limits: bounds and units of the commanded coordinates.
    """
    parts = _newest_of_each_kind(source, samples)
    missing = set(source.message_names) - {name for part in parts for name in part.name}
    try:
        # With a joint missing everywhere, the nodes say so of any message.
        measured = [_read(source, part, topic, strict=bool(missing)) for part in parts]
    except MessageError as error:
        return [fail(topic, _reason(error, topic), _joint_remedy(key, parts, missing))]
    by_name = {name: value for part in measured for name, value in part.items()}
    found = judge_values(topic, by_name, *limits)
    return found + _joints_sent_twice(source, topic, samples)


def judge_pose(
    pose: PoseSpec,
    topic: str,
    limits: tuple[Mapping[str, Bounds], Mapping[str, str]],
    samples: Sequence[Sample],
) -> list[Finding]:
    """
    Read the tool pose.

    :param limits: bounds and units of the commanded coordinates.
    """
    try:
        xyz, quat_xyzw = to_pose(samples[-1].message, pose.frame_id, topic)
    except MessageError as error:
        return [fail(topic, _reason(error, topic), 'configure the driver, or correct state.pose')]
    if not xyz.any() and quat_xyzw.tolist() == [0.0, 0.0, 0.0, 1.0]:
        text = 'pose: got the default (0, 0, 0; 0, 0, 0, 1), expected a measured pose'
        return [fail(topic, text, 'activate the driver, or correct state.pose.topic')]
    return judge_values(topic, dict(zip('xyz', xyz.tolist(), strict=True)), *limits)


def judge_stop(stop: StopSpec, topic: str, samples: Sequence[Sample]) -> list[Finding]:
    """Read the field that stops: any publisher that says stop counts."""
    for value in (getattr(sample.message, stop.field) for sample in samples):
        if value in stop.stop_values:
            text = f'{stop.field}: got {value}: {stop.reason}; says stop now'
            return [warn(topic, text, 'release it; then call action_executor/resume')]
    return []


def _reason(error: MessageError, *topics: str) -> str:
    """Return the text of an error without the topic, which is the subject of the finding."""
    text = str(error)
    for topic in topics:
        text = text.removeprefix(f'{topic}: ')
    return text


def _image_remedy(camera: CameraSpec, message: Any) -> str:
    size, encoding = _sent(message)
    if encoding and encoding not in camera.encodings:
        return f'set camera.encodings: [{encoding}], or configure the driver'
    if size and size != (camera.width, camera.height):
        return _size_remedy(size)
    return 'the driver sends broken images: see its log, and the network between it and here'


def _size_remedy(size: tuple[int, int]) -> str:
    return (
        f'set camera.width: {size[0]} and camera.height: {size[1]} (and camera.crop), or '
        'configure the driver'
    )


def _sent(message: Any) -> tuple[tuple[int, int] | None, str]:
    """Return (width, height) and encoding of an image, as far as its header can be read."""
    if hasattr(message, 'encoding'):
        return (message.width, message.height), message.encoding
    from PIL import Image as Picture

    try:
        with Picture.open(io.BytesIO(bytes(message.data))) as picture:
            return picture.size, str(picture.format).lower()
    except (OSError, SyntaxError, ValueError, Picture.DecompressionBombError):
        return None, ''


def _newest_of_each_kind(source: StateSource, samples: Sequence[Sample]) -> list[Any]:
    """Return the newest message of each set of names with joints of the source, or the newest."""
    newest = {tuple(item.message.name): item.message for item in samples}
    wanted = set(source.message_names)
    parts = [message for names, message in newest.items() if wanted & set(names)]
    return parts or [samples[-1].message]


def _read(source: StateSource, message: Any, topic: str, strict: bool) -> dict[str, float]:
    """Return positions by the names of the embodiment."""
    names = [
        (ours, theirs)
        for ours, theirs in zip(source.joints, source.message_names, strict=True)
        if strict or theirs in message.name
    ]
    values = positions(message, [theirs for _, theirs in names], topic)
    return {ours: float(value) for (ours, _), value in zip(names, values, strict=True)}


def _joint_remedy(key: str, parts: Sequence[Any], missing: set[str]) -> str:
    if missing:
        return f"write the driver's names into {key}.message_names, or correct {key}.topic"
    if any(not part.position and len(part.velocity) for part in parts):
        return (
            'the driver sends velocities without positions: add position to its state interfaces, '
            f'or correct {key}.topic'
        )
    if any(not np.isfinite(part.position).all() for part in parts):
        return f'activate the hardware: the driver does not measure yet; or correct {key}.topic'
    return f'configure the driver, or correct {key}.topic'


def _joints_sent_twice(
    source: StateSource, topic: str, samples: Sequence[Sample]
) -> list[Finding]:
    for name in source.message_names:
        senders = {item.publisher for item in samples if name in item.message.name}
        if len(senders) > 1:
            text = f'{name}: got {len(senders)} publishers of this joint, expected 1'
            return [fail(topic, text, f'stop one of them (`ros2 topic info -v {topic}`)')]
    return []
