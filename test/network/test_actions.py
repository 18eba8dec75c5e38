# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What steps may know of actions and of each other, as meant and as published."""

import pytest
import torch

from hma_ros.core.errors import ConfigError
from hma_ros.network.config import Compat, Injection, TimePositions
from hma_ros.network.discrete import DiscreteSteps, discrete_loss

CHANGED = 3


def moved(before: DiscreteSteps, after: DiscreteSteps) -> torch.Tensor:
    """Largest change of each sample and step, as a share of what is said at most: ``[B, R]``."""
    shares = []
    for name in ('logits_BRSFV', 'chunk_BRX'):
        was, now = getattr(before, name), getattr(after, name)
        if was is not None:
            shares.append((was - now).abs().flatten(2).amax(2) / was.abs().max())
    return torch.stack(shares).amax(0)


def with_other(tensor_BRX: torch.Tensor, where, modulus: int | None = None) -> torch.Tensor:
    """Return a copy that differs in every number of the chosen samples and steps."""
    copy = tensor_BRX.clone()
    copy[where] = copy[where] + 1 if modulus is None else (copy[where] + 1) % modulus
    return copy


@pytest.mark.parametrize('time', TimePositions)
def test_no_step_sees_a_later_frame_or_action(make_model, make_stream, conditioning, time):
    model = make_model(**conditioning, time=time)
    stream = make_stream(model, model.config.window, batch=2)
    step = (slice(None), CHANGED)
    before = model(stream.ids_BRS, 'robot', stream.actions_BRX)
    for after in (
        model(with_other(stream.ids_BRS, step, model.mask_id), 'robot', stream.actions_BRX),
        model(stream.ids_BRS, 'robot', with_other(stream.actions_BRX, step)),
    ):
        change = moved(before, after)
        assert (change[:, :CHANGED] == 0).all()
        assert (change[:, CHANGED:] > 1e-6).all()


def test_as_published_cross_attention_alone_sees_later_actions(
    make_model, make_stream, conditioning
):
    model = make_model(**conditioning, compat=Compat.UPSTREAM)
    stream = make_stream(model, model.config.window)
    before = model(stream.ids_BRS, 'robot', stream.actions_BRX)
    after = model(stream.ids_BRS, 'robot', with_other(stream.actions_BRX, (0, CHANGED)))
    earlier = moved(before, after)[0, :CHANGED]
    if model.config.is_cacheable:
        assert (earlier == 0).all()
    else:
        assert (earlier > 1e-3).all()


@pytest.mark.parametrize('compat', Compat)
def test_as_published_cross_attention_alone_sees_actions_of_other_samples(
    make_model, make_stream, conditioning, compat
):
    model = make_model(**conditioning, compat=compat)
    stream = make_stream(model, model.config.window, batch=2)
    before = model(stream.ids_BRS, 'robot', stream.actions_BRX)
    after = model(stream.ids_BRS, 'robot', with_other(stream.actions_BRX, (1,)))
    assert (moved(before, after)[0] == 0).all() == model.config.is_cacheable


@pytest.mark.parametrize('time', TimePositions)
def test_a_masked_action_is_not_seen(make_model, make_stream, conditioning, time):
    model = make_model(**conditioning, time=time)
    stream = make_stream(model, model.config.window, batch=2)
    masked = torch.tensor([[0, 1, 1, 0, 1], [1, 0, 0, 1, 1]])
    other = with_other(stream.actions_BRX, masked.bool())
    before = model(stream.ids_BRS, 'robot', stream.actions_BRX, masked)
    assert (moved(before, model(stream.ids_BRS, 'robot', other, masked)) == 0).all()
    # A shown one is, and to show it makes a difference.
    other = with_other(stream.actions_BRX, ~masked.bool())
    assert (moved(before, model(stream.ids_BRS, 'robot', other, masked))[:, -2] > 1e-6).all()
    assert (moved(before, model(stream.ids_BRS, 'robot', stream.actions_BRX))[:, -1] > 1e-6).all()


def test_no_actions_are_masked_actions(make_model, make_stream, conditioning):
    model = make_model(**conditioning)
    stream = make_stream(model, model.config.window, batch=2)
    masked = torch.ones(2, model.config.window)
    before = model(stream.ids_BRS, 'robot', stream.actions_BRX, masked)
    assert (moved(before, model(stream.ids_BRS, 'robot', None)) < 1e-12).all()


def test_as_published_injection_sees_masked_actions(make_model, make_stream, conditioning):
    model = make_model(**conditioning, compat=Compat.UPSTREAM)
    stream = make_stream(model, model.config.window)
    masked = torch.ones(1, model.config.window)
    before = model(stream.ids_BRS, 'robot', stream.actions_BRX, masked)
    after = model(stream.ids_BRS, 'robot', stream.actions_BRX + 1, masked)
    injects = conditioning['injection'] is not Injection.NONE
    if injects or not conditioning['predict_actions']:
        assert (moved(before, after) > 0.01).all()
    else:
        assert (moved(before, after) == 0).all()


def action_loss(model, chunk: list, actions: list, masked: list) -> float:
    """Loss of a window of two steps, one of whose frames is masked."""
    ids = torch.tensor([[[0, 0, 0], [model.mask_id] * 3]])
    logits = torch.zeros(1, 2, 3, 2, model.config.factor_size)
    output = DiscreteSteps(logits, torch.tensor([chunk]), ())
    actions, masked = torch.tensor([actions]), torch.tensor([masked])
    loss = discrete_loss(model.float(), output, ids, ids % model.mask_id, 'robot', actions, masked)
    return loss.action.item()


def test_the_action_loss_is_of_masked_steps_in_deviations(make_model):
    # Means 0.5 and -1, deviations 2 and 0.25, two steps in a chunk.
    actions = [[0.5, -1.0, 2.5, -0.75], [4.5, -0.5, 0.5, -1.0]]
    chunk = [[9.0, 9.0, 9.0, 9.0], [1.0, 1.0, 2.0, 1.0]]
    # In deviations the second step is 2, 2, 0, 0, and so the errors are -1, -1, 2, 1.
    assert action_loss(make_model(), chunk, actions, [0, 1]) == pytest.approx(7 / 4)
    assert action_loss(make_model(), chunk, actions, [0, 0]) == 0


def test_as_published_the_action_loss_is_of_all_steps_in_units(make_model):
    model = make_model(compat=Compat.UPSTREAM)
    actions = [[0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]]
    # Squared errors 4 in the first step, 1 in the second; their mean times the masked share.
    chunk = [[2.0, 2.0, 2.0, 2.0], [2.0, 2.0, 2.0, 2.0]]
    assert action_loss(model, chunk, actions, [0, 1]) == pytest.approx(2.5 / 2)
    assert action_loss(model, chunk, actions, [1, 0]) == pytest.approx(2.5 / 2)


def test_wrong_chunks_robots_and_steps_are_errors(make_model, make_stream):
    model = make_model()
    stream = make_stream(model, 6)
    window = (stream.ids_BRS[:, :5], stream.actions_BRX[:, :5])
    with pytest.raises(ConfigError, match="stem: got 'droid', expected one of robot"):
        model(window[0], 'droid', window[1])
    with pytest.raises(ConfigError, match="'robot': got 3 numbers in a chunk, expected 4"):
        model(window[0], 'robot', window[1][..., :3])
    with pytest.raises(
        ConfigError, match=r'steps \[0, 1, 2, 3, 4, 5\]: expected each in \[0, 5\)'
    ):
        model(stream.ids_BRS, 'robot', stream.actions_BRX)


def test_a_model_without_stems_imagines_all_the_same(make_model, make_stream):
    model = make_model(domains=())
    stream = make_stream(model, model.config.window)
    said = model(stream.ids_BRS, '', None)
    assert said.logits_BRSFV.shape == (1, 5, 3, 2, 4)
    assert said.chunk_BRX is None
