# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The gripper switches past the hysteresis, at most as often as it bears."""

from dataclasses import replace

from hma_ros.core.control.gripper import GripperSwitch
from hma_ros.core.embodiment import load_embodiment

SPEC = load_embodiment('franka').gripper
assert SPEC is not None
S = 1_000_000_000


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
    assert switch.update(-1.0, S // 2) is None
    assert switch.update(-1.0, S) == SPEC.closed_position


def test_a_model_whose_one_is_closed() -> None:
    switch = GripperSwitch(
        replace(SPEC, model_open=0.0, model_closed=1.0, threshold=0.5, hysteresis=0.1)
    )
    assert switch.update(0.0, 0) == SPEC.open_position


def test_says_the_first_position_again_after_a_reset() -> None:
    switch = GripperSwitch(SPEC)
    assert switch.update(None, 0) is None
    assert switch.position is None
    assert switch.update(1.0, 0) == SPEC.open_position
    assert switch.update(1.0, 1) is None
    switch.reset()
    assert switch.update(1.0, 2) == SPEC.open_position
