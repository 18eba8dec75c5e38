# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the continuous model is not shown in training."""

import pytest
import torch

from hma_ros.network.config import Diffusion, Domain, HmaConfig
from hma_ros.network.continuous import ContinuousHma, continuous_loss
from hma_ros.training.latent_masking import (
    UPSTREAM_MASKING,
    LatentMasking,
    draw_batch,
    draw_masks,
)

CONFIG = HmaConfig(
    layers=1,
    heads=2,
    width=8,
    window=6,
    positions=16,
    domains=(Domain('robot', 1, (0.0, 0.0), (1.0, 1.0)),),
    diffusion=Diffusion(patch=2, latent_channels=3, width=8, blocks=1, steps=5, mask_steps=2),
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_first_step_is_always_shown():
    for masking in (LatentMasking(), UPSTREAM_MASKING):
        masked = draw_masks((50, 6, 4, 4), masking, generator())
        assert not masked[:, 0].any()
        assert masked[:, 1:].any()


def test_upstream_masks_half_of_the_patches_in_part():
    masked = draw_masks((4000, 6, 16, 4), UPSTREAM_MASKING, generator())[:, 1:]
    whole, any_ = masked.all(-1).float().mean(), masked.any(-1).float().mean()
    assert whole == pytest.approx(0.26, abs=0.01)
    assert any_ - whole == pytest.approx(0.47, abs=0.01)


def test_the_share_of_masked_patches_is_that_of_the_cosine():
    masked = draw_masks((4000, 4, 16, 1), LatentMasking(), generator())[:, 1:].float()
    assert masked.mean() == pytest.approx(2 / torch.pi, abs=0.01)


def test_some_windows_are_prompted_with_more_steps():
    masked = draw_masks((4000, 6, 64, 1), LatentMasking(), generator())
    first = masked.any(-1).any(-1).float().argmax(1)
    # Of a prompt of four or five steps, each in half of a fifth.
    assert (first >= 4).float().mean() == pytest.approx(0.2, abs=0.02)
    assert (first == 1).float().mean() > 0.7


def test_a_batch_has_all_a_loss_needs():
    torch.manual_seed(0)
    model = ContinuousHma(CONFIG)
    clean, actions = torch.randn(3, 6, 4, 12), torch.randn(3, 6, 2)
    batch = draw_batch(model, 'robot', 3, 6, LatentMasking(), generator())
    output = model(clean, batch.masked_BTSQ, 'robot', actions, batch.asked_BT)
    loss = continuous_loss(
        model, output, clean, batch.masked_BTSQ, 'robot', actions, batch.asked_BT, batch.draws
    )
    # Of a head that says zero for noise of variance one.
    assert loss.frame > 0.5
    assert loss.action > 0.5
    (loss.frame + loss.action).backward()


def test_chunks_are_asked_from_some_step_on():
    asked = draw_batch(
        ContinuousHma(CONFIG), 'robot', 200, 6, LatentMasking(), generator()
    ).asked_BT
    assert asked[:, -1].all()
    assert (asked[:, 1:] >= asked[:, :-1]).all()
    assert set(asked.sum(1).tolist()) == set(range(1, 7))


def test_equal_generators_draw_equal_batches():
    model = ContinuousHma(CONFIG)
    one, two, other = (
        draw_batch(model, 'robot', 2, 6, UPSTREAM_MASKING, generator(seed)) for seed in (1, 1, 2)
    )
    assert (one.masked_BTSQ == two.masked_BTSQ).all()
    assert (one.draws.patches.noise_NE == two.draws.patches.noise_NE).all()
    assert (one.draws.patches.noise_NE != other.draws.patches.noise_NE).any()


def test_a_video_model_draws_nothing_for_chunks():
    model = ContinuousHma(HmaConfig(**{**vars(CONFIG), 'predict_actions': False}))
    batch = draw_batch(model, 'robot', 2, 6, LatentMasking(), generator())
    assert batch.draws.chunks is None
