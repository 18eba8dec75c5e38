# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A bundle with anchors, observed and imagined."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hma_ros.core.embodiment.stem_spec import StemSpec
from hma_ros.core.errors import ConfigError, InferenceError
from hma_ros.export.bundle import export_bundle, own_options
from hma_ros.network.config import Anchor, Domain, Joints, preset
from hma_ros.network.discrete import DiscreteHma
from hma_ros.network.tokenizer import FrameTokenizer, TokenizerConfig
from hma_ros.runtime.world_model import WorldModel

TOKENS = TokenizerConfig(
    image_size=32, patch=8, width=16, detail_width=8, encoder_blocks=1, decoder_blocks=1
)
ROBOT = StemSpec(
    action_names=('dx', 'dy', 'dz'),
    stride=2,
    frame_hz=5.0,
    embodiment='sim_planar',
    trained_on='simulation',
    lower=(-1.0,) * 3,
    upper=(1.0,) * 3,
    joint_names=('slide',),
    joint_motion='unknown',
    anchor=('x', 'y', 'z'),
    anchor_motion='sum',
)
STEM = Domain(
    'arm',
    2,
    (0.0,) * 3,
    (1.0,) * 3,
    ROBOT,
    Joints(('slide',), (0.0,), (1.0,), 'unknown', (0.0,) * 3, (1.0,) * 3),
    Anchor(('x', 'y', 'z'), (0.4, 0.0, 0.2), (0.1, 0.2, 0.3)),
)
SIZES = {'heads': 2, 'width': 32, 'layers': 1, 'positions': TOKENS.image_tokens}
CHUNKS = np.float32([[[0.1, 0.0, 0.1], [0.0, 0.2, 0.1]], [[0.0, 0.1, 0.1], [-0.3, 0.0, 0.1]]])
HERE = np.float32([0.7, 0.5, -0.2, 0.3])


@pytest.fixture(scope='module')
def bundle(tmp_path_factory):
    torch.manual_seed(0)
    sizes = {**SIZES, 'factors': TOKENS.factors, 'factor_size': TOKENS.levels}
    model = DiscreteHma(preset('small', [STEM], anchor=True, **sizes)).eval()
    with torch.no_grad():
        model.action_mlp['arm'].anchor.out.weight.normal_(std=0.5)
    model.requires_grad_(False)
    folder = tmp_path_factory.mktemp('anchor') / 'bundle'
    torch.manual_seed(1)
    return export_bundle(model, folder, own_options(FrameTokenizer(TOKENS).eval(), model.config))


@pytest.fixture
def anchored(bundle, monkeypatch):
    """Return a world model, and what its stem reads, call by call."""
    world, calls = WorldModel(bundle, 'arm'), []
    engine = world._world._model.engine
    stem = engine.stem
    monkeypatch.setattr(engine, 'stem', lambda feeds: calls.append(feeds) or stem(feeds))
    return world, calls


def image():
    return np.random.default_rng(1).integers(256, size=(32, 32, 3)).astype(np.uint8)


def places(calls):
    return {tuple(round(x, 4) for x in feeds['anchor'][0, -1].tolist()) for feeds in calls}


def test_an_imagined_anchor_is_the_measured_one_and_the_actions(anchored):
    world, calls = anchored
    world.observe(image(), None, HERE)
    assert calls[-1]['anchored'].all()
    assert places(calls) == {(0.5, -0.2, 0.3)}
    calls.clear()
    world.imagine(CHUNKS, 2)
    assert all(feeds['anchored'][:, -1].all() for feeds in calls)
    assert places(calls) == {(0.6, 0.0, 0.5), (0.3, 0.1, 0.7)}


def test_each_candidate_has_an_anchor_of_its_own(anchored):
    world, calls = anchored
    world.observe(image(), None, HERE)
    calls.clear()
    both = world.imagine_candidates(np.stack([CHUNKS, -CHUNKS]), 2)
    assert both.shape[:2] == (2, 2)
    expected = [[0.3, 0.1, 0.7], [0.7, -0.5, -0.1]]
    np.testing.assert_allclose(calls[-1]['anchor'][:, -1], expected, atol=1e-6)


def test_where_the_tool_is_matters_where_it_is_known(bundle):
    world, frames = WorldModel(bundle, 'arm'), []
    for measured in (HERE, HERE + np.float32([0, 0.2, 0, 0]), None):
        world.reset()
        world.observe(image(), None, measured)
        frames.append(world.imagine(CHUNKS, 2).frames)
    assert (frames[0] != frames[1]).any()
    assert (frames[0] != frames[2]).any()


def test_without_a_measurement_nothing_is_made_up(anchored):
    world, calls = anchored
    world.observe(image(), None, None)
    world.imagine(CHUNKS, 2)
    assert not any(feeds['anchored'].any() for feeds in calls)


def test_a_tool_that_is_left_out_is_refused(bundle):
    world = WorldModel(bundle, 'arm')
    with pytest.raises(InferenceError, match='expected finite float32.4.: slide, x, y, z'):
        world.observe(image(), None, HERE[:1])


def test_a_robot_without_an_anchor_is_refused(tmp_path):
    sizes = {**SIZES, 'factors': TOKENS.factors, 'factor_size': TOKENS.levels}
    model = DiscreteHma(preset('small', [STEM], anchor=True, **sizes)).eval()
    options = replace(
        own_options(FrameTokenizer(TOKENS).eval(), model.config),
        robots={'arm': replace(ROBOT, anchor=())},
    )
    with pytest.raises(ConfigError, match="stem 'arm': got a robot without an anchor"):
        export_bundle(model, tmp_path / 'bundle', options)
