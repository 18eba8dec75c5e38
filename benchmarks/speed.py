# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
How much faster a frame is imagined than by the published algorithm, on the same weights.

The baseline computes all T steps at every mask step, future ones included, in torch float32, with
the stem's work in every pass: :mod:`hma_ros.network.full_window`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.duel import duel, entry
from benchmarks.quality import FEW_STEPS, SAMPLERS
from benchmarks.random_models import (
    STEM,
    bundle,
    continuous_config,
    discrete_config,
    random_continuous,
    random_discrete,
)
from hma_ros.core.generation.decoding import Decoding
from hma_ros.core.generation.diffusion import Sampling
from hma_ros.core.generation.problem_setting import ProblemSetting
from hma_ros.network.config import Compat
from hma_ros.network.continuous import ContinuousHma
from hma_ros.network.discrete import DiscreteHma
from hma_ros.network.full_window import decode_frame
from hma_ros.network.full_window_continuous import sample_frame
from hma_ros.runtime.continuous import PatchFiller, Sampler
from hma_ros.runtime.discrete import TokenFiller
from hma_ros.runtime.model import Model, TrunkStep
from hma_ros.runtime.providers import Execution
from hma_ros.runtime.token_world_model import TokenWorldModel

MASK_STEPS = 2
# Steps seen before the one that is imagined.
_PROMPT = 4
_BOTH = ('fp32', 'int8')

Results = list[dict[str, Any]]


def speed_results(
    scratch: Path, threads: int, rounds: int, only: str = ''
) -> Iterator[dict[str, Any]]:
    """
    Measure every step of the paper's sizes.

    :param scratch: where bundles are made, and looked for.
    :param rounds: of each duel.
    :param only: measure steps whose name starts like this.
    """
    makers: dict[str, Callable[[], Results]] = {
        'base_T12': partial(_discrete, scratch, threads, rounds, 256, 12, _BOTH),
        'base_T16': partial(_discrete, scratch, threads, rounds, 256, 16, ('fp32',)),
        'xl_T12': partial(_discrete, scratch, threads, max(1, rounds // 3), 1024, 12, _BOTH),
        'mar_base': partial(_continuous, scratch, threads, max(2, rounds // 2)),
    }
    for name, make in makers.items():
        if name.startswith(only) or only.startswith(name):
            yield from make()


def _discrete(
    scratch: Path, threads: int, rounds: int, width: int, steps: int, precisions: tuple[str, ...]
) -> Results:
    torch.set_num_threads(threads)
    model = random_discrete(discrete_config(width, steps))
    size = 'base' if width == 256 else 'xl'
    scene = _DiscreteScene(model, steps)
    # Of the largest size one frame is compared: a window as published takes many minutes.
    expected = scene.baseline(scene.horizon if size == 'base' else 1)
    results = []
    for precision in precisions:
        folder = bundle(model, scratch / f'{size}_T{steps}_{precision}', precision)
        runtime = Model(folder, STEM, Execution(provider='cpu', threads=threads, spin=True))
        ours = scene.ours(runtime)
        equal = float((ours()[: len(expected)] == expected).mean())
        result = duel(
            ours, scene.baseline_frame, rounds, warm_up_baseline=False, units=scene.horizon
        )
        which = 'fp32' if precision == 'fp32' else 'best'
        results.append(
            entry(
                f'{size}_T{steps}_{which}',
                result,
                precision=precision,
                equal_tokens=equal,
                compared_frames=len(expected),
                parameters=sum(item.numel() for item in model.parameters()),
            )
        )
    return results


class _DiscreteScene:
    """A prompt with actions, and the rest of the window imagined in two ways."""

    def __init__(self, model: DiscreteHma, steps: int) -> None:
        self._model, self.horizon = model, steps - _PROMPT
        ids = torch.randint(model.mask_id, (1, steps, model.config.image_tokens))
        ids[:, _PROMPT:] = model.mask_id
        self._ids, self._actions = ids, torch.randn(1, steps, 2)

    def baseline_frame(self) -> torch.Tensor:
        """Imagine the first frame as published; each of them takes as long."""
        return self._published(self._ids, _PROMPT)

    def baseline(self, frames: int) -> np.ndarray:
        """Imagine some frames as published: factors ``[frames, S, F]``."""
        window = self._ids.clone()
        for index in range(_PROMPT, _PROMPT + frames):
            window[:, index] = self._published(window, index)
        return self._model.factorise(window[0, _PROMPT : _PROMPT + frames]).numpy()

    def ours(self, runtime: Model) -> Callable[[], np.ndarray]:
        """Take in what was seen; returns what imagines all frames of the window."""
        world = TokenWorldModel(runtime, TokenFiller(runtime, Decoding(MASK_STEPS)))
        factors = self._model.factorise(self._ids).numpy()[0]
        actions = self._actions.numpy()[0]
        for index in range(_PROMPT):
            world.observe(factors[index], actions[index - 1] if index else None)
        chunks = actions[_PROMPT - 1 :]
        return lambda: world.imagine(self.horizon, ProblemSetting.FORWARD, chunks)[0]

    def _published(self, window: torch.Tensor, step: int) -> torch.Tensor:
        *_, last = decode_frame(self._model, window, step, STEM, self._actions, MASK_STEPS)
        return last.ids_BS


def _continuous(scratch: Path, threads: int, rounds: int) -> Results:
    torch.set_num_threads(threads)
    upstream = random_continuous(continuous_config(Compat.UPSTREAM))
    corrected = random_continuous(continuous_config(Compat.CORRECTED))
    baseline = _ContinuousScene(upstream)
    published = {steps: Sampling(steps, temperature=0, is_karras=False) for steps in (16, 100)}
    results = []
    for name, model, sampling, against in (
        ('mar_base_16', upstream, published[16], published[16]),
        ('mar_base_100', upstream, published[100], published[100]),
        ('mar_base_few_step', corrected, SAMPLERS[FEW_STEPS], published[100]),
    ):
        for precision in _BOTH:
            compat = model.config.compat.value
            folder = bundle(model, scratch / f'mar_{compat}_{precision}', precision)
            ours = _ContinuousScene(model).ours(folder, sampling, threads)
            result = duel(
                ours,
                partial(baseline.baseline, against),
                rounds,
                repeats=2,
                warm_up_baseline=False,
            )
            which = name if precision == 'int8' else f'{name}_fp32'
            results.append(entry(which, result, precision=precision, steps=sampling.steps))
    return results


class _ContinuousScene:
    """A prompt of latents with actions, and the frame after it imagined in two ways."""

    def __init__(self, model: ContinuousHma) -> None:
        self._model, config = model, model.config
        generator = torch.Generator().manual_seed(0)
        shape = (1, config.window, config.image_tokens, model.diffloss.size)
        self._window = torch.randn(shape, generator=generator)
        self._actions = torch.randn((1, config.window, 2), generator=generator)
        self._order = np.random.default_rng(0).permutation(config.image_tokens)[None]

    def baseline(self, sampling: Sampling) -> np.ndarray:
        """Imagine as published: every step samples again all that is unmasked."""
        draw = partial(sampling.draw, np.random.default_rng(0))
        steps: Iterator[Any] = sample_frame(
            self._model,
            self._window,
            _PROMPT,
            STEM,
            self._actions,
            self._order,
            MASK_STEPS,
            sampling,
            draw,
            resample_unmasked=True,
        )
        *_, last = steps
        patches: np.ndarray = last.patches_BSE.numpy()
        return patches

    def ours(self, folder: Path, sampling: Sampling, threads: int) -> Callable[[], np.ndarray]:
        """Prepare what was seen; returns what imagines."""
        runtime = Model(folder, STEM, Execution(provider='cpu', threads=threads, spin=True))
        generator = np.random.default_rng(0)
        sampler = Sampler(runtime, 'patch', sampling, generator)
        filler = PatchFiller(runtime, sampler, generator, MASK_STEPS)
        cache, window, actions = runtime.kv_cache(), self._window.numpy(), self._actions.numpy()
        steps = [TrunkStep.seen(window[:, k], actions[:, k]) for k in range(_PROMPT)]
        for index, item in enumerate(steps[:-1]):
            cache.append(index, runtime.kept(runtime.run(cache, index, [item])))

        def imagine() -> np.ndarray:
            with cache.fork():
                blank = TrunkStep.blank(steps[-1].tokens_BSE, actions[:, _PROMPT])
                return filler.fill(cache, _PROMPT, steps[-1:], blank).tokens_BSE

        return imagine
