# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Guidance: what is imagined follows its actions further than the model says."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hma_ros.bringup.places import bundle_folder
from hma_ros.core.errors import BundleError, ConfigError
from hma_ros.core.generation.decoding import Decoding
from hma_ros.core.generation.diffusion import Sampling
from hma_ros.core.generation.masking import keep_most_confident, masked_after, unmask_new
from hma_ros.core.generation.problem_setting import ProblemSetting
from hma_ros.network.checkpoint import load_hma
from hma_ros.network.config import Compat, TimePositions
from hma_ros.runtime.continuous import PatchFiller, Sampler
from hma_ros.runtime.discrete import TokenFiller
from hma_ros.runtime.guidance import GuidedModel
from hma_ros.runtime.manifest import Manifest
from hma_ros.runtime.manifest_file import read_facts, write_facts
from hma_ros.runtime.model import Model, TrunkStep
from hma_ros.runtime.providers import Execution
from hma_ros.runtime.token_world_model import TokenWorldModel
from hma_ros.runtime.world_model import WorldModel, make_token_world_model

STEM = 'planar_push'
CPU = Execution(provider='cpu', threads=1)
SCALE = 4.0
SEEN, HORIZON, MASK_STEPS = 2, 2, 2
SAMPLING = Sampling(4)
UPSTREAM: dict[str, Any] = {
    'compat': Compat.UPSTREAM,
    'time': TimePositions.LEARNED,
    'predict_actions': False,
}
Make = Callable[..., Path]


def chunks() -> np.ndarray:
    """Of every step of the window: executed, then imagined to be."""
    return np.random.default_rng(3).uniform(-0.3, 0.3, (SEEN + HORIZON, 2)).astype(np.float32)


def seen(model: Model) -> np.ndarray:
    facts, random = model.manifest, np.random.default_rng(4)
    if facts.kind == 'discrete':
        return random.integers(0, facts.factor_size, (SEEN, facts.image_tokens, facts.factors))
    return random.standard_normal((SEEN, facts.image_tokens, facts.patch_size)).astype(np.float32)


def imagined(world: TokenWorldModel, model: Model, horizon: int = HORIZON) -> np.ndarray:
    for step, tokens in enumerate(seen(model)):
        world.observe(tokens, chunks()[step - 1] if step else None)
    return world.imagine(horizon, ProblemSetting.FORWARD, chunks()[SEEN - 1 :])[0]


def conditions(steps: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """All actions, and which are masked: none, and all from the newest frame on."""
    actions = torch.from_numpy(chunks())[None, :steps]
    for first in (steps, SEEN - 1):
        yield actions, torch.arange(steps)[None] >= first


@torch.no_grad()
def tokens_of_whole_windows(network: Any, frames_TSF: np.ndarray, scale: float) -> np.ndarray:
    ids = network.join(torch.from_numpy(frames_TSF))[None]
    for step in range(SEEN, SEEN + HORIZON):
        ids = torch.cat([ids, torch.full_like(ids[:, :1], network.mask_id)], 1)
        for mask_step in range(MASK_STEPS):
            conditional, unconditional = (
                network(ids, STEM, *given).logits_BRSFV[:, step] for given in conditions(step + 1)
            )
            mixed = (1 - scale) * unconditional + scale * conditional
            probability, factors = mixed.softmax(-1).max(-1)
            masked = (ids[:, step] == network.mask_id).numpy()
            still = masked_after(mask_step, MASK_STEPS, masked.shape[1])
            stays = keep_most_confident(probability.prod(-1).numpy(), masked, still)
            chosen = torch.where(torch.from_numpy(masked), network.join(factors), ids[:, step])
            ids[:, step] = chosen.masked_fill(torch.from_numpy(stays), network.mask_id)
    found: np.ndarray = network.factorise(ids[0, SEEN:]).numpy()
    return found


def test_tokens_are_those_of_whole_windows(make_random_bundle: Make) -> None:
    """From kept steps the same is guided as when every pass computes two windows, by hand."""
    folder = make_random_bundle()
    network, model = load_hma(folder), Model(folder, STEM, CPU)
    guided = GuidedModel(model, SCALE)
    world = TokenWorldModel(guided, TokenFiller(guided, Decoding(MASK_STEPS, temperature=0.0)))
    found = imagined(world, model)
    np.testing.assert_array_equal(found, tokens_of_whole_windows(network, seen(model), SCALE))
    assert not np.array_equal(found, tokens_of_whole_windows(network, seen(model), 1.0))


@torch.no_grad()
def patches_of_whole_windows(network: Any, frames_TSE: np.ndarray, scale: float) -> np.ndarray:
    window, head = torch.from_numpy(frames_TSE)[None], network.diffloss
    ordering, drawing = np.random.default_rng(7), np.random.default_rng(8)
    for step in range(SEEN, SEEN + HORIZON):
        window = torch.cat([window, torch.zeros_like(window[:, :1])], 1)
        masked = torch.zeros((*window.shape[:3], 1), dtype=torch.bool)
        masked[:, step] = True
        order_BS = ordering.permuted(np.arange(window.shape[2])[None], axis=1)
        for chosen_BK in unmask_new(order_BS, MASK_STEPS):
            conditional, unconditional = (
                head.denoiser(network(window, masked, STEM, *given).z_BRSC[0, step, chosen_BK[0]])
                for given in conditions(step + 1)
            )

            def denoise(
                x: Any, timestep: int, conditional=conditional, unconditional=unconditional
            ) -> Any:
                eps, variance = conditional(x, timestep)
                return (1 - scale) * unconditional(x, timestep)[0] + scale * eps, variance

            noise = SAMPLING.draw(drawing, (chosen_BK.size, head.size))
            drawn = torch.from_numpy(np.asarray(SAMPLING.sample(denoise, noise), np.float32))
            window[0, step, chosen_BK[0]] = drawn
            masked[0, step, chosen_BK[0]] = False
    return window[0, SEEN:].numpy()


def patch_world(model: Model, scale: float) -> TokenWorldModel:
    guided = GuidedModel(model, scale)
    sampler = Sampler(model, 'patch', SAMPLING, np.random.default_rng(8), scale)
    filler = PatchFiller(guided, sampler, np.random.default_rng(7), MASK_STEPS)
    policy = Sampler(model, f'action_{STEM}', SAMPLING, np.random.default_rng(9))
    return TokenWorldModel(guided, filler, policy)


def test_patches_are_those_of_whole_windows(make_random_bundle: Make) -> None:
    folder = make_random_bundle('continuous')
    network, model = load_hma(folder), Model(folder, STEM, CPU)
    found = imagined(patch_world(model, SCALE), model)
    expected = patches_of_whole_windows(network, seen(model), SCALE)
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())
    plain = patches_of_whole_windows(network, seen(model), 1.0)
    assert np.abs(plain - expected).max() > 0.01 * np.abs(expected).max()


@pytest.mark.parametrize('kind', ['discrete', 'continuous'])
def test_a_guidance_of_one_changes_nothing(make_random_bundle: Make, kind: str) -> None:
    """Neither where nothing is guided, which takes no second prediction, nor where it is."""
    model = Model(make_random_bundle(kind), STEM, CPU)
    batches, trunk = [], model.engine.trunk
    model.engine.trunk = lambda feeds, cache: (  # type: ignore[method-assign]
        batches.append(len(feeds['masked'])) or trunk(feeds, cache)
    )

    def said(decoding: Decoding) -> np.ndarray:
        world = make_token_world_model(model, STEM, np.random.default_rng(0), decoding)
        return imagined(world, model)

    np.testing.assert_array_equal(said(Decoding(guidance=1.0)), said(Decoding()))
    assert set(batches) == {1}
    assert not np.array_equal(said(Decoding(guidance=SCALE)), said(Decoding()))
    assert set(batches) == {1, 2}
    if kind == 'continuous':
        plain, guided = said(Decoding()), said(Decoding(guidance=1.0 + 1e-6))
        np.testing.assert_allclose(guided, plain, atol=1e-3 * np.abs(plain).max())


@pytest.mark.parametrize('kind', ['discrete', 'continuous'])
def test_only_imagined_frames_are_guided(make_random_bundle: Make, kind: str) -> None:
    """What is decided in the newest frame is the same, and so is what follows no action."""
    model = Model(make_random_bundle(kind), STEM, CPU)

    def said(guidance: float) -> list[np.ndarray]:
        generator = np.random.default_rng(0)
        world = make_token_world_model(model, STEM, generator, Decoding(guidance=guidance))
        for step, tokens in enumerate(seen(model)):
            world.observe(tokens, chunks()[step - 1] if step else None)
        passive, _ = world.imagine(2, ProblemSetting.PASSIVE)
        action = world.act()
        frames, own = world.imagine(2, ProblemSetting.FULL)
        assert own is not None
        np.testing.assert_array_equal(own[0], action)
        return [passive, action, frames]

    (*same, frames), (*expected, plain) = said(SCALE), said(1.0)
    for one, other in zip(same, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(frames, plain)


def test_candidates_are_guided_each_by_its_own_actions(make_random_bundle: Make) -> None:
    model = Model(make_random_bundle(), STEM, CPU)
    many = np.random.default_rng(5).uniform(-0.3, 0.3, (3, 2, 2)).astype(np.float32)
    decoding = Decoding(guidance=SCALE, temperature=0.5)
    world = make_token_world_model(model, STEM, np.random.default_rng(0), decoding)
    imagined(world, model)
    together = np.stack(list(world.imagine_candidates(many, 2)), 1)
    for alone, one in zip(together, many, strict=True):
        expected, _ = world.imagine(2, ProblemSetting.FORWARD, one)
        np.testing.assert_array_equal(alone, expected)


def test_a_masked_action_does_not_show_in_the_anchor() -> None:
    """The shipped model is conditioned on the action that led to a frame, and on its anchor."""
    model = Model(bundle_folder('hma_sim'), 'franka_pick', CPU)
    facts = model.manifest
    frame = np.zeros((1, facts.image_tokens, facts.factors), np.int64)
    chunk = np.full((1, model.stem.chunk_size), 0.01, np.float32)
    anchor = np.full((1, facts.anchor_count('franka_pick')), 0.3, np.float32)
    assert anchor.size
    blank = [TrunkStep.blank(frame, chunk, anchor)]
    both = GuidedModel(model, 2.0).condition(5, blank)
    pair = {name: np.array(value) for name, value in both.items()}
    for row, given in enumerate([(chunk, anchor), (None, None)]):
        for name, value in model.condition(5, [TrunkStep.blank(frame, *given)]).items():
            np.testing.assert_allclose(pair[name][row], value[0], atol=1e-5)


def test_the_shipped_model_can_be_guided() -> None:
    image = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    frames = []
    for guidance in (None, 3.0):
        model = WorldModel(
            bundle_folder('hma_sim'), STEM, CPU, Decoding(temperature=0.0, guidance=guidance)
        )
        model.observe(image, None)
        ahead = np.full((3, model.stem.stride, model.stem.action_dim), 0.01, np.float32)
        frames.append(model.imagine(ahead, 3).frames)
    assert not np.array_equal(*frames)


def test_a_model_that_needs_every_action_is_refused_before_it_is_opened(
    make_random_bundle: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Manifest, 'verify', lambda *_: pytest.fail('files were read'))
    message = 'guidance: got 2.0, expected 1 for a model that does not support'
    with pytest.raises(ConfigError, match=message):
        WorldModel(make_random_bundle(**UPSTREAM), STEM, CPU, Decoding(guidance=2.0))


def test_a_bundle_may_recommend_it_where_it_can_be_followed(
    make_random_bundle: Make, tmp_path: Path
) -> None:
    def recommending(name: str, guidance: object, **changes: object) -> Path:
        (folder := tmp_path / name).mkdir()
        write_facts(folder, {**read_facts(make_random_bundle(**changes)), 'guidance': guidance})
        return folder

    assert Manifest.read(make_random_bundle()).decoding.guidance == 1.0
    assert Manifest.read(recommending('one', 2.5)).decoding.guidance == 2.5
    for name, guidance, changes in (('low', 0.5, {}), ('none', 2.0, UPSTREAM)):
        with pytest.raises(BundleError, match=f'guidance: got {guidance}, expected 1 '):
            Manifest.read(recommending(name, guidance, **changes))
