# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Heads fitted anew on what the trunk sees."""

import numpy as np
import torch

from hma_ros.data.windows import TokenEpisode
from hma_ros.network.hma import Hma, StemConfig
from hma_ros.network.trunk import TrunkConfig
from hma_ros.training.heads import HeadFitter

TRUNK = TrunkConfig(width=32, layers=2, head_width=16, image_tokens=16, factors=2, levels=4)


def episode(seed, rows=8):
    """Return an episode whose expert goes where the brightest token is."""
    rng = np.random.default_rng(seed)
    levels = np.zeros((rows + 1, 16, 2), np.uint8)
    places = rng.integers(16, size=rows + 1)
    levels[np.arange(rows + 1), places] = 3
    labels = np.stack([places % 4, places // 4], -1)[:rows].astype(np.float32)
    return TokenEpisode(levels, labels, labels, np.zeros((rows + 1, 1), np.float32))


def test_a_refitted_head_learns_and_leaves_the_trunk_alone():
    torch.manual_seed(0)
    stem = StemConfig('two', 'sim_planar', 'simulation', ('x', 'y'), 1, 5.0, (1.5, 1.5),
                      (1.1, 1.1), (0.0, 0.0), (3.0, 3.0))  # fmt: skip
    model = Hma(TRUNK, [stem]).eval()
    trunk = {name: value.clone() for name, value in model.trunk.state_dict().items()}
    fitter = HeadFitter(model)
    fitter.add('two', [episode(seed) for seed in range(30)])
    before = fitter.fit('two', steps=100)
    fitter.add('two', [episode(seed) for seed in range(30, 60)])
    after = fitter.fit('two', steps=600)
    assert after < 0.5 * before
    for name, value in model.trunk.state_dict().items():
        torch.testing.assert_close(value, trunk[name])
