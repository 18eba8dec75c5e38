# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Samplers with fewer steps than the ancestral one, which they are measured against.

DDIM (arXiv 2010.02502) and DPM-Solver++ (arXiv 2211.01095) are deterministic: they integrate an
ordinary differential equation and add no noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hma_ros.core.generation.diffusion import Array, Denoise, Noise, NoiseSchedule, Sampling

Solver = Callable[[NoiseSchedule, Denoise, Array, float | None], Array]


def ddim(schedule: NoiseSchedule, denoise: Denoise, x_NE: Array, clip: float | None) -> Array:
    """Integrate the ODE to first order."""
    for step in reversed(range(len(schedule.betas_K))):
        eps, _ = denoise(x_NE, int(schedule.timesteps_K[step]))
        start = schedule.start(x_NE, eps, step, clip)
        # A clipped sample has other noise in it than the denoiser says.
        signal, noise = _amplitudes(schedule.alpha_bars_K[step])
        eps = (x_NE - signal * start) / noise
        signal, noise = _amplitudes(schedule.previous_alpha_bars_K[step])
        x_NE = signal * start + noise * eps
    return x_NE


def dpm_solver(
    schedule: NoiseSchedule, denoise: Denoise, x_NE: Array, clip: float | None
) -> Array:
    """
    Integrate the ODE to second order, from the last two clean samples.

    DPM-Solver++(2M), algorithm 2 of arXiv 2211.01095. The last step ends without any noise and is
    of first order.
    """
    log_snr, previous = schedule.log_snr_K, None
    for step in reversed(range(1, len(schedule.betas_K))):
        eps, _ = denoise(x_NE, int(schedule.timesteps_K[step]))
        start = schedule.start(x_NE, eps, step, clip)
        stride = log_snr[step - 1] - log_snr[step]
        ahead = start
        if previous is not None:
            ratio = (log_snr[step] - log_snr[step + 1]) / stride
            ahead = start + np.float32(0.5 / ratio) * (start - previous)
        noise = _amplitudes(schedule.alpha_bars_K[step])[1]
        next_signal, next_noise = _amplitudes(schedule.alpha_bars_K[step - 1])
        gain = next_signal * np.float32(-math.expm1(-stride))
        x_NE, previous = next_noise / noise * x_NE + gain * ahead, start
    eps, _ = denoise(x_NE, int(schedule.timesteps_K[0]))
    return schedule.start(x_NE, eps, 0, clip)


def _amplitudes(alpha_bar: float) -> tuple[np.float32, np.float32]:
    """Signal and noise."""
    return np.float32(math.sqrt(alpha_bar)), np.float32(math.sqrt(1 - alpha_bar))


@dataclass(frozen=True)
class FewSteps(Sampling):
    """
    Deterministic sampling in few steps.

    :param solve: :func:`ddim` or :func:`dpm_solver`.
    """

    temperature: float = 0.0
    solve: Solver = dpm_solver

    def sample(self, denoise: Denoise, noise: Noise) -> Array:
        """Make a sample ``float32[N, E]``."""
        return self.solve(self.schedule, denoise, noise.start_NE, self.clip)
