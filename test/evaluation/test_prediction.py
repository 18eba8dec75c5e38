# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Prediction metrics, on worlds whose numbers are known."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from hma_ros.core.errors import ConfigError
from hma_ros.core.generation.likelihood import TokenScore
from hma_ros.data.episodes import EpisodeDataset
from hma_ros.evaluation.measurements import as_result
from hma_ros.evaluation.prediction import (
    PredictionConfig,
    bootstrap,
    measure_prediction,
    sample_steps,
)
from hma_ros.evaluation.replay import replay
from hma_ros.runtime.providers import Execution
from hma_ros.runtime.rollout import Rollout
from hma_ros.runtime.world_model import WorldModel

CONFIG = PredictionConfig(max_steps=100, trials=3, horizon=2)


class Oracle:
    """Knows the rule of the made-up world: paint the square where the action says, less bright."""

    stem = SimpleNamespace(embodiment='sim_planar', reads_tool=False)
    manifest = SimpleNamespace(max_horizon=4, image_size=64, kind='discrete')

    def __init__(self, follows_actions: bool) -> None:
        self._follows_actions = follows_actions
        self.observed: list[tuple[np.ndarray, np.ndarray | None, np.ndarray]] = []

    def reset(self) -> None:
        """Forget."""
        self.observed = []

    def observe(self, frame: np.ndarray, executed: np.ndarray | None, joints: np.ndarray) -> None:
        """Remember."""
        self.observed.append((frame, executed, joints))

    def imagine(self, chunks: np.ndarray, horizon: int) -> Rollout:
        """Paint."""
        frames = np.full((horizon, 64, 64, 3), 90, np.uint8)
        for frame, chunk in zip(frames, chunks, strict=True):
            x, y = np.rint(chunk[-1] * 100).astype(int) if self._follows_actions else (0, 0)
            frame[y : y + 8, x : x + 8] = (200, 60, 60)
        return Rollout(frames, chunks)

    def score(self, frame: np.ndarray, chunk: np.ndarray) -> TokenScore:
        """Be sure of half of the tokens."""
        return TokenScore(entropy_nats=1.5, accuracy=0.5)

    def reconstruct(self, frame: np.ndarray) -> np.ndarray:
        """Draw as it is."""
        return frame


def test_a_model_that_knows_the_world(episodes: EpisodeDataset) -> None:
    result = measure_prediction(Oracle(True), episodes, CONFIG)
    assert (result.steps, result.episodes) == (12, 3)
    # Where the square went, every channel is off by 20; where it was, nothing is.
    assert result.changed.imagined_db == pytest.approx(20 * np.log10(255 / 20) + 3.01, abs=0.3)
    assert result.changed.gain_db > 10
    assert result.changed_gain.low_db > 3
    assert result.delta_changed.low_db > 0
    assert result.delta_whole.mean_db > 0
    assert result.drawn == result.whole
    assert result.tokenizer_db == np.inf
    assert (result.token_entropy_nats, result.token_accuracy) == (1.5, 0.5)


def test_the_perceptual_distance_is_measured_if_there_is_one(episodes: EpisodeDataset) -> None:
    def distance(first: np.ndarray, second: np.ndarray) -> float:
        return float((first != second).mean())

    result = measure_prediction(Oracle(True), episodes, CONFIG, lpips=distance)
    assert result.lpips is not None
    assert 0 == result.lpips.tokenizer < result.lpips.imagined < result.lpips.copied < 1
    # The oracle's tokenizer loses nothing.
    assert result.lpips.drawn_imagined == result.lpips.imagined
    assert result.lpips.drawn_copied == result.lpips.copied
    without = measure_prediction(Oracle(True), episodes, CONFIG)
    assert without == replace(result, lpips=None)


def test_a_model_that_ignores_actions_has_no_delta(episodes: EpisodeDataset) -> None:
    result = measure_prediction(Oracle(False), episodes, CONFIG)
    assert result.delta_changed.mean_db == pytest.approx(0)
    assert result.delta_whole.mean_db == pytest.approx(0)


def test_the_rollout_covers_steps_with_enough_after_them(episodes: EpisodeDataset) -> None:
    result = measure_prediction(Oracle(True), episodes, CONFIG)
    assert result.horizon_steps == 2 + 4 + 3
    assert [step.steps_ahead for step in result.horizon] == [1, 2]
    longer = replace(CONFIG, horizon=4)
    assert measure_prediction(Oracle(True), episodes, longer).horizon_steps == 3


def test_no_episode_is_long_enough_for_the_horizon(episodes: EpisodeDataset) -> None:
    oracle = Oracle(True)
    oracle.manifest = SimpleNamespace(max_horizon=9, image_size=64, kind='discrete')
    result = measure_prediction(oracle, episodes, replace(CONFIG, horizon=9))
    assert result.horizon == ()
    assert result.steps == 12


def test_episodes_are_replayed_with_what_was_executed(episodes: EpisodeDataset) -> None:
    oracle, episode = Oracle(True), episodes[1]
    assert list(replay(oracle, episode)) == [0, 1, 2, 3, 4]
    assert oracle.observed[0][1] is None
    for step, (frame, executed, joints) in enumerate(oracle.observed):
        np.testing.assert_array_equal(frame, episode.frames[step])
        np.testing.assert_array_equal(joints, episode.joints[step])
        if step:
            np.testing.assert_array_equal(executed, episode.actions[step - 1])


def test_steps_are_drawn_once_and_from_all_episodes(episodes: EpisodeDataset) -> None:
    everything = sample_steps(episodes, replace(CONFIG, max_steps=100))
    assert everything == {0: [0, 1, 2], 1: [0, 1, 2, 3, 4], 2: [0, 1, 2, 3]}
    some = sample_steps(episodes, replace(CONFIG, max_steps=5))
    assert sum(map(len, some.values())) == 5
    assert some == sample_steps(episodes, replace(CONFIG, max_steps=5))
    assert some != sample_steps(episodes, replace(CONFIG, max_steps=5, seed=1))


def test_the_interval_draws_episodes_not_steps() -> None:
    values = np.array([1.0, 1.0, 1.0, 3.0])
    interval = bootstrap(lambda steps: float(values[steps].mean()), np.array([5, 5, 5, 9]), 0)
    assert interval.mean_db == 1.5
    assert (interval.low_db, interval.high_db) == (1.0, 3.0)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'horizon': 5}, 'horizon: got 5, expected 1 to 4'),
        ({'horizon': 0}, 'horizon: got 0, expected 1 to 4'),
        ({'max_steps': 0}, '0 steps of 3 episodes with 3 trials: expected at least one'),
        ({'trials': 0}, 'with 0 trials: expected at least one'),
    ],
)
def test_what_cannot_be_measured_is_refused(
    episodes: EpisodeDataset, change: dict[str, int], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        measure_prediction(Oracle(True), episodes, replace(CONFIG, **change))


def test_episodes_of_another_robot_are_refused(episodes: EpisodeDataset) -> None:
    oracle = Oracle(True)
    oracle.stem = SimpleNamespace(embodiment='sim_franka', reads_tool=False)
    with pytest.raises(ConfigError, match="of 'sim_planar', expected of 'sim_franka'"):
        measure_prediction(oracle, episodes, CONFIG)


def test_a_real_bundle_is_measured_and_the_result_is_json(
    bundle: Path, episodes: EpisodeDataset
) -> None:
    model = WorldModel(bundle, 'planar_push', Execution(threads=1))
    config = PredictionConfig(max_steps=3, trials=1, horizon=2)
    result = measure_prediction(model, episodes, config)
    assert measure_prediction(model, episodes, config) == result
    assert np.isfinite(result.tokenizer_db)
    text = json.dumps(as_result('prediction', result), allow_nan=False)
    assert json.loads(text)['embodiment'] == 'sim_planar'
