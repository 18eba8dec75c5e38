# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Imagined frames meet the camera frames of their moment; images and paths of rollouts."""

import numpy as np

from hma_ros.core.control.tool_path import tool_path
from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.generation.rollout_match import RolloutMatch
from hma_ros.core.latency import LatencyWindow
from hma_ros.core.vision.strip import difference, mean_error, strip

S = 1_000_000_000


def frames(count: int, start: int = 0) -> np.ndarray:
    return np.stack([np.full((4, 4, 3), start + index, np.uint8) for index in range(count)])


def test_finds_the_frame_of_the_wanted_lead_or_the_next_shorter_one() -> None:
    match = RolloutMatch(lead=3, tolerance_s=0.02)
    match.add(0, 0.1, frames(5, 10))
    match.add(S // 10, 0.1, frames(5, 20))
    match.add(2 * S // 10, 0.1, frames(5, 30))
    found = match.find(4 * S // 10 + S // 100)
    # 0.4 s is 4 steps after 0, 3 after 0.1 and 2 after 0.2: the lead of 3 is wanted.
    assert found is not None
    assert (found.lead, found.frame[0, 0, 0]) == (3, 22)
    early = match.find(S // 10)
    assert early is not None
    assert early.lead == 1
    assert match.find(45 * S // 100) is None
    match.clear()
    assert match.find(S // 10) is None


def test_strip_has_a_line_between_the_frames() -> None:
    image = strip(list(frames(3)))
    assert image.shape == (4, 16, 3)
    assert image[0, :, 0].tolist() == [0] * 4 + [255] * 2 + [1] * 4 + [255] * 2 + [2] * 4


def test_difference_does_not_wrap_round() -> None:
    low, high = frames(1, 10)[0], frames(1, 250)[0]
    assert difference(low, high).max() == 240
    assert mean_error(low, high) == mean_error(high, low) == 240.0


def test_path_of_increments_starts_at_the_tool() -> None:
    spec = load_embodiment('sim_franka')
    actions = np.array([[0.01, 0.0, 0.0, 1.0], [0.0, 0.02, -0.01, 1.0]])
    path = tool_path(spec, actions, np.array([0.4, 0.0, 0.2]))
    np.testing.assert_allclose(path, [[0.41, 0.0, 0.2], [0.41, 0.02, 0.19]])
    assert tool_path(spec, actions, None) is None


def test_path_in_the_plane_and_none_of_joints() -> None:
    planar = tool_path(load_embodiment('sim_planar'), np.array([[0.1, 0.2]]), None)
    np.testing.assert_allclose(planar, [[0.1, 0.2, 0.0]])
    assert tool_path(load_embodiment('sim_ur5e'), np.zeros((2, 6)), None) is None


def test_latency_percentiles_in_milliseconds() -> None:
    window = LatencyWindow(size=100)
    assert np.isnan(window.percentile_ms(50))
    for duration in range(1000):
        window.record(duration * 1e-3)
    # The last hundred: 900 to 999 ms.
    assert len(window) == 100
    np.testing.assert_allclose([window.percentile_ms(50), window.mean_s()], [949.5, 0.9495])
