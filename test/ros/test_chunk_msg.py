# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Chunks and rollouts come back as they were sent; everything else is refused by name."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import MessageError
from hma_ros.core.messages.chunk import step_dt_s, to_actions
from hma_ros.ros import rollout_msg
from hma_ros.ros.chunk_msg import from_actions

FRANKA = load_embodiment('sim_franka')
FINITE = st.floats(-1e6, 1e6)


@settings(deadline=None, max_examples=50)
@given(
    arrays(np.float64, st.tuples(st.integers(1, 4), st.just(4)), elements=FINITE),
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


def _frame(message: Any) -> None:
    message.header.frame_id = 'world'


def _no_step(message: Any) -> None:
    message.step_dt.nanosec = 0


@pytest.mark.parametrize(
    ('spoil', 'sentence'),
    [
        (_set('embodiment', 'ur5e'), "embodiment: got 'ur5e', expected 'sim_franka'"),
        (_frame, "header.frame_id: got 'world', expected 'base'"),
        (
            _set('names', ['dx', 'dy', 'dz', 'hand']),
            "names: got ['dx', 'dy', 'dz', 'hand'], expected ['dx', 'dy', 'dz', 'gripper']",
        ),
        (
            _set('names', ['a'] * 9999),
            "names: got ['a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', ...], expected "
            "['dx', 'dy', 'dz', 'gripper']",
        ),
        (
            _set('units', ['mm', 'm', 'm', '1']),
            "units: got ['mm', 'm', 'm', '1'], expected ['m', 'm', 'm', '1']",
        ),
        (_no_step, 'step_dt: got 0 s, expected more than 0'),
        (_set('horizon', 5), 'horizon: got 5, expected at most 4, two steps of the model'),
        (_set('horizon', 3), 'actions: got 8 numbers, expected 3 x 4'),
        (
            _set('actions', [0.0] * 6 + [float('nan'), 1.0]),
            'dz of step 1: got nan, expected a finite number',
        ),
    ],
)
def test_refusals(spoil: Callable[[Any], None], sentence: str) -> None:
    message = from_actions(FRANKA, 0, np.zeros((2, 4)))
    spoil(message)
    with pytest.raises(MessageError) as error:
        to_actions(message, FRANKA, '/chunk')
    assert str(error.value) == f'/chunk: {sentence}'


def test_numbers_of_a_chunk_of_the_wrong_form_are_not_read() -> None:
    class Unreadable:
        """Fails when a number is read; a message may have a hundred million of them."""

        def __len__(self) -> int:
            return 10**8

        def __array__(self, *_arguments: object) -> np.ndarray:
            raise AssertionError('the numbers were read')

    sent = from_actions(FRANKA, 0, np.zeros((2, 4)))
    names = sent.get_fields_and_field_types()
    fields = {name: getattr(sent, name) for name in names} | {'actions': Unreadable()}
    with pytest.raises(MessageError, match='actions: got 100000000 numbers, expected 2 x 4'):
        to_actions(SimpleNamespace(**fields), FRANKA, '/chunk')
    fields['horizon'] = 25 * 10**6
    with pytest.raises(MessageError, match='horizon: got 25000000, expected at most 4'):
        to_actions(SimpleNamespace(**fields), FRANKA, '/chunk')


def test_text_of_others_is_quoted_in_part() -> None:
    message = from_actions(FRANKA, 0, None)
    message.embodiment = 'x' * 10**6
    with pytest.raises(MessageError) as error:
        to_actions(message, FRANKA, '/chunk')
    assert len(str(error.value)) < 300


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
    with pytest.raises(
        MessageError, match=r'/rollout: frames: got \[8, 8\], expected \[64, 64\] \(camera'
    ):
        rollout_msg.to_frames(message, '/rollout', (64, 64))
    message.frames = message.frames[:1]
    with pytest.raises(MessageError, match=r'/rollout: frames: got 1, expected horizon 2 >= 1'):
        rollout_msg.to_frames(message, '/rollout')
