# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Chunks and rollouts come back as they were sent; everything else is refused by name."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import MessageError
from hma_ros.ros import rollout_msg
from hma_ros.ros.chunk_msg import from_actions, step_dt_s, to_actions

FRANKA = load_embodiment('sim_franka')
FINITE = st.floats(-1e6, 1e6)


@settings(deadline=None, max_examples=50)
@given(
    arrays(np.float64, st.tuples(st.integers(1, 6), st.just(4)), elements=FINITE),
    st.integers(0, 2**40),
)
def test_round_trip(actions: np.ndarray, time_ns: int) -> None:
    message = from_actions(FRANKA, time_ns, actions)
    assert message.header.stamp.sec * 10**9 + message.header.stamp.nanosec == time_ns
    assert (message.header.frame_id, message.horizon) == ('base', len(actions))
    assert list(message.units) == ['m', 'm', 'm', '1']
    assert step_dt_s(message) == 0.05
    np.testing.assert_array_equal(to_actions(message, FRANKA, 'chunk'), actions)


def test_unknown_actions_have_no_steps() -> None:
    assert to_actions(from_actions(FRANKA, 0, None), FRANKA, 'chunk').shape == (0, 4)


def _set(name: str, value: object) -> Callable[[Any], None]:
    return lambda message: setattr(message, name, value)


def _no_step(message: Any) -> None:
    message.step_dt.nanosec = 0


@pytest.mark.parametrize(
    ('spoil', 'sentence'),
    [
        (_set('embodiment', 'ur5e'), "expected embodiment 'sim_franka', got 'ur5e'"),
        (_set('names', ['dx', 'dy', 'dz', 'hand']), "got 'dx, dy, dz, hand'"),
        (_set('units', ['mm', 'm', 'm', '1']), "expected units 'm, m, m, 1'"),
        (_no_step, 'expected step_dt > 0'),
        (_set('horizon', 3), 'expected 3 x 4 actions, got 8'),
        (_set('actions', [0.0] * 6 + [float('nan'), 1.0]), 'got nan for dz of step 1'),
    ],
)
def test_refusals(spoil: Callable[[Any], None], sentence: str) -> None:
    message = from_actions(FRANKA, 0, np.zeros((2, 4)))
    spoil(message)
    with pytest.raises(MessageError, match=sentence) as error:
        to_actions(message, FRANKA, '/chunk')
    assert str(error.value).startswith('/chunk: ')


def test_rollout_round_trip() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
    actions = np.random.default_rng(1).normal(size=(3, 2, 4)).astype(np.float32)
    message = rollout_msg.from_rollout(FRANKA, 10**9, frames, actions, 'optical')
    assert rollout_msg.frame_dt_s(message) == 0.1
    assert message.frames[2].header.stamp.nanosec == 300_000_000
    np.testing.assert_array_equal(rollout_msg.to_frames(message, 'rollout'), frames)
    np.testing.assert_array_equal(rollout_msg.to_actions(message, 'rollout'), actions)


def test_rollout_refusals() -> None:
    message = rollout_msg.from_rollout(
        FRANKA, 0, np.zeros((2, 8, 8, 3), np.uint8), np.zeros((2, 2, 4), np.float32), ''
    )
    message.actions[3] = float('inf')
    with pytest.raises(MessageError, match=r'/rollout: actions: got .*, expected \[2, 2, 4\]'):
        rollout_msg.to_actions(message, '/rollout')
    message.frames = message.frames[:1]
    with pytest.raises(MessageError, match=r'/rollout: frames: got 1, expected horizon 2 >= 1'):
        rollout_msg.to_frames(message, '/rollout')
