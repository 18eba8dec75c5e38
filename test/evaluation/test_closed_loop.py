# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Policies in the simulator: counted, and recorded to learn from."""

from pathlib import Path

import numpy as np
import pytest

from hma_ros.core.errors import ConfigError
from hma_ros.core.pool import SERIAL
from hma_ros.data.episodes import EpisodeDataset
from hma_ros.evaluation.closed_loop import (
    HELD_OUT_SEED,
    ModelActor,
    collect,
    evaluate_policies,
)
from hma_ros.runtime.providers import Execution
from hma_ros.runtime.world_model import WorldModel
from hma_ros.sim import make_task
from hma_ros.sim.episode import run_actor

BUNDLE = Path(__file__).parents[2] / 'models' / 'hma_sim'
SEEDS = range(HELD_OUT_SEED, HELD_OUT_SEED + 6)


@pytest.mark.parametrize(('task', 'most'), [('sim_so101', 3), ('sim_ur5e', 2), ('sim_planar', 1)])
def test_shipped_policy_succeeds_where_luck_does_not(task, most):
    """All but so many of six episodes."""
    results = evaluate_policies(task, BUNDLE, SEEDS, pool=SERIAL)
    successes = {result.policy: result.successes for result in results}
    assert successes['expert'] == len(SEEDS)
    assert successes['model'] >= len(SEEDS) - most
    assert successes['random'] <= 1


def test_same_seed_gives_the_policy_the_same_episode():
    task = make_task('sim_planar')
    try:
        model = WorldModel(BUNDLE, 'planar_push', Execution(threads=1))
        first, second = (run_actor(task, ModelActor(task, model), 5) for _ in range(2))
    finally:
        task.close()
    np.testing.assert_array_equal(first.frames[0], second.frames[0])
    np.testing.assert_allclose(first.actions[:5], second.actions[:5], atol=1e-5)


def test_collected_episodes_carry_what_the_expert_would_have_done(tmp_path):
    folder = tmp_path / 'round_1'
    rate = collect('sim_so101', BUNDLE, folder, episodes=2, seed=1, workers=1)
    dataset = EpisodeDataset([folder])
    assert {record.kind for record in dataset.records} == {'policy'}
    assert rate == np.mean([record.success for record in dataset.records])
    for episode in dataset:
        assert np.isfinite(episode.labels).all()
        assert np.abs(episode.labels - episode.actions).max() > 0


def test_unknown_policy():
    with pytest.raises(ConfigError, match=r"policy 'best', expected one of \('model'"):
        evaluate_policies('sim_planar', BUNDLE, SEEDS, ('best',))
