# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Action chunks: messages, live or from a bag, to arrays with all checks."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.errors import MessageError
from hma_ros.core.messages.stamp import stamp_ns
from hma_ros.core.short_text import quoted

_UNITS = {'m': 'm', 'rad': 'rad', 'open_closed': '1'}


def to_actions(message: Any, spec: EmbodimentSpec, topic: str) -> NDArray[np.float64]:
    """
    Read the actions of a chunk.

    :returns: ``float64[horizon, A]`` in the units of the embodiment; horizon 0 says that the
        actions are not known.
    :raises MessageError: another embodiment, frame, names or units, no step length, a wrong
        count, more than two steps of the model, or a value that is not finite. Numbers are read
        only when the form is right.
    """
    names = spec.action.names
    _check_form(message, spec, topic)
    actions = np.array(message.actions, np.float64)
    if not np.isfinite(actions).all():
        index = int(np.argmax(~np.isfinite(actions)))
        raise MessageError(
            f'{topic}: {names[index % len(names)]} of step {index // len(names)}: got '
            f'{actions[index]}, expected a finite number'
        )
    return actions.reshape(message.horizon, len(names))


def _check_form(message: Any, spec: EmbodimentSpec, topic: str) -> None:
    frame = spec.action.frame if spec.action.is_cartesian else ''
    for what, expected, got in (
        ('embodiment', spec.name, message.embodiment),
        ('header.frame_id', frame, message.header.frame_id),
        ('names', list(spec.action.names), message.names),
        ('units', list(message_units(spec)), message.units),
    ):
        if expected != got:
            raise MessageError(f'{topic}: {what}: got {quoted(got)}, expected {quoted(expected)}')
    if stamp_ns(message.step_dt) <= 0:
        raise MessageError(f'{topic}: step_dt: got {step_dt_s(message):g} s, expected more than 0')
    most, width = spec.rates.max_chunk_steps, len(spec.action.names)
    if message.horizon > most:
        raise MessageError(
            f'{topic}: horizon: got {message.horizon}, expected at most {most}, two steps of the '
            'model'
        )
    if len(message.actions) != message.horizon * width:
        raise MessageError(
            f'{topic}: actions: got {len(message.actions)} numbers, expected '
            f'{message.horizon} x {width}'
        )


def step_dt_s(message: Any) -> float:
    """Return the length of a step in seconds."""
    return stamp_ns(message.step_dt) * 1e-9


def message_units(spec: EmbodimentSpec) -> tuple[str, ...]:
    """Return the units of an action as messages say them."""
    return tuple(_UNITS[unit] for unit in spec.action.units)
