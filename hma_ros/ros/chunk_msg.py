# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Action chunks: messages to arrays with all checks, and back."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.errors import MessageError
from hma_ros.msg import ActionChunk
from hma_ros.ros.stamps import stamp_ns, to_duration, to_stamp

_UNITS = {'m': 'm', 'rad': 'rad', 'open_closed': '1'}


def to_actions(message: Any, spec: EmbodimentSpec, topic: str) -> NDArray[np.float64]:
    """
    Read the actions of a chunk.

    :returns: ``float64[horizon, A]`` in the units of the embodiment; horizon 0 says that the
        actions are not known.
    :raises MessageError: another embodiment, other names or units, no step length, a wrong count,
        or a value that is not finite.
    """
    names, units = spec.action.names, _units(spec)
    for what, expected, got in (
        ('embodiment', spec.name, message.embodiment),
        ('names', ', '.join(names), ', '.join(message.names)),
        ('units', ', '.join(units), ', '.join(message.units)),
    ):
        if expected != got:
            raise MessageError(f'{topic}: expected {what} {expected!r}, got {got!r}')
    if stamp_ns(message.step_dt) <= 0:
        raise MessageError(f'{topic}: expected step_dt > 0, got {step_dt_s(message):g} s')
    actions = np.array(message.actions, np.float64)
    if actions.size != message.horizon * len(names):
        raise MessageError(
            f'{topic}: expected {message.horizon} x {len(names)} actions, got {actions.size}'
        )
    if not np.isfinite(actions).all():
        index = int(np.argmax(~np.isfinite(actions)))
        raise MessageError(
            f'{topic}: expected finite actions, got {actions[index]} for '
            f'{names[index % len(names)]} of step {index // len(names)}'
        )
    return actions.reshape(message.horizon, len(names))


def from_actions(spec: EmbodimentSpec, time_ns: int, actions_HA: ArrayLike | None) -> ActionChunk:
    """
    Make a chunk.

    :param time_ns: start of step 0.
    :param actions_HA: ``[H, A]`` in the units of the embodiment; None where they are not known.
    """
    message = ActionChunk(embodiment=spec.name)
    message.header.stamp = to_stamp(time_ns)
    message.header.frame_id = spec.action.frame if spec.action.is_cartesian else ''
    message.names, message.units = list(spec.action.names), list(_units(spec))
    message.step_dt = to_duration(spec.rates.step_dt_s)
    if actions_HA is not None:
        actions = np.asarray(actions_HA, np.float64)
        message.horizon = len(actions)
        message.actions = actions.ravel().tolist()
    return message


def step_dt_s(message: Any) -> float:
    """Return the length of a step in seconds."""
    return stamp_ns(message.step_dt) * 1e-9


def _units(spec: EmbodimentSpec) -> tuple[str, ...]:
    return tuple(_UNITS[unit] for unit in spec.action.units)
