# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Heads fitted anew on what the trunk sees."""

import copy
from dataclasses import replace

import numpy as np
import torch

from hma_ros.data.windows import TokenEpisode
from hma_ros.network.config import Domain, Joints, preset
from hma_ros.training.heads import HeadFitter, episode_features
from hma_ros.training.trainer import initialised

JOINTS = Joints(('slider',), (0.0,), (1.0,), 'unknown', (1.5, 1.5), (1.1, 1.1))
STEM = Domain('two', 1, (1.5, 1.5), (1.1, 1.1), joints=JOINTS)
CONFIG = preset(
    'small', [STEM], layers=2, heads=2, width=32, positions=16, factors=2, factor_size=4
)


def episode(seed, steps=8):
    """Return an episode whose expert goes where the brightest token is."""
    rng = np.random.default_rng(seed)
    levels = np.zeros((steps + 1, 16, 2), np.uint8)
    places = rng.integers(16, size=steps + 1)
    levels[np.arange(steps + 1), places] = 3
    labels = np.stack([places % 4, places // 4], -1)[:steps].astype(np.float32)
    nothing = np.zeros((steps + 1, 1), np.float32)
    return TokenEpisode(levels, labels, labels, nothing, nothing)


def test_a_refitted_head_learns_and_leaves_the_trunk_alone():
    torch.manual_seed(0)
    model = initialised(CONFIG).eval()
    trunk = {name: value.clone() for name, value in model.decoder.state_dict().items()}
    fitter = HeadFitter(model)
    fitter.add('two', [episode(seed) for seed in range(30)])
    before = fitter.fit('two', steps=100)
    fitter.add('two', [episode(seed) for seed in range(30, 60)])
    after = fitter.fit('two', steps=600)
    assert after < 0.5 * before
    for name, value in model.decoder.state_dict().items():
        torch.testing.assert_close(value, trunk[name])


def test_a_head_reads_what_only_the_joints_tell():
    """Where the images say nothing, the labels are where the joint was measured."""
    torch.manual_seed(0)

    def moved(seed):
        item = episode(seed)
        joints = np.random.default_rng(seed).normal(size=(9, 1)).astype(np.float32)
        return TokenEpisode(
            item.tokens, item.actions, np.repeat(joints[:-1], 2, 1), joints, item.states
        )

    model = initialised(CONFIG).eval()
    fitter = HeadFitter(model)
    fitter.add('two', [moved(seed) for seed in range(30)])
    fitter.fit('two', steps=300)
    features = episode_features(model, 'two', moved(0))[:1].repeat(2, 1, 1)[None]
    joints = torch.tensor([[[0.5], [-1.0]]])
    with torch.no_grad():
        known = model.action_heads['two'](features, joints, torch.tensor([[True, True]]))
        unknown = model.action_heads['two'](features, joints, torch.tensor([[False, False]]))
    torch.testing.assert_close(known[0, 0] - known[0, 1], torch.full((2,), 1.5), atol=0.4, rtol=0)
    torch.testing.assert_close(unknown[0, 0], unknown[0, 1])


def test_noise_keeps_a_head_from_learning_by_heart():
    """Labels that nothing explains are learned without noise, and less with it."""
    torch.manual_seed(0)
    random = [replace(episode(seed), labels=torch.randn(8, 2).numpy()) for seed in range(4)]
    model = initialised(CONFIG).eval()
    errors = []
    for noise in (0.0, 0.5):
        fitter = HeadFitter(copy.deepcopy(model), noise)
        fitter.add('two', random)
        errors.append(fitter.fit('two', steps=300))
    assert errors[0] < errors[1], errors
