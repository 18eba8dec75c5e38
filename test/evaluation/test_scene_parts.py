# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Parts of the simulated scenes are found where the simulator has them."""

import numpy as np
import pytest

from hma_ros.evaluation.scene_parts import LEAST_AREA_PX, PARTS, Seen, base_of, find_parts
from hma_ros.sim import TASK_NAMES, make_task
from hma_ros.sim.episode import run_episode
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


def nothing(image: np.ndarray) -> np.ndarray:
    """Return a mask of no pixel."""
    return np.zeros(image.shape[:2], bool)


def test_every_part_is_seen_and_is_where_it_is(scene):
    name, frame, larger, places_xy = scene
    same = find_parts(PARTS[name], frame, frame, places_xy[0], nothing(frame))
    twice = find_parts(PARTS[name], larger, larger, 2 * places_xy[0], nothing(larger))
    for part, seen, seen_larger in zip(PARTS[name], same, twice, strict=True):
        assert seen.is_visible, part
        assert seen.is_alive
        assert seen.error == 0
        # Whatever the size of the image, in pixels of 64.
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
        (seen,) = find_parts([part], frame, near, places_xy[0], nothing(frame))
        assert seen.area > 0.8 * seen.true_area, part


def test_what_vanished_is_not_alive(scene):
    name, frame, _, places_xy = scene
    for seen in find_parts(
        PARTS[name], frame, np.full_like(frame, 90), places_xy[0], nothing(frame)
    ):
        assert not seen.is_alive
        assert np.isnan(seen.error)


@pytest.mark.parametrize(('dx', 'dy'), [(3, 0), (-2, 4)])
def test_a_shifted_image_is_so_far_off(scene, dx, dy):
    name, frame, _, places_xy = scene
    shifted = np.roll(frame, (dy, dx), (0, 1))
    for part, seen in zip(
        PARTS[name],
        find_parts(PARTS[name], frame, shifted, places_xy[0], nothing(frame)),
        strict=True,
    ):
        assert seen.error == pytest.approx(np.hypot(dx, dy), abs=0.3), part


def test_what_the_truth_occludes_is_not_judged():
    black = np.zeros((64, 64, 3), np.uint8)
    for seen in find_parts(
        PARTS['sim_planar'], black, black, np.array([32.0, 32.0]), nothing(black)
    ):
        assert seen.true_area < LEAST_AREA_PX
        assert not seen.is_visible


def test_an_object_of_which_half_is_covered_is_not_judged():
    tool, block, _ = PARTS['sim_planar']
    assert Seen(block, 60.0, 0.0, 0.0, full_area=100.0).is_visible
    assert not Seen(block, 40.0, 0.0, 0.0, full_area=100.0).is_visible
    # How much a tool shows depends on how it is turned.
    assert Seen(tool, 40.0, 0.0, 0.0, full_area=100.0).is_visible


@pytest.mark.parametrize('name', ['sim_franka', 'sim_so101'])
def test_the_base_of_an_arm_is_not_taken_for_its_end(name):
    """Paint the moving arm over: what is left of it is the base, which is not enough."""
    task = make_task(name)
    try:
        episodes = [run_episode(task, 'random', seed, 64, steps=40) for seed in range(8)]
        task.reset(5)
        truth, tool = task.frame(64, 64), task.tool_pose()[0][None]
        tool_xy = project(task.view, tool, 64)[0]
    finally:
        task.close()
    base = base_of(PARTS[name], [frame for item in episodes for frame in item.frames[8::8]])
    assert base.any()
    arm_gone = np.where(base[..., None], truth, np.uint8(90))
    seen = find_parts(PARTS[name], truth, arm_gone, tool_xy, base)[0]
    assert seen.is_visible
    assert not seen.is_alive
