# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The tiny bundle that the node tests run is a real one."""

from pathlib import Path

import numpy as np

from hma_ros.runtime.world_model import WorldModel


def test_tiny_bundle_observes_acts_and_imagines(tiny_bundle: Path) -> None:
    model = WorldModel(tiny_bundle, 'ur5e_push', threads=1)
    frame = np.full((64, 64, 3), 51, np.uint8)
    model.observe(frame, None)
    chunk = model.act()
    np.testing.assert_allclose(chunk, np.full((2, 6), 0.0075), rtol=1e-5)
    model.observe(frame, chunk)
    rollout = model.imagine(None, 3)
    assert rollout.frames.shape == (3, 64, 64, 3)
    np.testing.assert_array_equal(rollout.frames[2], frame)
    assert rollout.actions.shape == (3, 2, 6)
