# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The continuous model: what it sees, what it samples, and what it learns from."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from benchmarks.few_step_samplers import FewSteps
from hma_ros.core.errors import ConfigError
from hma_ros.core.generation.diffusion import Sampling
from hma_ros.network.attention import KeptSteps, Steps, by_token
from hma_ros.network.config import (
    Compat,
    Diffusion,
    Domain,
    HmaConfig,
    Injection,
    TimePositions,
)
from hma_ros.network.continuous import ContinuousDraws, ContinuousHma, continuous_loss
from hma_ros.network.diffusion_head import DiffusionDraws, DiffusionHead
from hma_ros.network.full_window_continuous import sample_chunks, sample_frame

ROBOT = Domain('robot', 2, (0.5, -1.0), (2.0, 0.25))
CONFIG = HmaConfig(
    layers=2,
    heads=2,
    width=16,
    window=4,
    positions=16,
    action_tokens=2,
    domains=(ROBOT,),
    diffusion=Diffusion(patch=2, latent_channels=3, width=16, blocks=1, steps=5, mask_steps=2),
)
TOKENS, SIZE, PIXELS = 4, 12, 4
FEW = Sampling(3)


def make(**changes) -> ContinuousHma:
    torch.manual_seed(0)
    model = ContinuousHma(replace(CONFIG, **changes)).eval().requires_grad_(False)
    for name, parameter in model.named_parameters():
        centre = float(('norm' in name or 'ln' in name) and 'weight' in name)
        torch.nn.init.normal_(parameter, centre, parameter.shape[-1] ** -0.5)
    return model


def window(steps=4, batch=2):
    torch.manual_seed(1)
    masked = torch.rand(batch, steps, TOKENS, PIXELS) < 0.3
    return (
        torch.randn(batch, steps, TOKENS, SIZE),
        masked,
        torch.randn(batch, steps, ROBOT.chunk_size),
    )


def draws(steps=4, batch=2):
    torch.manual_seed(2)

    def of(count, size):
        return DiffusionDraws(torch.randint(1000, (count,)), torch.randn(count, size))

    return ContinuousDraws(of(batch * steps * TOKENS, SIZE), of(batch * steps, ROBOT.chunk_size))


def sampler(seed=0, sampling=FEW):
    return partial(sampling.draw, np.random.default_rng(seed))


def test_what_a_masked_pixel_holds_does_not_matter():
    model, (patches, masked, actions) = make(), window()
    of_pixels = masked.repeat_interleave(3, -1)
    before = model(patches, masked, 'robot', actions)
    after = model(torch.where(of_pixels, torch.nan, patches), masked, 'robot', actions)
    assert (before.z_BRSC == after.z_BRSC).all()
    shown = model(patches, torch.zeros_like(masked), 'robot', actions)
    assert (before.z_BRSC != shown.z_BRSC).any()


@pytest.mark.parametrize('time', TimePositions)
@pytest.mark.parametrize('injection', [Injection.MODULATE, Injection.CROSS_ATTENTION])
def test_a_step_alone_is_as_in_the_window(time, injection):
    model, (patches, masked, actions) = make(time=time, injection=injection), window()
    whole = model(patches, masked, 'robot', actions)
    past = Steps.at(model.config, torch.arange(3))
    said = model(patches[:, :3], masked[:, :3], 'robot', actions[:, :3], steps=past)
    kept = tuple(KeptSteps(*map(by_token, new)) for new in said.kept)
    now = replace(Steps.at(model.config, torch.tensor([3])), past_P=torch.arange(3), past=kept)
    alone = model(patches[:, 3:], masked[:, 3:], 'robot', actions[:, 3:], steps=now)
    torch.testing.assert_close(alone.z_BRSC, whole.z_BRSC[:, 3:], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(alone.z_action_BRC, whole.z_action_BRC[:, 3:], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(('compat', 'sees'), [(Compat.CORRECTED, False), (Compat.UPSTREAM, True)])
def test_only_upstream_sees_the_action_to_predict(compat, sees):
    model, (patches, masked, actions) = make(compat=compat), window()
    asked = torch.tensor([[False, False, True, True]]).expand(2, -1)
    before = model(patches, masked, 'robot', actions, asked).z_action_BRC
    after = model(patches, masked, 'robot', actions.index_fill(1, torch.tensor([2, 3]), 9), asked)
    assert bool((before != after.z_action_BRC).any()) == sees


def test_a_model_without_a_diffusion_head_is_refused():
    with pytest.raises(ConfigError, match='expected a configuration of the continuous kind'):
        ContinuousHma(replace(CONFIG, diffusion=None))


def test_an_unknown_or_missing_action_head_is_named():
    with pytest.raises(ConfigError, match="action head: got 'arm', expected one of robot"):
        make().action_head('arm')
    with pytest.raises(ConfigError, match="action head: got 'robot', expected one of none"):
        make(predict_actions=False).action_head('robot')


def test_each_patch_is_sampled_once_and_then_stays():
    model, (patches, _, actions) = make(), window()
    order = np.array([[3, 1, 0, 2], [0, 1, 2, 3]])
    first, second = sample_frame(model, patches, 2, 'robot', actions, order, 2, FEW, sampler())
    assert first.sampled_BK.tolist() == [[0, 2], [2, 3]]
    assert second.sampled_BK.tolist() == [[1, 3], [0, 1]]
    samples = np.arange(2)[:, None]
    stays = (samples, first.sampled_BK)
    assert (second.patches_BSE[stays] == first.patches_BSE[stays]).all()
    assert (second.z_BSC != first.z_BSC).any()


def test_upstream_samples_again_what_it_has_unmasked():
    model, (patches, _, actions) = make(), window()
    order = np.array([[3, 1, 0, 2], [0, 1, 2, 3]])
    first, second = sample_frame(
        model, patches, 2, 'robot', actions, order, 2, FEW, sampler(), resample_unmasked=True
    )
    assert second.sampled_BK.tolist() == [[0, 1, 2, 3]] * 2
    again = (np.arange(2)[:, None], first.sampled_BK)
    assert (second.patches_BSE[again] != first.patches_BSE[again]).any()


def test_sampling_looks_at_past_steps_only():
    model, (patches, _, actions) = make(), window()
    order = np.tile(np.arange(TOKENS), (2, 1))

    def sample(patches):
        *_, last = sample_frame(model, patches, 2, 'robot', actions, order, 2, FEW, sampler())
        return last.patches_BSE

    unknown = patches.index_fill(1, torch.tensor([2, 3]), torch.nan)
    assert (sample(unknown) == sample(patches)).all()
    assert (sample(patches + 1) != sample(patches)).any()


def test_chunks_are_in_units_of_the_data_set():
    """Ours are sampled normalized; upstream's heads have learned units."""
    z = torch.randn(2, 3, CONFIG.width)
    ours, upstream = (
        sample_chunks(make(compat=compat), z, 'robot', FEW, sampler())
        for compat in (Compat.CORRECTED, Compat.UPSTREAM)
    )
    assert ours.shape == (2, 3, ROBOT.chunk_size)
    scale, offset = torch.tensor([2, 0.25, 2, 0.25]), torch.tensor([0.5, -1, 0.5, -1])
    torch.testing.assert_close(ours, upstream * scale + offset)


def loss_of(model, patches, masked, actions, asked, given=None):
    output = model(patches, masked, 'robot', given if given is not None else actions)
    return continuous_loss(
        model, output, patches, masked, 'robot', actions, asked, draws(patches.shape[1])
    )


def test_chunks_are_learned_in_deviations_and_by_upstream_in_units():
    patches, masked, actions = window()
    asked = torch.ones(2, 4)
    ours, upstream = make(), make(compat=Compat.UPSTREAM)
    in_deviations = ours.action_preprocessor['robot'](actions)
    found = loss_of(ours, patches, masked, actions, asked).action
    expected = loss_of(upstream, patches, masked, in_deviations, asked, given=actions).action
    torch.testing.assert_close(found, expected)


def test_only_what_is_masked_or_asked_is_learned():
    model, (patches, masked, actions) = make(), window()
    masked[:, :, :2] = False
    asked = torch.tensor([[0, 0, 1, 1]]).expand(2, -1)
    output = model(patches, masked, 'robot', actions)

    def loss(patches, actions):
        return continuous_loss(model, output, patches, masked, 'robot', actions, asked, draws())

    before = loss(patches, actions)
    first = torch.tensor([0, 1])
    after = loss(patches.index_fill(2, first, 9), actions.index_fill(1, first, 9))
    assert before == after
    other = loss(patches + 1, actions + 1)
    assert other.frame != before.frame
    assert other.action != before.action


def test_nothing_masked_is_no_loss():
    model, (patches, masked, actions) = make(), window()
    assert loss_of(model, patches, masked & False, actions, torch.zeros(2, 4)) == (0, 0)


def test_a_new_head_predicts_nothing():
    head = DiffusionHead(3, 5, Diffusion(1, 3, 8, 2, 10, 2))
    eps, variance = head.net(torch.randn(4, 3), torch.arange(4), torch.randn(4, 5))
    assert not eps.any()
    assert not variance.any()


def test_a_trained_head_samples_what_the_condition_says():
    """Two points for one condition, one point for the other."""
    torch.manual_seed(0)
    head = DiffusionHead(1, 1, Diffusion(1, 1, 32, 2, 10, 2))
    optimiser = torch.optim.Adam(head.parameters(), 4e-3)
    for _ in range(400):
        z = torch.randint(2, (128, 1)).float()
        clean = torch.where(z == 0, torch.randint(2, (128, 1)) * 2.0 - 1, 0.5)
        drawn = DiffusionDraws(torch.randint(1000, (128,)), torch.randn(128, 1))
        optimiser.zero_grad()
        head.loss(z, clean, drawn).backward()
        optimiser.step()
    for sampling in (FewSteps(8), Sampling(50, is_karras=False)):
        noise = sampler(0, sampling)((400, 1))
        both = sampling.sample(head.denoiser(torch.zeros(400, 1)), noise)
        assert np.abs(np.abs(both) - 1).mean() < 0.15
        assert abs(both.mean()) < 0.25
        one = sampling.sample(head.denoiser(torch.ones(400, 1)), noise)
        assert np.abs(one - 0.5).mean() < 0.15
