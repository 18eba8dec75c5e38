# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The pass of training computes what the model computes."""

from dataclasses import replace

import pytest
import torch

from hma_ros.network.attention import Steps
from hma_ros.network.config import (
    Compat,
    Domain,
    HmaConfig,
    Injection,
    TimePositions,
)
from hma_ros.network.discrete import DiscreteHma, TokensSeen
from hma_ros.training.joint_pass import JointPass

CONFIG = HmaConfig(
    layers=2,
    heads=2,
    width=16,
    window=3,
    positions=4,
    action_tokens=2,
    factors=2,
    factor_size=5,
    domains=(
        Domain('arm', 1, (0.0, 1.0), (1.0, 2.0)),
        Domain('table', 2, (0.0, 0.5, 1.0), (1.0, 1.0, 1.0)),
    ),
    time=TimePositions.ROTARY,
)
VARIANTS = {
    'rotary, longer than the window': (CONFIG, 6),
    'learned': (replace(CONFIG, time=TimePositions.LEARNED), 3),
    'normalised queries, mup': (replace(CONFIG, qk_norm=True, mup=True), 5),
    'added': (replace(CONFIG, injection=Injection.ADD), 4),
    'cross-attention': (replace(CONFIG, injection=Injection.CROSS_ATTENTION), 4),
    'lag, ungated, norms': (
        replace(CONFIG, time=TimePositions.LAG, gated_modulation=False, pre_norm=True),
        6,
    ),
    'upstream': (
        replace(CONFIG, compat=Compat.UPSTREAM, time=TimePositions.LEARNED, qkv_bias=True),
        3,
    ),
}


@pytest.mark.parametrize(('config', 'count'), VARIANTS.values(), ids=VARIANTS)
def test_all_embodiments_in_one_pass_are_as_each_alone(config, count):
    torch.manual_seed(0)
    model = DiscreteHma(config)
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    steps = Steps.window(config, count)
    placed, given, expected = [], [], []
    for domain in config.domains:
        ids = torch.randint(25, (3, count, 4))
        actions = torch.randn(3, count, domain.chunk_size)
        asked = torch.rand(3, count) < 0.5
        given.append(model.condition(domain.name, actions, steps, asked))
        masked = ids == model.mask_id
        placed.append(model.embed(TokensSeen(model.factorise(ids), masked), given[-1], steps))
        expected.append(model(ids, domain.name, actions, asked, steps).logits_BRSFV)
    names = [domain.name for domain in config.domains]
    features = JointPass(model, names, steps, compiled=False)(torch.cat(placed), given)
    found = [
        model.read(x, name).logits_BRSFV for x, name in zip(features.chunk(2), names, strict=True)
    ]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(('config', 'count'), VARIANTS.values(), ids=VARIANTS)
def test_blocks_that_are_run_again_give_the_same_gradients(config, count):
    torch.manual_seed(0)
    model = DiscreteHma(config)
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    steps, names = Steps.window(config, count), [domain.name for domain in config.domains]
    actions = [torch.randn(2, count, domain.chunk_size) for domain in config.domains]
    ids = torch.randint(25, (2, count, 4))
    gradients = []
    for recompute in (False, True):
        given = [model.condition(*pair, steps) for pair in zip(names, actions, strict=True)]
        seen = TokensSeen(model.factorise(ids), ids == model.mask_id)
        placed = torch.cat([model.embed(seen, one, steps) for one in given])
        run = JointPass(model, names, steps, compiled=False, recompute=recompute)
        model.zero_grad()
        run(placed, given).square().sum().backward()
        gradients.append([item.grad for item in model.parameters() if item.grad is not None])
    torch.testing.assert_close(*gradients, rtol=0, atol=0)
