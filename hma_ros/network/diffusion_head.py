# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
A small diffusion model per token or action chunk (MAR, Li et al., arXiv 2406.11838).

The trunk says with a vector z what is to be expected; the head turns noise into a sample of it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hma_ros.core.generation.diffusion import Array, Denoise, NoiseSchedule
from hma_ros.network.config import Diffusion

# Sines and cosines of the time embedding, and the longest period among them.
_TIME_CHANNELS, _LONGEST_PERIOD = 256, 10_000.0
# The likelihood of the cleanest step is that of one of 255 levels between -1 and 1.
_HALF_LEVEL, _LAST_LEVEL, _LEAST_PROBABILITY = 1 / 255, 0.999, 1e-12


class TimeEmbedding(nn.Module):
    """Timestep to a vector; depends on nothing else, so a sampler can compute it ahead."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(_TIME_CHANNELS, width), nn.SiLU(), nn.Linear(width, width)
        )

    def forward(self, timestep_N: Tensor) -> Tensor:
        """``int64[N]`` to ``[N, W]``."""
        return self.mlp(waves(timestep_N))


def waves(timestep_N: Tensor) -> Tensor:
    """Cosines, then sines, of a timestep at falling frequencies: ``[N, 256]``."""
    half = _TIME_CHANNELS // 2
    exponents = torch.arange(half, dtype=torch.float32, device=timestep_N.device) / half
    angles = timestep_N[:, None].float() * torch.exp(-math.log(_LONGEST_PERIOD) * exponents)
    return torch.cat([angles.cos(), angles.sin()], -1)


class ResidualBlock(nn.Module):
    """A gated MLP; shift, scale and gate come from the condition."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.in_ln = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 3 * width))

    def forward(self, h_NW: Tensor, condition_NW: Tensor) -> Tensor:
        """Same shape out."""
        shift, scale, gate = self.adaLN_modulation(condition_NW).chunk(3, -1)
        return h_NW + gate * self.mlp(self.in_ln(h_NW) * (1 + scale) + shift)


class FinalLayer(nn.Module):
    """Noise and raw variance, side by side."""

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.norm_final = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.linear = nn.Linear(width, 2 * size)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))

    def forward(self, h_NW: Tensor, condition_NW: Tensor) -> Tensor:
        """``[N, W]`` to ``[N, 2 E]``."""
        shift, scale = self.adaLN_modulation(condition_NW).chunk(2, -1)
        return self.linear(self.norm_final(h_NW) * (1 + scale) + shift)


class Denoiser(nn.Module):
    """
    Tells noise from sample, given the timestep and what the trunk expects.

    Begins as predicting zeros whatever the condition (DiT, arXiv 2212.09748).

    :param size: numbers of a sample.
    :param condition: channels of z.
    """

    def __init__(self, size: int, condition: int, config: Diffusion) -> None:
        super().__init__()
        width = config.width
        self.time_embed = TimeEmbedding(width)
        self.cond_embed = nn.Linear(condition, width)
        self.input_proj = nn.Linear(size, width)
        self.res_blocks = nn.ModuleList(ResidualBlock(width) for _ in range(config.blocks))
        self.final_layer = FinalLayer(width, size)
        gates = [layer.adaLN_modulation[-1] for layer in (*self.res_blocks, self.final_layer)]
        for layer in (*gates, self.final_layer.linear):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x_NE: Tensor, timestep_N: Tensor, z_NC: Tensor) -> tuple[Tensor, Tensor]:
        """Return noise and raw variance ``[N, E]`` each."""
        condition = self.time_embed(timestep_N) + self.cond_embed(z_NC)
        return self.denoise(x_NE, condition)

    def denoise(self, x_NE: Tensor, condition_NW: Tensor) -> tuple[Tensor, Tensor]:
        """Do the part that has to be done at every step: the condition is time plus z."""
        h = self.input_proj(x_NE)
        for block in self.res_blocks:
            h = block(h, condition_NW)
        eps, variance = self.final_layer(h, condition_NW).chunk(2, -1)
        return eps, variance


class DiffusionDraws(NamedTuple):
    """
    Randomness of a training loss.

    :param timestep_N: ``int64[N]`` below the steps of the schedule.
    :param noise_NE: ``float32[N, E]``.
    """

    timestep_N: Tensor
    noise_NE: Tensor


class DiffusionTerms(NamedTuple):
    """Training loss ``[N]``: squared error of the noise, and the variational bound in bits."""

    error_N: Tensor
    bound_N: Tensor


class DiffusionHead(nn.Module):
    """
    Denoiser with its training objective and a bridge to the samplers.

    :param size: numbers of a sample.
    :param condition: channels of z.
    """

    def __init__(self, size: int, condition: int, config: Diffusion) -> None:
        super().__init__()
        self.size = size
        self.net = Denoiser(size, condition, config)
        self.schedule = NoiseSchedule.cosine()

    def denoiser(self, z_NC: Tensor) -> Denoise:
        """Return what :mod:`hma_ros.core.generation.diffusion` calls to sample, for given z."""

        @torch.no_grad()
        def denoise(x_NE: Array, timestep: int) -> tuple[Array, Array]:
            noisy = torch.from_numpy(np.asarray(x_NE, np.float32)).to(z_NC.device)
            # A time per step, though all are equal: the first step amplifies rounding errors by
            # 2e4, and a product of one step is rounded otherwise than one of many.
            when = torch.full((len(noisy),), timestep, device=z_NC.device)
            eps, variance = self.net(noisy, when, z_NC)
            return eps.cpu().numpy(), variance.cpu().numpy()

        return denoise

    def noisy(self, clean_NE: Tensor, draws: DiffusionDraws) -> Tensor:
        """Mix samples with noise."""
        signal = self._at(self.schedule.alpha_bars_K**0.5, draws.timestep_N)
        noise = self._at((1 - self.schedule.alpha_bars_K) ** 0.5, draws.timestep_N)
        return signal * clean_NE + noise * draws.noise_NE

    def terms(self, z_NC: Tensor, clean_NE: Tensor, draws: DiffusionDraws) -> DiffusionTerms:
        """
        Compare what the denoiser says with the truth (arXiv 2102.09672, sec. 3.1).

        The bound trains the variance alone: noise enters it as a constant.
        """
        noisy = self.noisy(clean_NE, draws)
        eps, variance = self.net(noisy, draws.timestep_N, z_NC)
        error = F.mse_loss(eps, draws.noise_NE, reduction='none').mean(-1)
        return DiffusionTerms(
            error, self._bound(clean_NE, noisy, eps.detach(), variance, draws.timestep_N)
        )

    def loss(self, z_NC: Tensor, clean_NE: Tensor, draws: DiffusionDraws) -> Tensor:
        """Mean of the two terms together; zero of no samples."""
        if not len(z_NC):
            return z_NC.sum()
        error, bound = self.terms(z_NC, clean_NE, draws)
        return (error + bound).mean()

    def _bound(self, clean: Tensor, noisy: Tensor, eps: Tensor, v: Tensor, when: Tensor) -> Tensor:
        schedule, share = self.schedule, (v + 1) / 2
        least, most = (
            self._at(bound, when)
            for bound in (schedule.least_log_variance_K, schedule.most_log_variance_K)
        )
        log_variance = share * most + (1 - share) * least
        inverse = 1 / schedule.alpha_bars_K
        start = self._at(inverse**0.5, when) * noisy - self._at((inverse - 1) ** 0.5, when) * eps
        mean = self._posterior_mean(start, noisy, when)
        gap = gaussian_divergence(
            self._posterior_mean(clean, noisy, when), least, mean, log_variance
        )
        likelihood = level_log_likelihood(clean, mean, 0.5 * log_variance)
        return torch.where(when == 0, -likelihood.mean(-1), gap.mean(-1)) / math.log(2)

    def _posterior_mean(self, start: Tensor, noisy: Tensor, when: Tensor) -> Tensor:
        weights = self.schedule.posterior_start_K, self.schedule.posterior_noisy_K
        return self._at(weights[0], when) * start + self._at(weights[1], when) * noisy

    @staticmethod
    def _at(values_K: Array, timestep_N: Tensor) -> Tensor:
        values = torch.from_numpy(values_K).to(timestep_N.device)
        return values[timestep_N].float()[:, None]


def gaussian_divergence(
    mean: Tensor, log_variance: Tensor, other_mean: Tensor, other_log_variance: Tensor
) -> Tensor:
    """Kullback-Leibler divergence of two normal distributions, in nats."""
    ratio = torch.exp(log_variance - other_log_variance)
    distance = (mean - other_mean) ** 2 * torch.exp(-other_log_variance)
    return 0.5 * (other_log_variance - log_variance - 1 + ratio + distance)


def level_log_likelihood(x: Tensor, mean: Tensor, log_deviation: Tensor) -> Tensor:
    """Logarithm of the probability of the level that holds x, under a normal distribution."""
    scale = torch.exp(-log_deviation)
    below = _normal_cdf(scale * (x - mean - _HALF_LEVEL))
    up_to = _normal_cdf(scale * (x - mean + _HALF_LEVEL))
    between = torch.where(x > _LAST_LEVEL, 1 - below, up_to - below)
    probability = torch.where(x < -_LAST_LEVEL, up_to, between)
    return probability.clamp(min=_LEAST_PROBABILITY).log()


def _normal_cdf(x: Tensor) -> Tensor:
    """Approximate as the authors of arXiv 2102.09672 do."""
    return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
