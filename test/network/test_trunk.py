# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The small preset: what may see what, and that a cached step equals the whole sequence."""

import pytest
import torch

from hma_ros.core.generation.rotary import EMPTY_STEP
from hma_ros.network.attention import KeptSteps, Steps, by_token
from hma_ros.network.config import Domain, Joints, preset
from hma_ros.network.discrete import DiscreteHma, TokensSeen
from hma_ros.training.twin import layout

JOINTS = Joints(('a',), (0.0,), (1.0,), 'unknown', (0.0,), (1.0,))
STEM = Domain('arm', 1, (0.0,), (1.0,), joints=JOINTS)
CONFIG = preset(
    'small',
    [STEM],
    layers=2,
    heads=2,
    width=32,
    window=3,
    positions=4,
    action_tokens=2,
    factors=2,
    factor_size=4,
)


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = DiscreteHma(CONFIG).eval().requires_grad_(False)
    for block in model.blocks:
        torch.nn.init.normal_(block.temporal_attn.lag_bias)
    torch.nn.init.normal_(model.pos_embed_TSC)
    return model


def draw(steps, batch=2):
    tokens = torch.randint(4, (batch, steps, CONFIG.image_tokens, CONFIG.factors))
    return tokens, torch.randn(batch, steps, 1)


def shown(tokens, is_masked=False):
    previous = torch.cat([tokens[:, :1], tokens[:, :-1]], 1)
    return TokensSeen(tokens, torch.full(tokens.shape[:3], is_masked), previous)


def features(model, seen, actions, steps):
    given = model.condition('arm', actions, steps)
    return model.run(model.embed(seen, given, steps), 'arm', given, steps)


def whole(model, tokens, actions):
    steps = Steps(torch.arange(tokens.shape[1]))
    return features(model, shown(tokens), actions, steps)[0]


def stream(model, tokens, actions):
    """Step by step with the last two kept; returns what to keep as well."""
    batch, kept = len(tokens), CONFIG.window - 1
    shape = (batch, CONFIG.kept_tokens, CONFIG.heads, kept, CONFIG.head_width)
    past = [(torch.zeros(shape), torch.zeros(shape)) for _ in model.blocks]
    index, outputs, seen = torch.full((kept,), EMPTY_STEP), [], shown(tokens)
    for step in range(tokens.shape[1]):
        own = TokensSeen(*(part[:, step : step + 1] for part in seen))
        held = tuple(KeptSteps(*pair) for pair in past)
        steps = Steps(torch.tensor([step]), None, index, held)
        x, new = features(model, own, actions[:, step : step + 1], steps)
        past = [
            tuple(
                torch.cat([old[..., 1:, :], by_token(now)], -2)
                for old, now in zip(pair, steps_now, strict=True)
            )
            for pair, steps_now in zip(past, new, strict=True)
        ]
        index = torch.cat([index[1:], torch.tensor([step])])
        outputs.append(x)
    return torch.cat(outputs, 1), index, past


def test_sliding_cache_equals_the_whole_sequence_far_beyond_the_window(model):
    tokens, actions = draw(40)
    streamed, *_ = stream(model, tokens, actions)
    torch.testing.assert_close(streamed, whole(model, tokens, actions), atol=2e-5, rtol=1e-5)


def test_a_step_does_not_see_later_ones(model):
    tokens, actions = draw(5)
    changed = tokens.clone()
    changed[:, 3] = (changed[:, 3] + 1) % 4
    before, after = whole(model, tokens, actions), whole(model, changed, actions)
    torch.testing.assert_close(before[:, :3], after[:, :3])
    assert not torch.allclose(before[:, 3], after[:, 3])


def test_an_action_moves_its_own_step_and_none_before_it(model):
    tokens, actions = draw(5)
    changed = actions.clone()
    changed[:, 2] += 1.0
    before, after = whole(model, tokens, actions), whole(model, tokens, changed)
    torch.testing.assert_close(before[:, :2], after[:, :2])
    assert not torch.allclose(before[:, 2], after[:, 2])


def test_a_masked_token_does_not_leak_into_the_embedding(model):
    tokens, actions = draw(1)
    steps = Steps(torch.arange(1))
    given = model.condition('arm', actions, steps)
    first = model.embed(TokensSeen(tokens, tokens[..., 0] >= 0, tokens), given, steps)
    other = model.embed(TokensSeen((tokens + 1) % 4, tokens[..., 0] >= 0, tokens), given, steps)
    torch.testing.assert_close(first, other)


def test_an_unknown_action_is_the_mask_of_its_stem(model):
    _, actions = draw(2)
    steps, masked = Steps(torch.arange(2)), torch.tensor([[False, True]])
    first = model.condition('arm', actions, steps, masked.expand(2, -1)).shift_scale_BRL2C
    other = model.condition('arm', actions + 1, steps, masked.expand(2, -1)).shift_scale_BRL2C
    torch.testing.assert_close(first[:, 1], other[:, 1])
    assert not torch.allclose(first[:, 0], other[:, 0])


def test_logits_favour_what_was_there(model):
    tokens, actions = draw(2)
    output = model(model.join(tokens), 'arm', actions)
    model.copy_logits.zero_()
    plain = model(model.join(tokens), 'arm', actions)
    gained = output.logits_BRSFV[:, 1] - plain.logits_BRSFV[:, 1]
    assert (gained.argmax(-1) == tokens[:, 0]).all()


def test_training_layout_predicts_each_frame_as_the_robot_imagines_it(model):
    """A masked step of the training layout equals one masked pass on a cache of clean steps."""
    count = CONFIG.window
    tokens, actions = draw(count + 1)
    seen = shown(tokens)
    parts = [torch.cat([part[:, :count], part[:, 1:]], 1) for part in seen]
    parts[1][:, count:] = True
    doubled = torch.cat([actions[:, :count], actions[:, 1:]], 1)
    trained, _ = features(model, TokensSeen(*parts), doubled, layout(count, count))

    _, index, past = stream(model, tokens[:, :count], actions[:, :count])
    steps = Steps(torch.tensor([count]), None, index, tuple(KeptSteps(*pair) for pair in past))
    last = TokensSeen(*(part[:, count:] for part in seen))
    masked = last._replace(masked_BRS=torch.ones_like(last.masked_BRS))
    imagined, _ = features(model, masked, actions[:, count:], steps)
    torch.testing.assert_close(imagined, trained[:, -1:], atol=2e-5, rtol=1e-5)
