# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Decode real messages with the code of the nodes, and judge what they say."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hma_ros.cli.checks.finding import Finding, fail, warn
from hma_ros.cli.checks.listening import Sample
from hma_ros.cli.checks.units import Bounds, judge_values
from hma_ros.core.control.orientation import rotation_vector
from hma_ros.core.control.position_history import PositionHistory
from hma_ros.core.embodiment import CameraSpec, PoseSpec, StateSource, StopSpec
from hma_ros.core.embodiment.spec import ENCODINGS, OLD_ENCODING_NAMES, OrientationSpec
from hma_ros.core.embodiment.stop_values import read_flag
from hma_ros.core.errors import MessageError
from hma_ros.core.messages.image import to_rgb
from hma_ros.core.messages.pose import to_pose
from hma_ros.core.vision.image import preprocess


def judge_image(camera: CameraSpec, topic: str, samples: Sequence[Sample]) -> list[Finding]:
    """Decode the newest image and bring it to the size of the model."""
    message = samples[-1].message
    try:
        preprocess(to_rgb(message, topic, camera), camera)
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
    history = PositionHistory(source.message_names, topic, max_age_s=1.0)
    try:
        for sample in samples:
            history.add(0, sample.message.name, sample.message.position)
    except MessageError as error:
        return [fail(topic, _reason(error, topic), _joint_remedy(key, samples))]
    newest = history.newest()
    if newest is None:
        stamps = zip(source.message_names, history.newest_stamps(), strict=True)
        missing = [name for name, stamp in stamps if stamp is None]
        heard = ', '.join(sorted({name for item in samples for name in item.message.name}))
        text = f'got no positions of {", ".join(missing)} (only of {heard or "no joints"})'
        remedy = f"write the driver's names into {key}.message_names, or correct {key}.topic"
        return [fail(topic, f'{text}, expected all joints', remedy)]
    by_name = dict(zip(source.joints, newest[0].tolist(), strict=True))
    return judge_values(topic, by_name, *limits) + _joints_sent_twice(source, topic, samples)


def judge_pose(
    pose: PoseSpec,
    topic: str,
    limits: tuple[Mapping[str, Bounds], Mapping[str, str]],
    orientation: OrientationSpec | None,
    samples: Sequence[Sample],
) -> list[Finding]:
    """
    Read the tool pose.

    :param limits: bounds and units of the commanded coordinates.
    :param orientation: limits of the orientation; None if it is not commanded.
    """
    try:
        xyz, quat_xyzw = to_pose(samples[-1].message, pose.frame_id, topic)
    except MessageError as error:
        return [fail(topic, _reason(error, topic), 'configure the driver, or correct state.pose')]
    if not xyz.any() and quat_xyzw.tolist() == [0.0, 0.0, 0.0, 1.0]:
        text = 'pose: got the default (0, 0, 0; 0, 0, 0, 1), expected a measured pose'
        return [fail(topic, text, 'activate the driver, or correct state.pose.topic')]
    found = judge_values(topic, dict(zip('xyz', xyz.tolist(), strict=True)), *limits)
    if orientation is not None:
        found += _judge_orientation(topic, quat_xyzw, orientation)
    return found


def _judge_orientation(
    topic: str, quat_xyzw: NDArray[np.float64], limits: OrientationSpec
) -> list[Finding]:
    turn_rad = float(np.abs(rotation_vector(quat_xyzw, limits.reference_xyzw)).max())
    allowed_rad = limits.max_angle + limits.start_margin
    if turn_rad <= allowed_rad:
        return []
    text = (
        f'orientation: got {turn_rad:.3g} rad from limits.orientation.reference_xyzw, expected at '
        f'most {allowed_rad:.3g}: mode execute does not start here'
    )
    return [warn(topic, text, 'turn the tool, or correct limits.orientation.reference_xyzw')]


def judge_stop(stop: StopSpec, topic: str, samples: Sequence[Sample]) -> list[Finding]:
    """Read the field that stops: any publisher that says stop counts."""
    for value in (read_flag(getattr(sample.message, stop.field)) for sample in samples):
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
    transport = 'raw' if hasattr(message, 'encoding') else 'compressed'
    if encoding and encoding not in ENCODINGS[transport]:
        names = ', '.join(camera.encodings)
        return f'configure the driver to publish one of {names} (camera.encodings)'
    alike = {OLD_ENCODING_NAMES.get(name, name) for name in camera.encodings}
    if encoding and OLD_ENCODING_NAMES.get(encoding, encoding) not in alike:
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
    from PIL import Image as PilImage

    try:
        with PilImage.open(io.BytesIO(bytes(message.data))) as image:
            return image.size, str(image.format).lower()
    except (OSError, SyntaxError, ValueError, PilImage.DecompressionBombError):
        return None, ''


def _joint_remedy(key: str, samples: Sequence[Sample]) -> str:
    messages = [sample.message for sample in samples]
    if any(not item.position and len(item.velocity) for item in messages):
        return (
            'the driver sends velocities without positions: add position to its state interfaces, '
            f'or correct {key}.topic'
        )
    if any(not np.isfinite(item.position).all() for item in messages):
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
