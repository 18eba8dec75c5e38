# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A camera of another clock is found where episodes show it, and never where they do not."""

import tracemalloc

import numpy as np
import pytest

from hma_ros.core.embodiment import load_embodiment
from hma_ros.data.camera_skew import lag_steps
from hma_ros.data.inspection import EpisodeView, camera_skew

SPEC = load_embodiment('sim_planar')
PERIOD_S = SPEC.rates.frame_dt_s
SIDE = 48


def reaches(random: np.random.Generator, count: int) -> np.ndarray:
    """Return begin, duration and way of reaches, one after the other."""
    begins, durations = np.cumsum(random.uniform(1.0, 2.0, count)), random.uniform(0.5, 1.0, count)
    return np.stack([begins - 0.7, durations, random.uniform(-1, 1, count)], 1)


def position(times_s: np.ndarray, moves: np.ndarray) -> np.ndarray:
    share = np.clip((times_s[:, None] - moves[:, 0]) / moves[:, 1], 0.0, 1.0)
    smooth: np.ndarray = (moves[:, 2] * share**3 * (10 - 15 * share + 6 * share**2)).sum(1)
    return smooth


def drawn(place: float, random: np.random.Generator) -> np.ndarray:
    """Draw a robot in front of a grey wall, through a noisy camera."""
    across = np.arange(SIDE) - (0.5 + 0.2 * place) * SIDE
    arm = np.clip(6 - np.abs(across), 0, 1) * 160
    return np.broadcast_to(60 + arm, (SIDE, SIDE)) + random.normal(0, 2.0, (SIDE, SIDE))


def episode(seed: int, skew_s: float, seconds: float = 5.0, motion: float = 1.0) -> EpisodeView:
    """Return what is kept of an episode whose images show the robot `skew_s` earlier."""
    random = np.random.default_rng(seed)
    moves = reaches(random, max(1, int(seconds / 2))) * [1, 1, motion]
    times_s = np.arange(0, seconds, PERIOD_S)
    seen = [drawn(place, random) for place in position(times_s - skew_s, moves)]
    change = np.abs(np.diff(seen, axis=0)).mean((1, 2))
    measured = position(times_s, moves) + random.normal(0, 1e-4, len(times_s))
    joints = np.stack([measured, np.zeros(len(times_s))], 1).astype(np.float32)
    return EpisodeView(times_s, joints, joints, change, [])


@pytest.mark.parametrize('count', [1, 5, 13])
@pytest.mark.parametrize('seed', range(10))
def test_images_in_time_are_no_finding(seed: int, count: int) -> None:
    episodes = [episode(100 * seed + number, 0.0) for number in range(count)]
    assert not camera_skew(SPEC, episodes)


@pytest.mark.parametrize('skew', [2, -2, 4, -4])
@pytest.mark.parametrize('episodes', [(5.0, 13), (30.0, 2)])
def test_a_skew_is_found_with_its_sign(skew: int, episodes: tuple[float, int]) -> None:
    seconds, count = episodes
    made = [episode(number, skew * PERIOD_S, seconds) for number in range(count)]
    (finding,) = camera_skew(SPEC, made)
    when = 'later' if skew > 0 else 'earlier'
    assert f'about {abs(skew) * PERIOD_S:.2f} s {when} than the joints' in finding


@pytest.mark.parametrize('skew', [0, 3, -3])
def test_of_a_robot_that_hardly_moves_nothing_is_said(skew: int) -> None:
    made = [episode(number, skew * PERIOD_S, motion=0.003) for number in range(13)]
    assert not camera_skew(SPEC, made)


def test_of_few_and_short_episodes_nothing_is_said() -> None:
    assert not camera_skew(SPEC, [episode(number, 0.3) for number in range(3)])
    assert not camera_skew(SPEC, [episode(number, 0.3, 1.0) for number in range(30)])


def test_episodes_that_do_not_agree_are_no_finding() -> None:
    made = [episode(number, skew) for number, skew in enumerate([0.4, -0.3, 0.2, 0.0, -0.4, 0.1])]
    assert not camera_skew(SPEC, made)


def test_slow_changes_do_not_hide_that_the_camera_is_in_time() -> None:
    """The arm is fast at first; the image changes most in the end, near the camera."""
    time_s, random = np.linspace(0.0, 1.0, 60), np.random.default_rng(0)
    jitters = 0.05 * random.uniform(size=(10, 60))
    motions = [(time_s**2 + jitter, (1.0 - time_s) ** 2 + jitter) for jitter in jitters]
    assert lag_steps(motions) == 0
    late = [(np.roll(change, 3), speed) for change, speed in motions]
    assert lag_steps(late) == 3


def test_memory_is_bounded_for_hours_of_demonstrations() -> None:
    """Of 3,000 stretches, copies of the drawn ones would take more than 300 MB."""
    random = np.random.default_rng(0)
    speeds = [random.normal(size=41) for _ in range(3000)]
    motions = [(np.roll(speed, 2) + 0.1 * random.normal(size=41), speed) for speed in speeds]
    tracemalloc.start()
    assert lag_steps(motions) == 2
    assert tracemalloc.get_traced_memory()[1] < 64e6
    tracemalloc.stop()
