# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""One image with new stamps is called frozen only if the robot moved meanwhile."""

from array import array

import numpy as np
import pytest

from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.frozen_image import FrozenImage

MS = 1_000_000
UR5E = load_embodiment('ur5e')
HOME = np.array(UR5E.home)
STILL, OTHER = array('B', bytes(300)), array('B', bytes(299) + b'\x01')


def see(watch: FrozenImage, stamps_ms: range, speed: float, data: array = STILL) -> None:
    """See an image every 100 ms while the last joint moves at a speed in rad/s."""
    for stamp in stamps_ms:
        moved = HOME.copy()
        moved[-1] += speed * stamp / 1000
        watch.see(stamp * MS, array('B', data), moved)


@pytest.fixture
def watch() -> FrozenImage:
    return FrozenImage(UR5E, '/camera')


def test_a_still_robot_before_a_still_camera_is_no_fault(watch: FrozenImage) -> None:
    see(watch, range(0, 60_000, 100), 0.0)
    assert watch.fault is None


def test_the_same_image_of_a_robot_that_moved_is_frozen_until_another_comes(
    watch: FrozenImage,
) -> None:
    see(watch, range(0, 2100, 100), 0.1)
    assert watch.fault == (
        '/camera: got the same image for 2.0 s while wrist_3_joint moved by 0.2 rad, expected '
        'another; restart the camera or its driver'
    )
    see(watch, range(2100, 2200, 100), 0.1, OTHER)
    assert watch.fault is None


def test_an_image_may_come_later_than_the_motion_that_it_shows(watch: FrozenImage) -> None:
    see(watch, range(0, 900, 100), 2.0)
    assert watch.fault is None


def test_a_joint_that_goes_on_over_a_whole_turn_did_not_move_by_one() -> None:
    turning = FrozenImage(load_embodiment('kinova_gen3'), '/camera')
    joints = np.zeros(7)
    for stamp in range(0, 3000, 100):
        joints[0] = np.pi if stamp % 200 else -np.pi
        turning.see(stamp * MS, STILL, joints.copy())
    assert turning.fault is None


def test_nothing_is_said_while_the_joints_are_unknown(watch: FrozenImage) -> None:
    for stamp in range(0, 5000, 100):
        watch.see(stamp * MS, STILL, None)
    assert watch.fault is None


def test_a_clock_that_was_set_back_begins_anew(watch: FrozenImage) -> None:
    see(watch, range(0, 1500, 100), 0.1)
    see(watch, range(0, 900, 100), 0.1)
    assert watch.fault is None
