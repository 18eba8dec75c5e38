# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Parts of the simulated scenes are found where the simulator has them."""

import numpy as np
import pytest

from hma_ros.evaluation.scene_parts import LEAST_AREA_PX, PARTS, find_parts
from hma_ros.sim import TASK_NAMES, make_task
from hma_ros.sim.scene import project


@pytest.fixture(scope='module', params=TASK_NAMES)
def scene(request: pytest.FixtureRequest):
    """Return a robot, a frame of 64 pixels and one of 128 of it, and the places in it."""
    task = make_task(request.param)
    try:
        task.reset(5)
        places = np.stack([task.tool_pose()[0], task.object_position(), task.goal_position()])
        yield (
            request.param,
            task.frame(64, 64),
            task.frame(128, 128),
            project(task.view, places, 64),
        )
    finally:
        task.close()


def test_every_part_is_seen_and_is_where_it_is(scene):
    name, frame, larger, places_xy = scene
    same = find_parts(PARTS[name], frame, frame, places_xy[0])
    twice = find_parts(PARTS[name], larger, larger, 2 * places_xy[0])
    for part, seen, seen_larger in zip(PARTS[name], same, twice, strict=True):
        assert seen.is_visible, part
        assert seen.is_alive
        assert seen.error == 0
        # Whatever the size of the picture, in pixels of 64.
        assert seen_larger.area == pytest.approx(seen.area, rel=0.4), part


def test_objects_project_to_where_their_colour_is(scene):
    name, frame, _, places_xy = scene
    empty = np.full_like(frame, 90)
    for part in PARTS[name]:
        if part.is_end_of_arm:
            continue
        # Only what is near the projected place is left, which must be most of the part.
        x, y = places_xy[('tool', 'object', 'mark').index(part.role)].round().astype(int)
        near = empty.copy()
        box = (slice(max(y - 10, 0), y + 11), slice(max(x - 10, 0), x + 11))
        near[box] = frame[box]
        (seen,) = find_parts([part], frame, near, places_xy[0])
        assert seen.area > 0.8 * seen.true_area, part


def test_what_vanished_is_not_alive(scene):
    name, frame, _, places_xy = scene
    for seen in find_parts(PARTS[name], frame, np.full_like(frame, 90), places_xy[0]):
        assert not seen.is_alive
        assert np.isnan(seen.error)


@pytest.mark.parametrize(('dx', 'dy'), [(3, 0), (-2, 4)])
def test_a_shifted_picture_is_so_far_off(scene, dx, dy):
    name, frame, _, places_xy = scene
    shifted = np.roll(frame, (dy, dx), (0, 1))
    for part, seen in zip(
        PARTS[name], find_parts(PARTS[name], frame, shifted, places_xy[0]), strict=True
    ):
        assert seen.error == pytest.approx(np.hypot(dx, dy), abs=0.3), part


def test_what_the_truth_hides_is_not_judged():
    black = np.zeros((64, 64, 3), np.uint8)
    for seen in find_parts(PARTS['sim_planar'], black, black, np.array([32.0, 32.0])):
        assert seen.true_area < LEAST_AREA_PX
        assert not seen.is_visible
