# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The gripper switches past the hysteresis, at most as often as it bears."""

from dataclasses import replace

from hma_ros.core.control.gripper import GripperSwitch
from hma_ros.core.embodiment import load_embodiment

SPEC = load_embodiment('franka').gripper
assert SPEC is not None


def test_switches_past_the_hysteresis_only() -> None:
    switch = GripperSwitch(replace(SPEC, min_interval_s=0.0, hysteresis=0.3, threshold=0.0))
    assert switch.update(0.2, 0) is None
    assert switch.update(0.4, 1) == SPEC.open_position
    assert switch.update(-0.2, 2) is None
    assert switch.update(-0.4, 3) == SPEC.closed_position
    assert switch.update(0.2, 4) is None
    assert switch.position == SPEC.closed_position


def test_switches_again_only_after_the_interval() -> None:
    switch = GripperSwitch(replace(SPEC, min_interval_s=1.0))
    assert switch.update(1.0, 0) == SPEC.open_position
    assert switch.update(-1.0, 0.5) is None
    assert switch.update(-1.0, 1.0) == SPEC.closed_position


def test_a_model_whose_one_is_closed() -> None:
    switch = GripperSwitch(
        replace(SPEC, model_open=0.0, model_closed=1.0, threshold=0.5, hysteresis=0.1)
    )
    assert switch.update(0.0, 0) == SPEC.open_position


def test_says_a_position_once_and_again_where_it_was_not_carried_out() -> None:
    switch = GripperSwitch(replace(SPEC, min_interval_s=1.0))
    assert switch.update(None, 0) is None
    assert (switch.position, switch.model_value) == (None, None)
    assert switch.update(1.0, 0) == SPEC.open_position
    assert switch.update(1.0, 2.0) is None
    switch.repeat()
    assert switch.update(1.0, 2.0) == SPEC.open_position
    switch.repeat()
    assert switch.update(1.0, 2.99) is None


def test_model_is_not_left_with_a_grip_that_failed() -> None:
    switch = GripperSwitch(replace(SPEC, min_interval_s=0.0))
    switch.update(1.0, 0)
    assert switch.model_value == SPEC.model_open
    switch.note(has_failed=True, has_arrived=False)
    assert (switch.position, switch.model_value) == (None, None)
    # It is tried again: nobody knows before it was carried out.
    assert switch.update(1.0, 1) == SPEC.open_position
    switch.note(has_failed=False, has_arrived=False)
    assert switch.model_value is None
    switch.note(has_failed=False, has_arrived=True)
    assert switch.model_value == SPEC.model_open


def test_interval_counts_on_in_the_next_configuration() -> None:
    before, switch = (GripperSwitch(replace(SPEC, min_interval_s=1.0)) for _ in range(2))
    before.update(1.0, 0)
    switch.adopt(before)
    assert switch.position is None
    assert switch.update(-1.0, 0.99) is None
    assert switch.update(-1.0, 1.0) == SPEC.closed_position
