# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Compiled layers compute what the network computes, whatever the variant and the shape."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from hma_ros.cli.golden.report import relative_error
from hma_ros.core.errors import BundleError
from hma_ros.core.generation.rotary import EMPTY_STEP, rotations
from hma_ros.export.layers import has_layers, joined, parted, write_layers
from hma_ros.export.weights import SharedWeights
from hma_ros.network.attention import KeptSteps, Steps
from hma_ros.network.config import (
    Compat,
    Diffusion,
    Domain,
    HmaConfig,
    Injection,
    TimePositions,
)
from hma_ros.network.continuous import ContinuousHma
from hma_ros.network.discrete import DiscreteHma
from hma_ros.runtime import compiled
from hma_ros.runtime.compiled import library, why_not
from hma_ros.runtime.layers import KINDS, Layers

pytestmark = pytest.mark.skipif(library() is None, reason=f'compiled layers: {why_not()}')

STEM = 'robot'
SLOTS = 4
CONFIG = HmaConfig(
    layers=3,
    heads=2,
    width=32,
    window=SLOTS + 1,
    positions=6,
    action_tokens=2,
    factor_size=4,
    injection=Injection.MODULATE,
    time=TimePositions.ROTARY,
    domains=(Domain(STEM, 1, (0.0,), (1.0,)),),
)


def network(**changes):
    config = dataclasses.replace(CONFIG, **changes)
    torch.manual_seed(0)
    kind = ContinuousHma if config.diffusion else DiscreteHma
    model = kind(config).eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.normal_(float(parameter.ndim < 2), 0.5 * parameter.shape[-1] ** -0.5)
    return model


def written(model, folder, is_whole=False):
    path = folder / 'layers_robot.json'
    with SharedWeights(folder / 'weights.bin') as weights:
        write_layers(model, STEM, is_whole, weights, path)
    return path


def feeds_of(model, batch, steps):
    config = model.config
    torch.manual_seed(1)
    first = SLOTS - steps + 1
    index = torch.arange(first, first + steps)
    given = model.condition(STEM, torch.randn(batch, steps, 1), Steps(index))
    feeds = {
        'index': index,
        'past_index': torch.tensor([EMPTY_STEP, *range(first - SLOTS + 1, first)]),
        'injected': given.injected_BRC,
        'shift_scale': given.shift_scale_BRL2C,
    }
    if config.time is TimePositions.ROTARY:
        turns = rotations(index.numpy(), config.head_width)
        feeds['rotation'] = torch.from_numpy(turns)
    feeds = {name: value for name, value in feeds.items() if value is not None}
    past = [
        torch.randn(batch, config.step_tokens, config.heads, SLOTS, config.head_width)
        for _ in range(2 * config.layers)
    ]
    return given, feeds, past


def check(model, layers, batch=2, steps=2, tolerance=1e-5):
    config = model.config
    given, feeds, past = feeds_of(model, batch, steps)
    x = torch.randn(batch, steps, config.step_tokens, config.width)
    pairs = [KeptSteps(*past[2 * i : 2 * i + 2]) for i in range(config.layers)]
    known = Steps(feeds['index'], feeds.get('rotation'), feeds['past_index'], tuple(pairs))
    expected, expected_kept = model.run(x, STEM, given, known)
    arrays = {name: value.numpy() for name, value in feeds.items()}
    found, kept = layers(
        x.numpy(), arrays, joined([part.numpy().astype(layers.dtype) for part in past])
    )
    assert relative_error(found, expected[:, -1:].numpy()) < tolerance
    for part, value in zip(
        parted(kept), [each for new in expected_kept for each in new], strict=True
    ):
        assert relative_error(part.astype(np.float32), value.numpy()) < tolerance


@pytest.mark.parametrize('time', TimePositions)
@pytest.mark.parametrize('compat', Compat)
@pytest.mark.parametrize('injection', [i for i in Injection if i is not Injection.CROSS_ATTENTION])
def test_every_way_in_for_actions(tmp_path, injection, compat, time):
    model = network(injection=injection, compat=compat, time=time)
    check(model, Layers(written(model, tmp_path), SLOTS + 1, 2, np.float32))


@pytest.mark.parametrize(
    'changes',
    [
        {'time': TimePositions.LAG, 'pre_norm': True, 'gated_modulation': False},
        {'pre_norm': True, 'injection': Injection.ADD},
        {'gated_modulation': False, 'width': 128, 'heads': 4},
        {'qk_norm': True},
        {'qkv_bias': True, 'mlp_bias': False},
        {'mup': True},
        {'width': 96, 'heads': 2},
        {'width': 96, 'heads': 4},
        {'width': 48, 'heads': 8},
        {'qk_norm': True, 'heads': 4},
        {'width': 128, 'heads': 2},
        {'width': 64, 'heads': 4, 'mlp_ratio': 1.25},
        {'positions': 100, 'action_tokens': 3},
        {'mlp_ratio': 65.0},
        {'positions': 1100, 'layers': 1},
    ],
)
def test_every_shape(tmp_path, changes):
    model = network(**changes)
    check(model, Layers(written(model, tmp_path), SLOTS + 1, 2, np.float32))


def test_the_continuous_kind(tmp_path):
    parts = Diffusion(patch=1, latent_channels=4, width=8, blocks=1, steps=4, mask_steps=2)
    model = network(diffusion=parts)
    check(model, Layers(written(model, tmp_path), SLOTS + 1, 2, np.float32))


@pytest.mark.parametrize('threads', [1, 2, 3, 16])
@pytest.mark.parametrize(('batch', 'steps'), [(1, 1), (1, 3), (3, 1)])
def test_threads_share_out_whatever_there_is(tmp_path, threads, batch, steps):
    """More threads than tokens too."""
    model = network()
    check(model, Layers(written(model, tmp_path), SLOTS + 1, threads, np.float32), batch, steps)


def test_whole_numbers_are_near(tmp_path):
    """The more columns a row has, the less one of them counts; these have few."""
    model = network(width=128, heads=4)
    path = written(model, tmp_path, is_whole=True)
    check(model, Layers(path, SLOTS + 1, 2, np.float32), tolerance=0.03)
    check(model, Layers(path, SLOTS + 1, 2, np.float16), tolerance=0.03)


@pytest.mark.parametrize(
    'changes',
    [
        {'width': 96, 'heads': 2},
        {'width': 96, 'heads': 4},
        {'width': 96, 'heads': 16},
        {'qk_norm': True, 'heads': 4},
        {'positions': 100, 'action_tokens': 3},
    ],
)
@pytest.mark.parametrize('threads', [1, 3])
def test_whole_numbers_of_every_shape(tmp_path, changes, threads):
    model = network(**{'width': 128, 'heads': 4, **changes})
    path = written(model, tmp_path, is_whole=True)
    check(model, Layers(path, SLOTS + 1, threads, np.float16), tolerance=0.05)


def test_whole_numbers_of_long_steps(tmp_path):
    """Where a few tokens have most of the attention, the many others have the rest."""
    model = network(width=64, heads=2, layers=1, positions=1500)
    model.blocks[0].spatial_attn.qkv.weight[:128] *= 2
    path = written(model, tmp_path, is_whole=True)
    check(model, Layers(path, SLOTS + 1, 2, np.float16), 1, 1, tolerance=0.05)


@pytest.mark.parametrize('is_whole', [False, True])
def test_the_small_preset(tmp_path, is_whole):
    changes = {'time': TimePositions.LAG, 'pre_norm': True, 'gated_modulation': False}
    model = network(width=128, heads=4, **changes)
    layers = Layers(written(model, tmp_path, is_whole), SLOTS + 1, 2, np.float32)
    for batch, steps in ((1, 1), (3, 2), (1, SLOTS + 1)):
        check(model, layers, batch, steps, tolerance=0.03 if is_whole else 1e-5)


def test_matrices_may_be_stored_in_half_precision(tmp_path):
    model = network()
    path = tmp_path / 'layers_robot.json'
    with SharedWeights(tmp_path / 'weights.bin') as weights:
        write_layers(model, STEM, False, weights, path, is_half=True)
    for block in model.blocks:
        projector = block.action_projectors[STEM].linear_out
        parts = (block.spatial_attn, block.temporal_attn, block.mlp, projector)
        for layer in (layer for part in parts for layer in part.modules()):
            if isinstance(layer, torch.nn.Linear):
                layer.weight.copy_(layer.weight.half().float())
    check(model, Layers(path, SLOTS + 1, 2, np.float32))


@pytest.mark.parametrize('is_whole', [False, True])
def test_steps_of_other_numbers_leave_nothing_behind(tmp_path, is_whole):
    model = network(width=128, heads=4)
    layers = Layers(written(model, tmp_path, is_whole), SLOTS + 1, 2, np.float32)
    for batch, steps in ((1, 1), (3, 2), (1, 1), (2, SLOTS + 1), (1, 2)):
        check(model, layers, batch, steps, tolerance=0.03 if is_whole else 1e-5)


def test_tokens_that_are_nothing_are_attended_to_all_the_same(tmp_path):
    """Their values are zero, and have their share of attention."""
    model = network(width=128, heads=4, qkv_bias=False)
    for block in model.blocks:
        block.spatial_attn.qkv.weight[-64:] = 0
    path = written(model, tmp_path, is_whole=True)
    check(model, Layers(path, SLOTS + 1, 2, np.float16), tolerance=0.05)


@pytest.mark.parametrize(('is_whole', 'tolerance'), [(False, 1e-5), (True, 0.01)])
def test_every_instruction_set_computes_the_same(tmp_path, monkeypatch, is_whole, tolerance):
    """In int8 products are exact, but an input next to the middle of two numbers may be either."""
    model = network(width=128, heads=4)
    path = written(model, tmp_path, is_whole)
    _, feeds, past = feeds_of(model, 2, 2)
    x = torch.randn(2, 2, model.config.step_tokens, model.config.width).numpy()
    arrays = {name: value.numpy() for name, value in feeds.items()}
    found = {}
    for name in compiled.ISAS:
        monkeypatch.setenv(compiled.ISA_VARIABLE, name)
        compiled._load.cache_clear()
        if library() is not None:
            layers = Layers(path, SLOTS + 1, 2, np.float32)
            found[name] = layers(x, arrays, joined([part.numpy() for part in past]))
    compiled._load.cache_clear()
    assert 'generic' in found
    expected = found['generic']
    for ours in found.values():
        for part, value in zip(ours, expected, strict=True):
            assert relative_error(part, value) < tolerance


def test_cross_attention_and_odd_sizes_are_left_to_graphs():
    assert has_layers(CONFIG)
    for changes in (
        {'injection': Injection.CROSS_ATTENTION},
        {'width': 24},
        {'mlp_ratio': 1.25},
        {'width': 256, 'heads': 2},
    ):
        assert not has_layers(dataclasses.replace(CONFIG, **changes))


def test_time_is_accounted_for(tmp_path):
    model = network()
    layers = Layers(written(model, tmp_path), SLOTS + 1, 2, np.float32)
    check(model, layers)
    spent = layers.spent()
    assert tuple(spent) == KINDS
    assert min(spent.values()) > 0
    assert sum(layers.spent().values()) == 0


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda facts: facts.pop('shape'), "KeyError\\('shape'\\)"),
        (lambda facts: facts['shape'].pop('heads'), "'heads'"),
        (lambda facts: facts['layers'][0]['matrices'].update(strange={}), 'strange'),
        (lambda facts: first_matrix(facts).update(offset=10**9), 'offset 1000000000'),
        (lambda facts: first_matrix(facts).update(dtype='object'), "dtype 'object'"),
        (lambda facts: first_matrix(facts).update(shape=[16, 32]), '16, 32'),
        (lambda facts: facts['layers'][0]['matrices'].pop('space_out'), 'space_out'),
        (lambda facts: facts['shape'].update(tokens=8.0), 'tokens 8.0, expected a whole number'),
        (lambda facts: facts['shape'].update(scale='1'), "scale '1', expected a real number"),
        (lambda facts: facts.update(modulates=1), 'modulates 1, expected true or false'),
        (lambda facts: facts.update(modulates=False), 'inject, expected none'),
    ],
)
def test_a_description_that_does_not_fit_is_refused(tmp_path, change, message):
    path = written(network(), tmp_path)
    facts = json.loads(path.read_text())
    change(facts)
    path.write_text(json.dumps(facts))
    with pytest.raises(BundleError, match=message):
        Layers(path, SLOTS + 1, 2, np.float32)


def test_without_threads_there_are_no_layers(tmp_path):
    with pytest.raises(BundleError, match='one thread or more'):
        Layers(written(network(), tmp_path), SLOTS + 1, 0, np.float32)


def first_matrix(facts):
    return facts['layers'][0]['matrices']['space_out']['values']
