# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Noise schedules and samplers, where the best denoiser is known."""

import math

import numpy as np
import pytest

from benchmarks.few_step_samplers import FewSteps, ddim, dpm_solver
from hma_ros.core.generation.diffusion import (
    Noise,
    NoiseSchedule,
    Sampling,
    ancestral,
    guided,
)

TRAINING = NoiseSchedule.cosine()
MEAN, DEVIATION = 0.5, 0.25


def of_normal(x, timestep):
    """Return the noise in x, given that the samples are normally distributed."""
    signal = TRAINING.alpha_bars_K[timestep]
    spread = signal * DEVIATION**2 + 1 - signal
    eps = math.sqrt(1 - signal) / spread * (x - math.sqrt(signal) * MEAN)
    return eps.astype(np.float32), np.zeros_like(x)


def of_two_points(x, timestep):
    """Return the noise in x, given that the samples are -1 or 1."""
    signal = TRAINING.alpha_bars_K[timestep]
    start = np.tanh(math.sqrt(signal) / (1 - signal) * x)
    eps = (x - math.sqrt(signal) * start) / math.sqrt(1 - signal)
    return eps.astype(np.float32), np.zeros_like(x)


def draw(*shape):
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def test_the_cosine_schedule():
    # cos^2 at half of a quarter turn, both offset by 0.008.
    half = math.cos(0.508 / 1.008 * math.pi / 2) ** 2 / math.cos(0.008 / 1.008 * math.pi / 2) ** 2
    assert TRAINING.alpha_bars_K[499] == pytest.approx(half)
    assert TRAINING.betas_K[-1] == 0.999
    assert (np.diff(TRAINING.alpha_bars_K) < 0).all()


def test_even_steps_are_those_of_the_published_model():
    assert TRAINING.evenly(16).timesteps_K.tolist()[:4] == [0, 67, 133, 200]
    assert TRAINING.evenly(10).timesteps_K.tolist()[-2:] == [888, 999]
    assert TRAINING.evenly(1).timesteps_K.tolist() == [0]
    assert TRAINING.evenly(1000).betas_K == pytest.approx(TRAINING.betas_K)


@pytest.mark.parametrize('count', [2, 5, 100])
def test_fewer_steps_have_the_same_noise(count):
    for few in (TRAINING.evenly(count), TRAINING.karras(count)):
        assert few.alpha_bars_K == pytest.approx(TRAINING.alpha_bars_K[few.timesteps_K])
        assert len(few.betas_K) <= count


def test_karras_steps_leave_out_what_is_nearly_all_noise():
    timesteps = TRAINING.karras(8).timesteps_K
    assert TRAINING.karras(1).timesteps_K == timesteps[-1:]  # one step begins at the noise
    assert len(timesteps) == 8
    assert timesteps[-1] < 980
    assert np.diff(timesteps)[0] > np.diff(timesteps)[-1]


def test_a_clean_sample_is_told_from_its_noise():
    clean, noise = draw(2, 5, 3)
    for step in (0, 500, 990):
        signal = TRAINING.alpha_bars_K[step]
        noisy = np.float32(math.sqrt(signal)) * clean + np.float32(math.sqrt(1 - signal)) * noise
        assert TRAINING.start(noisy, noise, step, None) == pytest.approx(clean, abs=2e-4)
        assert np.abs(TRAINING.start(noisy, noise, step, 0.5)).max() == 0.5


def exact_path(x, schedule):
    """Return where the differential equation leads, and what is expected of that at last."""
    (last, *_, first) = schedule.alpha_bars_K
    spread = [signal * DEVIATION**2 + 1 - signal for signal in (last, first)]
    scaled = (x - math.sqrt(first) * MEAN) * math.sqrt(spread[0] / spread[1])
    return MEAN + math.sqrt(last) * DEVIATION**2 / spread[0] * scaled


def test_few_steps_follow_the_differential_equation():
    start = draw(50, 4)
    errors = {}
    for solve in (ddim, dpm_solver):
        for count in (8, 16, 32):
            schedule = TRAINING.karras(count)
            found = solve(schedule, of_normal, start, None)
            errors[solve, count] = np.abs(found - exact_path(start, schedule)).max()
    assert errors[dpm_solver, 8] < DEVIATION / 8
    # Of first order, the error halves with twice the steps.
    assert errors[ddim, 16] / errors[ddim, 32] == pytest.approx(2, rel=0.25)
    assert all(errors[dpm_solver, count] < errors[ddim, count] / 4 for count in (16, 32))


@pytest.mark.parametrize(
    'sampling',
    [
        Sampling(100, is_karras=False),
        Sampling(20),
        FewSteps(20, solve=ddim),
        FewSteps(10, solve=dpm_solver),
    ],
)
def test_samples_are_distributed_as_what_was_learned(sampling):
    noise = sampling.draw(np.random.default_rng(0), (4000, 1))
    samples = sampling.sample(of_normal, noise)
    assert samples.dtype == np.float32
    assert samples.mean() == pytest.approx(MEAN, abs=0.02)
    # The few-step ones end with what is expected of a sample that has noise of 0.1.
    assert 0.85 * DEVIATION < samples.std() < 1.03 * DEVIATION


@pytest.mark.parametrize('steps', [6, 10])
def test_few_steps_choose_among_possibilities(steps):
    sampling = FewSteps(steps, solve=dpm_solver)
    samples = sampling.sample(of_two_points, sampling.draw(np.random.default_rng(0), (2000, 1)))
    assert np.abs(samples).mean() > 0.97
    assert samples.mean() == pytest.approx(0, abs=0.06)


def test_ancestral_steps_without_noise_forget_where_they_began():
    """Upstream's default temperature: one sample, whatever the noise, and of no spread."""
    sampling = Sampling(100, temperature=0, is_karras=False)
    noise = sampling.draw(np.random.default_rng(0), (500, 1))
    assert noise.steps_KNE is None
    assert sampling.sample(of_normal, noise).std() < 1e-3


def test_the_learned_variance_lies_between_two_bounds():
    schedule = TRAINING.respaced([100, 500])
    start, step = np.zeros((1, 1), np.float32), np.ones((2, 1, 1), np.float32)

    def added(variance):
        def denoise(x, timestep):
            # Noise only at the first step, so that the second tells what was added.
            return np.zeros_like(x), np.full_like(x, variance)

        rescale = math.sqrt(1 / schedule.alpha_bars_K[0])
        return ancestral(schedule, denoise, Noise(start, step), None).item() / rescale

    assert added(1) == pytest.approx(math.sqrt(schedule.betas_K[1]), rel=1e-5)
    least = schedule.betas_K[1] * (1 - schedule.alpha_bars_K[0]) / (1 - schedule.alpha_bars_K[1])
    assert added(-1) == pytest.approx(math.sqrt(least), rel=1e-5)


def test_guidance_exaggerates_the_difference():
    def denoise(x, timestep):
        assert (x[:1] == x[1:]).all()
        return np.array([[3.0], [1.0]], np.float32), x

    eps, variance = guided(denoise, 2)(np.array([[7.0], [9.0]], np.float32), 0)
    assert eps.tolist() == [[5.0], [5.0]]
    assert variance.tolist() == [[7.0], [7.0]]


def test_noise_for_guidance_is_the_same_twice():
    noise = Noise(np.ones((2, 3)), np.arange(24.0).reshape(4, 2, 3))
    assert np.array_equal(noise.twice.start_NE, np.ones((4, 3)))
    assert np.array_equal(noise.twice.steps_KNE[:, :2], noise.steps_KNE)
    assert np.array_equal(noise.twice.steps_KNE[:, 2:], noise.steps_KNE)
    assert Noise(np.ones((2, 3))).twice.steps_KNE is None


def test_noise_comes_from_the_generator_of_the_caller():
    sampling = Sampling(3, temperature=0.5)
    noise, again = (sampling.draw(np.random.default_rng(7), (2, 4)) for _ in range(2))
    assert noise.steps_KNE.shape == (3, 2, 4)
    assert (noise.start_NE == again.start_NE).all()
    assert (noise.steps_KNE == again.steps_KNE).all()
