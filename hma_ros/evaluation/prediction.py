# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
How well a world model predicts held-out episodes (HMA, arXiv 2502.04296, sec. 4).

Errors are pooled over the pixels of all steps before they become decibels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from hma_ros.core.errors import ConfigError
from hma_ros.core.generation.likelihood import TokenScore
from hma_ros.core.progress import Progress
from hma_ros.core.vision.metrics import SquaredError, changed_pixels, squared_error
from hma_ros.core.vision.ssim import ssim
from hma_ros.data.episode_metadata import TOOL
from hma_ros.data.episodes import Episode, Episodes, in_memory
from hma_ros.evaluation.replay import replay
from hma_ros.runtime.world_model import WorldModel

_RESAMPLES = 1000
# How alike or how far apart two frames are, both ``uint8[H, W, 3]``.
FrameMeasure = Callable[[np.ndarray, np.ndarray], float]


@dataclass(frozen=True)
class PredictionConfig:
    """
    What to measure.

    :param max_steps: steps to predict from, drawn from all episodes.
    :param trials: random actions per step, for delta PSNR.
    :param horizon: steps of the open-loop rollouts.
    :param seed: of the steps and of the random actions.
    """

    max_steps: int = 300
    trials: int = 5
    horizon: int = 8
    seed: int = 0


@dataclass(frozen=True)
class Comparison:
    """The imagined frame and the last observed one, both against the truth, in dB."""

    imagined_db: float
    copied_db: float
    gain_db: float


@dataclass(frozen=True)
class Similarity:
    """
    A measure of whole frames against the truth, averaged over the steps.

    ``drawn_*`` is against the tokenizer's reconstruction of the truth, the others against the
    camera's frame. SSIM of equal frames is 1, LPIPS 0.
    """

    imagined: float
    copied: float
    tokenizer: float
    drawn_imagined: float
    drawn_copied: float


@dataclass(frozen=True)
class Interval:
    """A difference in dB with its 95 % interval over episodes (bootstrap)."""

    mean_db: float
    low_db: float
    high_db: float


@dataclass(frozen=True)
class HorizonStep:
    """A rollout so many steps ahead."""

    steps_ahead: int
    changed: Comparison
    whole: Comparison


@dataclass(frozen=True)
class Prediction:
    """
    How well one embodiment is predicted.

    "Changed" counts the pixels that really changed from the last observed frame to the true one,
    "whole" all pixels, "drawn" all pixels against the truth as the tokenizer draws it, which
    takes off what the tokenizer loses. ``delta_*`` is delta PSNR: true minus random actions.

    :param changed_share: share of the pixels that changed in one step.
    :param mean_frame_changed_db: the mean of all frames as a prediction, over changed pixels:
        what is reached by knowing the scene and nothing else.
    :param tokenizer_db: the truth as the tokenizer draws it against the truth, whole frame.
    :param tokenizer_changed_db: likewise over changed pixels: what hardly any prediction
        can exceed.
    :param horizon: open-loop rollouts with true actions, over the steps that have as many after
        them.
    :param token_entropy_nats: cross entropy per token of the next frame, all of it masked; None of
        a continuous model.
    :param token_accuracy: share of those tokens whose likeliest value is the true one; likewise.
    :param lpips: perceptual distance; None if it was not asked for.
    """

    embodiment: str
    episodes: int
    steps: int
    changed_share: float
    changed: Comparison
    changed_gain: Interval
    whole: Comparison
    drawn: Comparison
    mean_frame_changed_db: float
    tokenizer_db: float
    tokenizer_changed_db: float
    delta_changed: Interval
    delta_whole: Interval
    horizon_steps: int
    horizon: tuple[HorizonStep, ...]
    token_entropy_nats: float | None
    token_accuracy: float | None
    ssim: Similarity
    lpips: Similarity | None = None


class ErrorTable:
    """Squared errors of named comparisons, row by row, to be pooled and resampled."""

    def __init__(self) -> None:
        self._errors: dict[str, list[tuple[float, int]]] = defaultdict(list)

    def add(
        self, name: str, first: np.ndarray, second: np.ndarray, mask: np.ndarray | None = None
    ) -> None:
        """Compare two frames of the next step."""
        error = squared_error(first, second, mask)
        self._errors[name].append((error.total, error.count))

    def psnr(self, name: str, steps: np.ndarray | None = None) -> float:
        """Pool all steps, or those given (repeats count again), in dB; NaN without any."""
        errors = np.array(self._errors[name], float).reshape(-1, 2)
        total, count = (errors if steps is None else errors[steps]).sum(0)
        return SquaredError(float(total), int(count)).psnr_db

    def compare(self, name: str) -> Comparison:
        """Set ``imagined_<name>`` against ``copied_<name>``."""
        imagined, copied = self.psnr(f'imagined_{name}'), self.psnr(f'copied_{name}')
        return Comparison(imagined, copied, imagined - copied)


def sample_steps(episodes: Episodes, config: PredictionConfig) -> dict[int, list[int]]:
    """
    Draw steps from all episodes, each at most once.

    :returns: sorted steps by the index of their episode.
    """
    pairs = [
        (index, step) for index, episode in enumerate(episodes) for step in range(episode.steps)
    ]
    count = min(config.max_steps, len(pairs))
    chosen = np.random.default_rng(config.seed).choice(len(pairs), count, replace=False)
    steps: dict[int, list[int]] = defaultdict(list)
    for number in sorted(chosen):
        steps[pairs[number][0]].append(pairs[number][1])
    return dict(steps)


def measure_prediction(
    model: WorldModel,
    episodes: Episodes,
    config: PredictionConfig | None = None,
    lpips: FrameMeasure | None = None,
) -> Prediction:
    """
    Predict the frame after each of some steps, and the rollout after it.

    Random actions are chunks that were really executed at other steps of these episodes, so they
    are as likely and as large as real ones, only wrong.

    :param model: of the embodiment the episodes are of; its context is lost.
    :param lpips: perceptual distance of two frames; None leaves it out.
    :raises ConfigError: the episodes are of another embodiment, or a horizon out of range.
    """
    config = config or PredictionConfig()
    _check(model, episodes, config)
    measurement = _Measurement(model, episodes, config, lpips)
    chosen = sample_steps(episodes, config)
    total = sum(map(len, chosen.values()))
    with Progress(total=total, desc=episodes.embodiment, unit='step') as bar:
        for index, lazy in enumerate(episodes):
            if not (steps := chosen.get(index)):
                continue
            episode = in_memory(lazy)
            for step in replay(model, episode):
                if step in steps:
                    measurement.add(index, episode, step)
                    bar.update()
                if step == steps[-1]:
                    break
    return measurement.result()


def _check(model: WorldModel, episodes: Episodes, config: PredictionConfig) -> None:
    if episodes.embodiment != model.stem.embodiment:
        raise ConfigError(
            f"episodes of '{episodes.embodiment}', expected of "
            f"'{model.stem.embodiment}', which the bundle was trained on"
        )
    episodes.check_frame_size(model.manifest.image_size, 'the bundle')
    if model.stem.reads_tool and tuple(episodes.metadata['state_names'][:3]) != TOOL:
        raise ConfigError(
            f'states of the episodes: got {", ".join(episodes.metadata["state_names"])}, expected '
            f'{", ".join(TOOL)} first, as the stem reads where the tool is; evaluate on episodes '
            'of the simulator'
        )
    check_horizon(config.horizon, model.manifest.max_horizon)
    if config.max_steps < 1 or config.trials < 1 or not len(episodes):
        raise ConfigError(
            f'{config.max_steps} steps of {len(episodes)} episodes with '
            f'{config.trials} trials: expected at least one of each'
        )


def check_horizon(horizon: int, longest: int) -> None:
    """
    Refuse rollouts that a bundle cannot imagine.

    :param longest: steps that it imagines at once.
    :raises ConfigError: `horizon` is none of 1 to `longest`.
    """
    if not 1 <= horizon <= longest:
        raise ConfigError(f'horizon: got {horizon}, expected 1 to {longest} for this bundle')


class _Measurement:
    """One-step and open-loop errors while they are collected."""

    def __init__(
        self,
        model: WorldModel,
        episodes: Episodes,
        config: PredictionConfig,
        lpips: FrameMeasure | None,
    ) -> None:
        self._model = model
        self._config = config
        self._embodiment = episodes.embodiment
        self._chunks = np.concatenate([episode.actions for episode in episodes])
        self._mean_frame = _mean_frame(episodes)
        self._random = np.random.default_rng([config.seed, 1])
        self._one = ErrorTable()
        self._ahead = ErrorTable()
        self._of_episode: list[int] = []
        self._changed_shares: list[float] = []
        self._horizon_steps = 0
        self._scores: list[TokenScore] = []
        self._measures: dict[str, FrameMeasure] = {'ssim': ssim}
        if lpips is not None:
            self._measures['lpips'] = lpips
        self._values: dict[str, list[list[float]]] = {name: [] for name in self._measures}

    def add(self, index: int, episode: Episode, step: int) -> None:
        """Predict from a step whose frame was just observed."""
        self._of_episode.append(index)
        is_long = step + self._config.horizon <= episode.steps
        steps_ahead = self._config.horizon if is_long else 1
        frames = self._model.imagine(
            episode.actions[step : step + steps_ahead], steps_ahead
        ).frames
        truth = episode.frames[step : step + steps_ahead + 1]
        if self._model.manifest.kind == 'discrete':
            self._scores.append(self._model.score(truth[1], episode.actions[step]))
        self._add_one(truth[0], truth[1], frames[0])
        if is_long:
            self._horizon_steps += 1
            self._add_ahead(truth, frames)

    def _add_one(self, last: np.ndarray, truth: np.ndarray, imagined: np.ndarray) -> None:
        table, mask = self._one, changed_pixels(last, truth)
        drawn, drawn_last = self._model.reconstruct(truth), self._model.reconstruct(last)
        self._changed_shares.append(float(mask.mean()))
        for name, frame, copy, target, chosen in (
            ('changed', imagined, last, truth, mask),
            ('whole', imagined, last, truth, None),
            ('drawn', imagined, drawn_last, drawn, None),
        ):
            table.add(f'imagined_{name}', frame, target, chosen)
            table.add(f'copied_{name}', copy, target, chosen)
        for name, measure in self._measures.items():
            self._values[name].append(
                [measure(x, truth) for x in (imagined, last, drawn)]
                + [measure(x, drawn) for x in (imagined, drawn_last)]
            )
        table.add('mean_frame', self._mean_frame, truth, mask)
        table.add('tokenizer', drawn, truth)
        table.add('tokenizer_changed', drawn, truth, mask)
        for trial, chunk in enumerate(self._random.choice(self._chunks, self._config.trials)):
            other = self._model.imagine(chunk[None], 1).frames[0]
            table.add(f'random{trial}_changed', other, truth, mask)
            table.add(f'random{trial}_whole', other, truth)

    def _add_ahead(self, truth: np.ndarray, imagined: np.ndarray) -> None:
        for ahead, (frame, target) in enumerate(zip(imagined, truth[1:], strict=True), 1):
            mask = changed_pixels(truth[0], target)
            self._ahead.add(f'imagined_changed{ahead}', frame, target, mask)
            self._ahead.add(f'copied_changed{ahead}', truth[0], target, mask)
            self._ahead.add(f'imagined_whole{ahead}', frame, target)
            self._ahead.add(f'copied_whole{ahead}', truth[0], target)

    def result(self) -> Prediction:
        """Pool everything."""
        one, ahead = self._one, self._ahead
        steps = range(1, self._config.horizon + 1) if self._horizon_steps else ()
        return Prediction(
            embodiment=self._embodiment,
            episodes=len(set(self._of_episode)),
            steps=len(self._of_episode),
            changed_share=float(np.mean(self._changed_shares)),
            changed=one.compare('changed'),
            changed_gain=self._interval(self._gain),
            whole=one.compare('whole'),
            drawn=one.compare('drawn'),
            mean_frame_changed_db=one.psnr('mean_frame'),
            tokenizer_db=one.psnr('tokenizer'),
            tokenizer_changed_db=one.psnr('tokenizer_changed'),
            delta_changed=self._interval(partial(self._delta, 'changed')),
            delta_whole=self._interval(partial(self._delta, 'whole')),
            horizon_steps=self._horizon_steps,
            horizon=tuple(
                HorizonStep(step, ahead.compare(f'changed{step}'), ahead.compare(f'whole{step}'))
                for step in steps
            ),
            token_entropy_nats=_mean([score.entropy_nats for score in self._scores]),
            token_accuracy=_mean([score.accuracy for score in self._scores]),
            **{
                name: Similarity(*map(float, np.mean(values, 0)))
                for name, values in self._values.items()
            },
        )

    def _gain(self, steps: np.ndarray) -> float:
        return self._one.psnr('imagined_changed', steps) - self._one.psnr('copied_changed', steps)

    def _delta(self, pixels: str, steps: np.ndarray) -> float:
        random = [
            self._one.psnr(f'random{trial}_{pixels}', steps)
            for trial in range(self._config.trials)
        ]
        return self._one.psnr(f'imagined_{pixels}', steps) - float(np.mean(random))

    def _interval(self, statistic: Callable[[np.ndarray], float]) -> Interval:
        return bootstrap(statistic, np.array(self._of_episode), self._config.seed)


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _mean_frame(episodes: Episodes) -> np.ndarray:
    total = sum(frame.astype(np.float64) for episode in episodes for frame in episode.frames)
    frames = sum(episode.steps + 1 for episode in episodes)
    return (total / frames).round().astype(np.uint8)


def bootstrap(
    statistic: Callable[[np.ndarray], float], group_R: np.ndarray, seed: int
) -> Interval:
    """
    Estimate how far a statistic of steps depends on which episodes were recorded.

    :param statistic: of step numbers, which may repeat.
    :param group_R: ``int[R]``, the episode of each step; episodes are drawn, not steps, because
        steps of one episode resemble each other.
    """
    steps_of = [np.flatnonzero(group_R == group) for group in np.unique(group_R)]
    random = np.random.default_rng(seed)
    values = [
        statistic(
            np.concatenate(
                [steps_of[i] for i in random.integers(len(steps_of), size=len(steps_of))]
            )
        )
        for _ in range(_RESAMPLES)
    ]
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return Interval(statistic(np.arange(len(group_R))), float(low), float(high))
