# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Predicted rollouts: messages to arrays, and back."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.errors import MessageError
from hma_ros.core.messages.image import to_rgb
from hma_ros.core.messages.stamp import stamp_ns
from hma_ros.core.short_text import shortened
from hma_ros.core.units import NS_PER_S
from hma_ros.msg import PredictedRollout
from hma_ros.ros.image_msg import from_rgb
from hma_ros.ros.stamps import to_duration, to_stamp


def to_frames(message: Any, topic: str, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """
    Read the imagined frames.

    :param size: height and width they must have [px]; None takes any.
    :returns: ``uint8[horizon, H, W, 3]``, oldest first.
    :raises MessageError: no frames, not ``horizon`` of them, or frames of different sizes or of
        another one.
    """
    if message.horizon < 1 or len(message.frames) != message.horizon:
        raise MessageError(
            f'{topic}: frames: got {len(message.frames)}, expected horizon {message.horizon} >= 1'
        )
    frames = [to_rgb(frame, topic) for frame in message.frames]
    sizes = {frame.shape for frame in frames}
    if len(sizes) != 1:
        raise MessageError(
            f'{topic}: frames: got sizes {shortened(sorted(sizes))}, expected one size'
        )
    height, width, _ = sizes.pop()
    if size not in (None, (height, width)):
        raise MessageError(
            f'{topic}: frames: got {[height, width]}, expected {list(size or ())} (camera.resize)'
        )
    return np.stack(frames)


def to_actions(message: Any, topic: str) -> NDArray[np.float64] | None:
    """
    Read the actions that lead to the frames.

    :returns: ``float64[horizon, stride, A]``; None if frames were imagined whatever is done.
    :raises MessageError: a wrong count or a value that is not finite.
    """
    if not message.actions:
        return None
    shape = (message.horizon, message.stride, len(message.action_names))
    actions = np.array(message.actions, np.float64)
    if actions.size != math.prod(shape) or not np.isfinite(actions).all():
        raise MessageError(
            f'{topic}: actions: got {actions.size}, expected {list(shape)} finite ones'
        )
    return actions.reshape(shape)


def from_rollout(
    spec: EmbodimentSpec,
    time_ns: int,
    frames: NDArray[np.uint8],
    actions: NDArray[np.float32] | None,
    frame_id: str,
) -> PredictedRollout:
    """
    Make a rollout.

    :param time_ns: stamp of the last observed frame.
    :param frames: ``uint8[horizon, H, W, 3]``, oldest first.
    :param actions: ``float32[horizon, stride, A]``; step i leads to frame i; None if
        they are not known.
    """
    message = PredictedRollout(embodiment=spec.name, horizon=len(frames))
    message.header.stamp = to_stamp(time_ns)
    message.header.frame_id = frame_id
    message.frame_dt = to_duration(spec.rates.frame_dt_s)
    message.frames = [
        from_rgb(frame, time_ns + round((step + 1) * spec.rates.frame_dt_s * NS_PER_S), frame_id)
        for step, frame in enumerate(frames)
    ]
    message.action_names = list(spec.action.names)
    message.stride = spec.rates.stride
    if actions is not None:
        message.actions = actions.astype(np.float64).ravel().tolist()
    return message


def frame_dt_s(message: Any) -> float:
    """Return the time between two frames in seconds."""
    return stamp_ns(message.frame_dt) * 1e-9
