# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Imagined from kept steps is what the research code imagined from whole windows."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from hma_ros.core.generation.decoding import Decoding
from hma_ros.core.generation.diffusion import Sampling
from hma_ros.core.generation.problem_setting import ProblemSetting
from hma_ros.export.bundle import BundleOptions, export_bundle
from hma_ros.network.checkpoint import load_released
from hma_ros.network.full_window_continuous import sample_frame
from hma_ros.runtime.continuous import PatchFiller, Sampler
from hma_ros.runtime.discrete import TokenFiller
from hma_ros.runtime.model import Model
from hma_ros.runtime.providers import Execution
from hma_ros.runtime.token_world_model import TokenWorldModel

GOLDEN = Path(__file__).parents[1] / 'data' / 'golden'
CPU = Execution(provider='cpu', threads=1)
PROMPT = 2


def export(tmp_path_factory, name, **options):
    model = load_released(GOLDEN / name)
    folder = tmp_path_factory.mktemp(name) / 'bundle'
    return model, export_bundle(model, folder, BundleOptions(**options))


@pytest.fixture(scope='module')
def discrete(tmp_path_factory):
    return export(tmp_path_factory, 'disc_concat_modulate')


@pytest.fixture(scope='module')
def continuous(tmp_path_factory):
    return export(tmp_path_factory, 'mar_concat_modulate', stems=('franka',))


def watch(world, tokens_TSE, chunks_TX):
    """See the prompt, so that the last of its frames is the newest."""
    for step, tokens in enumerate(tokens_TSE[:PROMPT]):
        world.observe(tokens, chunks_TX[step - 1] if step else None)


@pytest.mark.parametrize('stem', ['franka', 'aloha'])
@pytest.mark.parametrize('steps', [1, 2, 4])
def test_tokens_are_those_of_the_research_code(discrete, stem, steps):
    network, folder = discrete
    golden = np.load(GOLDEN / 'disc_concat_modulate' / 'golden.npz')
    model = Model(folder, stem, CPU)
    roll = golden[f'roll/{stem}/s{steps}{"_greedy" if steps > 1 else ""}/tokens']
    for sample in range(len(roll)):
        ids = torch.from_numpy(golden['tokens'][sample]).flatten(1)
        world = TokenWorldModel(model, TokenFiller(model, Decoding(steps)))
        chunks = golden[f'actions_in/{stem}'][sample]
        watch(world, network.factorise(ids).numpy(), chunks)
        horizon = len(ids) - PROMPT
        imagined, _ = world.imagine(horizon, ProblemSetting.FORWARD, chunks[PROMPT - 1 :])
        found = network.join(torch.from_numpy(imagined)).numpy()
        np.testing.assert_array_equal(found, roll[sample, PROMPT:].reshape(horizon, -1))


def test_patches_are_those_of_whole_windows(continuous):
    network, folder = continuous
    golden = np.load(GOLDEN / 'mar_concat_modulate' / 'golden.npz')
    chunks = golden['actions_in/franka'][:1]
    generator = np.random.default_rng(3)
    shape = (1, network.config.window, network.config.image_tokens, network.diffloss.size)
    window = generator.standard_normal(shape).astype(np.float32)
    sampling = Sampling(5, is_karras=False)

    order = np.random.default_rng(7).permuted(np.arange(shape[2])[None], axis=1)
    draw = partial(sampling.draw, np.random.default_rng(8))
    *_, expected = sample_frame(
        network,
        torch.from_numpy(window),
        PROMPT,
        'franka',
        torch.from_numpy(chunks),
        order,
        2,
        sampling,
        draw,
        resample_unmasked=True,
    )

    model = Model(folder, 'franka', CPU)
    sampler = Sampler(model, 'patch', sampling, np.random.default_rng(8))
    world = TokenWorldModel(model, PatchFiller(model, sampler, np.random.default_rng(7), 2))
    watch(world, window[0], chunks[0])
    found, _ = world.imagine(1, ProblemSetting.FORWARD, chunks[0, PROMPT - 1 :])
    scale = expected.patches_BSE.abs().max()
    np.testing.assert_allclose(found, expected.patches_BSE.numpy(), atol=1e-3 * scale)


def test_a_window_that_is_full_begins_anew_with_its_last_steps(discrete):
    """Learned positions end with the window: what goes on is a window of the last steps."""
    _, folder = discrete
    model = Model(folder, 'franka', CPU)
    generator = np.random.default_rng(0)
    steps = model.manifest.window + 1
    tokens = generator.integers(0, 8, (steps, model.manifest.image_tokens, 2))
    chunks = generator.standard_normal((steps, model.stem.chunk_size)).astype(np.float32)

    def imagined_after(first):
        world = TokenWorldModel(model, TokenFiller(model, Decoding(2)))
        for step in range(first, steps):
            world.observe(tokens[step], chunks[step - 1] if step > first else None)
        return world.imagine(1, ProblemSetting.FORWARD, chunks[-1:])[0]

    kept = model.manifest.window // 2
    np.testing.assert_array_equal(imagined_after(0), imagined_after(steps - 1 - kept))
