# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Joint states: messages to vectors in the order of the embodiment, and back."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sensor_msgs.msg import JointState

from hma_ros.core.errors import MessageError
from hma_ros.ros.stamps import to_stamp


def positions(message: Any, names: Sequence[str], topic: str) -> NDArray[np.float64]:
    """
    Pick positions by name.

    :param names: as the driver calls the joints, in the wanted order.
    :returns: ``float64[len(names)]``.
    :raises MessageError: a joint is missing, or a position is missing or not finite.
    """
    if len(message.position) != len(message.name):
        raise MessageError(
            f'{topic}: expected one position per name ({len(message.name)}), '
            f'got {len(message.position)}'
        )
    by_name = dict(zip(message.name, message.position, strict=True))
    missing = [name for name in names if name not in by_name]
    if missing:
        raise MessageError(
            f'{topic}: expected joint {missing[0]!r}, got {", ".join(message.name) or "no joints"}'
        )
    values = np.array([by_name[name] for name in names], np.float64)
    if not np.isfinite(values).all():
        index = int(np.argmax(~np.isfinite(values)))
        raise MessageError(
            f'{topic}: expected a finite position of {names[index]!r}, got {values[index]}'
        )
    return values


def from_positions(
    time_ns: int, names: Sequence[str], values: ArrayLike, velocities: ArrayLike
) -> JointState:
    """Make a JointState; radians or metres, and the same per second."""
    message = JointState(name=list(names))
    message.header.stamp = to_stamp(time_ns)
    message.position = np.asarray(values, np.float64).tolist()
    message.velocity = np.asarray(velocities, np.float64).tolist()
    return message
