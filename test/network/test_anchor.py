# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A stem with anchors."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from hma_ros.core.embodiment.stem_spec import StemSpec, read_stem
from hma_ros.network.attention import Steps
from hma_ros.network.checkpoint import load_hma, save_hma
from hma_ros.network.conditioning import AnchorSeen
from hma_ros.network.config import Anchor, Domain, Joints, preset
from hma_ros.network.discrete import DiscreteHma

ROBOT = StemSpec(
    action_names=('dx', 'dy', 'dz'),
    stride=2,
    frame_hz=10.0,
    embodiment='arm',
    trained_on='simulation',
    lower=(-1.0,) * 3,
    upper=(1.0,) * 3,
    joint_names=('slide',),
    joint_motion='unknown',
    anchor=('x', 'y', 'z'),
    anchor_motion='sum',
)
DOMAIN = Domain(
    'arm',
    2,
    (0.0,) * 3,
    (1.0,) * 3,
    ROBOT,
    Joints(('slide',), (0.0,), (1.0,), 'unknown', (0.0,) * 3, (1.0,) * 3),
    Anchor(('x', 'y', 'z'), (0.4, 0.0, 0.2), (0.1, 0.2, 0.3)),
)
SIZES = {
    'layers': 1,
    'heads': 2,
    'width': 32,
    'positions': 4,
    'action_tokens': 1,
    'factors': 2,
    'factor_size': 4,
}


def small(seed=0, **changes):
    torch.manual_seed(seed)
    return DiscreteHma(preset('small', [DOMAIN], **{**SIZES, **changes})).eval()


def embedded(model, anchor, known=True, **given):
    steps, chunk = Steps(torch.arange(1)), torch.zeros(1, 1, 6)
    seen = AnchorSeen(torch.tensor([[[*anchor, 0.2]]]), torch.tensor([[known]]))
    return model.condition('arm', chunk, steps, anchor=seen, **given).shift_scale_BRL2C


def stirred(model):
    """Return the model with nothing left at zero."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3)
    return model


def test_a_new_anchor_changes_nothing():
    model = small(anchor=True)
    with torch.no_grad():
        assert (embedded(model, [0.3, 0.1]) == embedded(model, [9.0, -9.0])).all()


def test_anchors_are_distinguished_once_trained_and_unknown_ones_are_not():
    model = stirred(small(anchor=True))
    with torch.no_grad():
        here, there = embedded(model, [0.3, 0.1]), embedded(model, [0.35, 0.1])
        assert not torch.allclose(here, there)
        nowhere = embedded(model, [0.3, 0.1], known=False)
        assert (nowhere == embedded(model, [5.0, 5.0], known=False)).all()
        assert not torch.allclose(here, nowhere)
        # The anchor is known though the action is not.
        masked_out = embedded(model, [0.3, 0.1], masked_BR=torch.ones(1, 1) > 0)
        assert not torch.allclose(masked_out, nowhere)


def test_a_model_without_anchors_has_no_parameter_for_them():
    names = small().state_dict().keys()
    assert names < small(anchor=True).state_dict().keys()
    assert not [name for name in names if 'anchor' in name]


def test_weights_of_a_model_without_compute_the_same_with_a_new_anchor():
    plain, anchored = stirred(small()), small(anchor=True)
    anchored.load_state_dict({**anchored.state_dict(), **plain.state_dict()})
    steps, chunk = Steps(torch.arange(1)), torch.randn(1, 1, 6)
    where = AnchorSeen(torch.tensor([[[0.3, 0.1, 0.2]]]), torch.ones(1, 1) > 0)
    with torch.no_grad():
        before = plain.condition('arm', chunk, steps)
        after = anchored.condition('arm', chunk, steps, anchor=where)
    assert (before.shift_scale_BRL2C == after.shift_scale_BRL2C).all()


def test_a_checkpoint_keeps_the_anchor(tmp_path):
    model = stirred(small(anchor=True))
    save_hma(model, tmp_path)
    again = load_hma(tmp_path)
    assert again.config == model.config
    with torch.no_grad():
        assert (embedded(model, [0.3, 0.1]) == embedded(again, [0.3, 0.1])).all()


def test_a_checkpoint_that_tells_the_action_delay_is_of_a_twin_model(tmp_path):
    model = small()
    save_hma(model, tmp_path)
    facts = json.loads((tmp_path / 'config.json').read_text())
    del facts['twin']
    (tmp_path / 'config.json').write_text(
        json.dumps({**facts, 'action_delay': 1, 'keypoints': True})
    )
    assert load_hma(tmp_path).config == model.config


def test_what_cannot_have_an_anchor_is_refused():
    with pytest.raises(ValueError, match='anchor: got true'):
        small(anchor=True, predict_actions=False)


def test_a_stem_without_an_anchor_stands_beside_one_that_has_it(tmp_path):
    bare = replace(DOMAIN, name='bare', robot=replace(ROBOT, anchor=()), anchor=None)
    model = stirred(DiscreteHma(preset('small', [DOMAIN, bare], **SIZES, anchor=True)).eval())
    steps, chunk = Steps(torch.arange(1)), torch.zeros(1, 1, 6)
    with torch.no_grad():
        assert (embedded(model, [0.3, 0.1]) != embedded(model, [0.3, 0.2])).any()
        assert model.condition('bare', chunk, steps).shift_scale_BRL2C.isfinite().all()
    save_hma(model, tmp_path)
    assert load_hma(tmp_path).config == model.config


def test_increments_add_up_and_targets_replace():
    chunk = np.float32([[0.1, 0.2, 0.4, 0.3, -0.1, 0.5]])
    here = np.float32([[0.5, 0.0, 0.1]])
    np.testing.assert_allclose(ROBOT.anchor_after(here, chunk), [[0.9, 0.1, 1.0]], atol=1e-6)
    absolute = replace(ROBOT, anchor_motion='last')
    np.testing.assert_allclose(absolute.anchor_after(here, chunk), [[0.3, -0.1, 0.5]], atol=1e-6)


def test_the_tool_comes_behind_the_joints():
    assert ROBOT.reads_tool
    assert ROBOT.measured_names == ('slide', 'x', 'y', 'z')
    assert ROBOT.anchor_of(np.float32([7, 1, 2, 3])).tolist() == [1, 2, 3]
    joint = replace(ROBOT, joint_names=('lift', 'slide'), anchor=('slide',))
    assert joint.measured_names == ('lift', 'slide')
    assert joint.anchor_of(np.float32([3, 4])).tolist() == [4]


@pytest.mark.parametrize('change', [{'anchor_motion': 'jump'}, {'anchor': ('x',) * 4}])
def test_a_stem_of_an_impossible_anchor_is_refused(change):
    with pytest.raises(ValueError, match='anchor'):
        read_stem({**asdict(ROBOT), **change})
