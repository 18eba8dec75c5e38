# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Fill in frames of the continuous kind (MAR, arXiv 2406.11838; HMA, sec. 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from hma_ros.core.generation.diffusion import Denoise, Sampling, guided
from hma_ros.core.generation.masking import unmask_all_again, unmask_new
from hma_ros.runtime.discrete import ImaginedTokens
from hma_ros.runtime.engine import HeadPart
from hma_ros.runtime.guidance import AnyModel
from hma_ros.runtime.kv_cache import KvCache
from hma_ros.runtime.model import TrunkStep


class Sampler:
    """
    Turns what the trunk expects into samples.

    Work that depends on time alone is done once, and what depends on z alone once per sample.

    :param model: whose graphs to use.
    :param head: ``patch``, or ``action_`` and the name of a stem.
    :param sampling: steps and their noise.
    :param generator: of all noise.
    :param guidance: see :mod:`hma_ros.runtime.guidance`.
    """

    def __init__(
        self,
        model: AnyModel,
        head: str,
        sampling: Sampling,
        generator: np.random.Generator,
        guidance: float = 1.0,
    ) -> None:
        self._sampling, self._generator, self._guidance = sampling, generator, guidance
        self._condition = model.part(f'condition_{head}')
        self._denoise = model.part(f'denoise_{head}')
        self._size = model.manifest.sample_size(head)
        self._times = _time_table(model.part(f'time_{head}'), sampling)

    def __call__(self, z_NC: np.ndarray, unconditional_NC: np.ndarray | None = None) -> np.ndarray:
        """
        Draw one sample ``float32[N, E]`` for each z.

        :param unconditional_NC: z without the actions, to be guided away from.
        """
        noise = self._sampling.draw(self._generator, (len(z_NC), self._size))
        if unconditional_NC is None:
            return self._sampling.sample(self._denoiser(z_NC), noise)
        both = self._denoiser(np.concatenate([z_NC, unconditional_NC]))
        guide = guided(both, self._guidance)
        return self._sampling.sample(guide, noise.twice)[: len(z_NC)]

    def _denoiser(self, z_NC: np.ndarray) -> Denoise:
        condition_NW = self._condition({'z': z_NC})[0]

        def denoise(x_NE: np.ndarray, timestep: int) -> tuple[np.ndarray, np.ndarray]:
            feeds = {'x': x_NE, 'condition': condition_NW, 'time': self._times[timestep]}
            eps, variance = self._denoise(feeds)
            return eps, variance

        return denoise


def _time_table(embed: HeadPart, sampling: Sampling) -> dict[int, np.ndarray]:
    steps = np.asarray(sampling.schedule.timesteps_K, np.int64)
    embedded = embed({'timestep': steps})[0]
    return {int(step): embedded[index : index + 1] for index, step in enumerate(steps)}


class PatchFiller:
    """
    Samples some patches of a frame, shows them to the trunk, and samples more.

    :param model: of the continuous kind.
    :param sampler: of its patches.
    :param generator: of the order of patches.
    :param mask_steps: passes per frame; None takes those of the manifest.
    """

    def __init__(
        self,
        model: AnyModel,
        sampler: Sampler,
        generator: np.random.Generator,
        mask_steps: int | None = None,
    ) -> None:
        self._model, self._sampler, self._generator = model, sampler, generator
        self._mask_steps = mask_steps or model.manifest.mask_steps
        # Upstream samples again what it has shown already.
        is_upstream = model.manifest.compat == 'upstream'
        self._unmask = unmask_all_again if is_upstream else unmask_new

    def fill(
        self, cache: KvCache, step: int, pending: Sequence[TrunkStep], blank: TrunkStep
    ) -> ImaginedTokens:
        """Imagine a frame, see :meth:`TokenFiller.fill`: ``float32[B, S, E]``."""
        present, first = blank, step - len(pending)
        batch, tokens = present.masked_BS.shape
        order_BS = self._generator.permuted(np.tile(np.arange(tokens), (batch, 1)), axis=1)
        outputs = None
        for chosen_BK in self._unmask(order_BS, self._mask_steps):
            if outputs is None:
                outputs = self._model.run(cache, first, [*pending, present])
                for which in range(len(pending)):
                    cache.append(first + which, self._model.kept(outputs), which)
            else:
                outputs = self._model.run(cache, step, [present])
            present = self._show(present, chosen_BK, outputs)
        return ImaginedTokens(present.tokens_BSE, present.tokens_BSE)

    def _show(
        self, step: TrunkStep, chosen_BK: np.ndarray, outputs: Mapping[str, np.ndarray]
    ) -> TrunkStep:
        samples = np.arange(len(chosen_BK))[:, None]
        names = [name for name in ('z', 'z_unconditional') if name in outputs]
        expected = [outputs[name][samples, chosen_BK] for name in names]
        drawn = self._sampler(*(z.reshape(-1, z.shape[-1]) for z in expected))
        patches, masked = step.tokens_BSE.copy(), step.masked_BS.copy()
        patches[samples, chosen_BK] = drawn.reshape(*chosen_BK.shape, -1)
        masked[samples, chosen_BK] = False
        return replace(step, tokens_BSE=patches, masked_BS=masked)
