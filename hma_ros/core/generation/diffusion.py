# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Noise schedule of a diffusion model, and how to sample with few or many steps.

Ancestral sampling with learned variances (Ho et al., arXiv 2006.11239; Nichol and Dhariwal,
arXiv 2102.09672) is what the paper does. It is plain arithmetic around a denoiser, whatever
computes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.generation.guidance import guide

Array = NDArray[np.floating]
# ``denoise(x_NE, timestep)`` returns the noise in x and the raw variance output v, both
# ``float32[N, E]``; `timestep` is that of the training schedule.
Denoise = Callable[[Array, int], tuple[Array, Array]]

TRAINING_STEPS = 1000
_COSINE_OFFSET = 0.008
_LARGEST_BETA = 0.999
# Noise over signal where few-step sampling begins and ends, and how the steps between crowd
# towards the end (Karras et al., arXiv 2206.00364). On mixtures with a known denoiser, 4 to 12
# steps come nearest to the limit of many with about these.
_NOISIEST, _CLEANEST, _RHO = 20.0, 0.1, 7.0


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """
    Variances of the forward process, the cleanest step first.

    :param timesteps_K: ``int64[K]``, ascending; what the denoiser is told.
    :param betas_K: ``float64[K]``, variance added at each step.
    """

    timesteps_K: NDArray[np.int64]
    betas_K: Array

    @staticmethod
    def cosine() -> NoiseSchedule:
        """Return the schedule models are trained with (arXiv 2102.09672, sec. 3.2)."""
        share = np.arange(TRAINING_STEPS + 1) / TRAINING_STEPS
        signal = np.cos((share + _COSINE_OFFSET) / (1 + _COSINE_OFFSET) * math.pi / 2) ** 2
        betas = np.minimum(1 - signal[1:] / signal[:-1], _LARGEST_BETA)
        return NoiseSchedule(np.arange(TRAINING_STEPS), betas)

    def respaced(self, steps: Sequence[int] | NDArray[np.int64]) -> NoiseSchedule:
        """
        Keep some steps: the same noise at each, larger strides between.

        :param steps: indices into this schedule, ascending.
        """
        kept = np.asarray(steps)
        signal = self.alpha_bars_K[kept]
        betas = 1 - signal / np.concatenate([[1.0], signal[:-1]])
        return NoiseSchedule(self.timesteps_K[kept], betas)

    def evenly(self, count: int) -> NoiseSchedule:
        """Keep `count` steps at even distances, both ends included (upstream's choice)."""
        stride = (len(self.betas_K) - 1) / max(count - 1, 1)
        # Summed up, not multiplied: ties are rounded as upstream rounds them.
        places = np.concatenate([[0.0], np.cumsum(np.full(count - 1, stride))])
        return self.respaced(np.rint(places).astype(np.int64))

    def karras(self, count: int) -> NoiseSchedule:
        """
        Keep at most `count` steps, many where there is little noise.

        The noisiest steps are left out: there an error of the denoiser becomes one of the clean
        sample up to ten thousand times as large, and nearly nothing is learned from it.
        """
        cleanest, noisiest = _CLEANEST ** (1 / _RHO), _NOISIEST ** (1 / _RHO)
        wanted = -_RHO * np.log(np.linspace(noisiest, cleanest, count))
        nearest = np.abs(self.log_snr_K[:, None] - wanted).argmin(0)
        return self.respaced(np.unique(nearest))

    @cached_property
    def alpha_bars_K(self) -> Array:
        """Share of the signal's variance that is left after each step."""
        return np.cumprod(1 - self.betas_K)

    @cached_property
    def previous_alpha_bars_K(self) -> Array:
        """The same one step before; all of it before the first."""
        return np.concatenate([[1.0], self.alpha_bars_K[:-1]])

    @property
    def log_snr_K(self) -> Array:
        """Logarithm of signal over noise, both as amplitudes."""
        result: Array = 0.5 * np.log(self.alpha_bars_K / (1 - self.alpha_bars_K))
        return result

    @cached_property
    def posterior_start_K(self) -> Array:
        """Weight of the clean sample in the posterior mean of the step before."""
        left = np.sqrt(self.previous_alpha_bars_K)
        result: Array = self.betas_K * left / (1 - self.alpha_bars_K)
        return result

    @cached_property
    def posterior_noisy_K(self) -> Array:
        """Weight of the noisy sample in it."""
        kept = np.sqrt(1 - self.betas_K)
        result: Array = (1 - self.previous_alpha_bars_K) * kept / (1 - self.alpha_bars_K)
        return result

    @cached_property
    def least_log_variance_K(self) -> Array:
        """Logarithm of the posterior variance; that of the first step, zero, is the second's."""
        variance = self.betas_K * (1 - self.previous_alpha_bars_K) / (1 - self.alpha_bars_K)
        variance[0] = variance[min(1, len(variance) - 1)]
        return np.log(np.maximum(variance, np.finfo(np.float64).tiny))

    @cached_property
    def most_log_variance_K(self) -> Array:
        """Logarithm of the variance that the step adds."""
        result: Array = np.log(self.betas_K)
        return result

    def start(self, x_NE: Array, eps_NE: Array, step: int, clip: float | None) -> Array:
        """
        Tell the clean sample from the noise in a noisy one.

        :param step: index into this schedule.
        :param clip: largest magnitude of the result, None for any.
        """
        signal = self.alpha_bars_K[step]
        scale, share = np.float32(math.sqrt(1 / signal)), np.float32(math.sqrt(1 / signal - 1))
        start: Array = scale * x_NE - share * eps_NE
        return start if clip is None else np.clip(start, -clip, clip)


@dataclass(frozen=True)
class Noise:
    """
    All randomness of a sample.

    :param start_NE: ``float32[N, E]``, where sampling begins.
    :param steps_KNE: ``float32[K, N, E]``, added at each step but the last, in deviations and in
        the order of sampling; None adds nothing (upstream: temperature 0).
    """

    start_NE: Array
    steps_KNE: Array | None = None

    @property
    def twice(self) -> Noise:
        """The same for a batch of 2 N, as :func:`guided` takes it."""
        steps = self.steps_KNE
        return Noise(
            np.concatenate([self.start_NE] * 2),
            None if steps is None else np.concatenate([steps, steps], 1),
        )


@dataclass(frozen=True)
class Sampling:
    """
    How samples are made.

    :param steps: calls of the denoiser, at most.
    :param temperature: scale of the noise that steps add; upstream's default is 0.
    :param clip: largest magnitude of a clean sample.
    :param is_karras: whether steps are denser at low noise, as Karras et al. space them;
        upstream's are evenly spaced, which takes more of them.
    """

    steps: int = 16
    temperature: float = 1.0
    clip: float | None = 10.0
    is_karras: bool = True

    @cached_property
    def schedule(self) -> NoiseSchedule:
        """The steps, of the cosine schedule models are trained with."""
        training = NoiseSchedule.cosine()
        return training.karras(self.steps) if self.is_karras else training.evenly(self.steps)

    def draw(self, generator: np.random.Generator, shape: tuple[int, int]) -> Noise:
        """Draw what a sample ``float32[N, E]`` needs."""
        start = generator.standard_normal(shape, np.float32)
        if self.temperature == 0:
            return Noise(start)
        steps = generator.standard_normal((len(self.schedule.betas_K), *shape), np.float32)
        return Noise(start, np.float32(self.temperature) * steps)

    def sample(self, denoise: Denoise, noise: Noise) -> Array:
        """Make a sample ``float32[N, E]``."""
        return ancestral(self.schedule, denoise, noise, self.clip)


def guided(denoise: Denoise, scale: float) -> Denoise:
    """
    Guide by the difference that a condition makes (arXiv 2207.12598), laid out as upstream does.

    :param denoise: of 2 N rows, the first half with the condition, the second without.
    :param scale: 1 follows the condition, more exaggerates it.
    :returns: a denoiser of 2 N rows, that looks at the first half of its input alone.
    """

    def both(x_NE: Array, timestep: int) -> tuple[Array, Array]:
        half = x_NE[: len(x_NE) // 2]
        eps, variance = denoise(np.concatenate([half, half]), timestep)
        conditional, unconditional = np.split(eps, 2)
        eps = guide(conditional, unconditional, scale)
        return np.concatenate([eps, eps]), variance

    return both


def ancestral(
    schedule: NoiseSchedule, denoise: Denoise, noise: Noise, clip: float | None
) -> Array:
    """Sample from the posterior of each step, with learned variances between two bounds."""
    x = noise.start_NE
    for index, step in enumerate(reversed(range(len(schedule.betas_K)))):
        eps, variance = denoise(x, int(schedule.timesteps_K[step]))
        start = schedule.start(x, eps, step, clip)
        weights = schedule.posterior_start_K[step], schedule.posterior_noisy_K[step]
        mean = np.float32(weights[0]) * start + np.float32(weights[1]) * x
        if step == 0 or noise.steps_KNE is None:
            x = mean
        else:
            x = mean + _deviation(schedule, variance, step) * noise.steps_KNE[index]
    return x


def _deviation(schedule: NoiseSchedule, variance_NE: Array, step: int) -> Array:
    share = (variance_NE + 1) / 2
    most, least = schedule.most_log_variance_K[step], schedule.least_log_variance_K[step]
    result: Array = np.exp(0.5 * (share * np.float32(most) + (1 - share) * np.float32(least)))
    return result
