# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What is kept of an episode, for images: nothing of the episode before."""

from typing import Any

import numpy as np
import pytest
from sensor_msgs.msg import Image

from hma_ros.core.embodiment import load_embodiment
from hma_ros.msg import PredictedRollout
from hma_ros.ros.episode_recorder import EpisodeRecorder
from hma_ros.ros.image_msg import from_rgb
from hma_ros.ros.qos import REPORT, SENSOR_OUT
from hma_ros.ros.rollout_msg import from_rollout

pytestmark = pytest.mark.ros
PLANAR = load_embodiment('sim_planar')
STEP_NS = 100_000_000


class Robot:
    """Publishes images and rollouts of one grey each."""

    def __init__(self, bench: Any) -> None:
        self._bench, self._told = bench, 0
        self.recorder = EpisodeRecorder(bench.node, PLANAR, self._count)
        self._images = bench.world.create_publisher(Image, PLANAR.camera.topic, SENSOR_OUT)
        self._rollouts = bench.world.create_publisher(
            PredictedRollout, 'world_model/prediction', REPORT
        )
        for publisher in (self._images, self._rollouts):
            bench.until(lambda it=publisher: it.get_subscription_count() == 1, 'subscriptions')

    def show(self, step: int, grey: int, side: int = 256) -> None:
        self._images.publish(
            from_rgb(np.full((side, side, 3), grey, np.uint8), step * STEP_NS, '')
        )

    def imagine(self, step: int, frames: int) -> None:
        grey = np.zeros((frames, 128, 128, 3), np.uint8)
        actions = np.zeros((frames, 1, 2), np.float32)
        self._rollouts.publish(from_rollout(PLANAR, step * STEP_NS, grey, actions, ''))

    def until_told(self, rollouts: int) -> None:
        self._bench.until(lambda: self._told >= rollouts, f'{rollouts} rollouts')

    def _count(self, number: int, frames: int, quality_db: float) -> None:
        self._told += 1


def test_a_rollout_never_spans_two_episodes(bench: Any) -> None:
    """The last rollout of an episode and its images may arrive after the next one began."""
    robot = Robot(bench)
    robot.recorder.begin(0)
    for step in range(1, 4):
        robot.show(step, 10)
    robot.imagine(2, 4)
    robot.until_told(1)
    robot.recorder.begin(4 * STEP_NS)
    robot.show(3, 10)
    robot.imagine(3, 2)
    for step in range(5, 9):
        robot.show(step, 200)
    robot.imagine(5, 3)
    robot.until_told(2)
    bench.until(lambda: robot.recorder.rollouts(), 'the rollout of the new episode')
    assert [item.stamp_ns for item in robot.recorder.rollouts()] == [5 * STEP_NS]
    rollout = robot.recorder.rollouts()[0]
    assert {int(value) for value in np.unique([rollout.last, *rollout.observed])} == {200}


def test_messages_that_cannot_be_read_are_skipped(bench: Any) -> None:
    robot = Robot(bench)
    robot.recorder.begin(0)
    robot.show(1, 10, side=64)
    robot._rollouts.publish(PredictedRollout(horizon=3))
    for step in (2, 3):
        robot.show(step, 10 * step)
    robot.imagine(2, 1)
    bench.until(lambda: robot.recorder.rollouts(), 'the rollout that can be read')
    assert [item.stamp_ns for item in robot.recorder.rollouts()] == [2 * STEP_NS]


def test_the_end_of_an_episode_is_shown_as_far_as_it_was_seen(bench: Any) -> None:
    robot = Robot(bench)
    robot.recorder.begin(0)
    for step in range(1, 6):
        robot.show(step, 10 * step)
    for step in (1, 3, 4, 5):
        robot.imagine(step, 8)
    robot.until_told(4)
    bench.until(lambda: len(robot.recorder.rollouts()) == 3, 'all images')
    seen = [[int(frame[0, 0, 0]) for frame in item.observed] for item in robot.recorder.rollouts()]
    assert seen == [[20, 30, 40, 50], [40, 50], [50]]
    assert all(len(item.imagined) == len(item.observed) for item in robot.recorder.rollouts())
    film = robot.recorder.ahead(2)
    assert film is not None
    assert [int(frame[0, 0, 0]) for frame in film.observed] == [30, 50]
