# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Held-out scores are those of the bundle; tables and charts show what was varied."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks.conditioning import with_other_actions
from benchmarks.mixture import Experiment, Mixture, spread
from benchmarks.report.conditioning_table import conditioning_table
from benchmarks.report.kinds_table import kinds_table
from benchmarks.report.new_robot_tables import transfer_table
from benchmarks.report.scaling_tables import scaling_charts, scaling_table
from hma_ros.bringup import bundle_folder
from hma_ros.core.embodiment import load_embodiment
from hma_ros.data.episodes import EpisodeDataset
from hma_ros.data.shards import find_shards
from hma_ros.data.windows import TokenEpisode
from hma_ros.evaluation.replay import replay
from hma_ros.runtime.providers import Execution
from hma_ros.runtime.world_model import WorldModel
from hma_ros.sim.generate import generate
from hma_ros.training.held_out import mean_score


def _result(series: str, robots: int, nats: dict[str, float]) -> dict[str, object]:
    return {
        'name': 'scaling',
        'series': series,
        'robots': robots,
        'trajectories': 40,
        'parameters': 1_500_000,
        'token_entropy_nats': nats,
        'token_accuracy': dict.fromkeys(nats, 0.25),
    }


RESULTS = [
    _result('robots', 1, {'a': 0.0}),
    _result('robots', 2, {'a': 0.0, 'b': 0.0}),
]


def test_a_network_scores_as_its_bundle_does(tmp_path: Path) -> None:
    robot, experiment = 'sim_ur5e', Experiment(tmp_path)
    generate(robot, tmp_path / 'data' / robot, {'expert': 1}, workers=1, split='val', steps=6)
    stem = load_embodiment(robot).stem
    network = mean_score(experiment.shipped.model, stem, experiment.tokens(robot, 'val'))
    model = WorldModel(bundle_folder('hma_sim'), stem, Execution(threads=1))
    (episode,) = EpisodeDataset(find_shards(tmp_path / 'data', robot, 'val'))
    scores = [
        model.score(episode.frames[step + 1], episode.actions[step])
        for step in replay(model, episode)
    ]
    nats = sum(score.entropy_nats for score in scores) / len(scores)
    assert network.entropy_nats == pytest.approx(nats, rel=1e-3)
    assert network.accuracy == pytest.approx(
        sum(score.accuracy for score in scores) / len(scores), abs=1 / 64
    )


def test_few_episodes_have_every_kind() -> None:
    kinds = ['expert'] * 8 + ['play'] * 4 + ['random'] * 4
    assert spread(kinds, 4) == ['expert', 'expert', 'play', 'random']


def test_other_mixtures_have_other_runs() -> None:
    assert Mixture(('sim_ur5e',)).name != Mixture(('sim_ur5e',), width=64).name


def test_conditioning_is_compared_by_what_another_action_costs() -> None:
    result = {
        'name': 'conditioning',
        'variant': 'passive',
        'parameters': 1_500_000,
        'token_entropy_nats': {'a': 0.0},
        'token_entropy_other_actions_nats': {'a': 0.25},
        'token_accuracy': {'a': 0.5},
    }
    (line,) = conditioning_table([result]).lines
    assert line == ('passive', '1.50', '1.0', '50.0', '0.25')


def test_kinds_are_compared_robot_by_robot() -> None:
    interval = {'mean_db': 2.0, 'low_db': 1.0, 'high_db': 3.0}
    results = [
        {
            'name': 'kinds',
            'kind': kind,
            'robot': robot,
            'parameters': 1_500_000,
            'frames_per_s': 10.0,
            'gain': interval,
            'delta_psnr': interval,
            'rollout_gain_db': {'32': 0.5},
            'survival': {'32': 0.25},
        }
        for kind in ('discrete', 'continuous')
        for robot in ('b', 'a')
    ]
    lines = kinds_table(results).lines
    assert [line[:2] for line in lines[:2]] == [('a', 'discrete'), ('a', 'continuous')]
    assert lines[0][2:] == (
        '1.50',
        '+2.0 [+1.0, +3.0]',
        '+2.0 [+1.0, +3.0]',
        '0.5',
        '25.0',
        '10.0',
    )


def test_actions_of_other_steps_leave_frames_as_they_are() -> None:
    steps = np.arange(40, dtype=np.float32)[:, None]
    frames = np.arange(41)[:, None, None]
    joints = np.zeros((41, 1), np.float32)
    episode = TokenEpisode(frames, steps, steps, joints, joints)
    (other,) = with_other_actions([episode])
    assert other.tokens is episode.tokens
    assert sorted(other.actions[:, 0]) == sorted(steps[:, 0])
    assert (other.actions != steps).mean() > 0.8


def test_a_robot_that_was_not_learned_has_a_dash() -> None:
    first, second = scaling_table(RESULTS).lines
    assert first[4:] == ('1.0', '-', '25.0')
    assert second[4:] == ('1.0', '1.0', '25.0')


def test_every_series_has_a_chart_of_lines_alone() -> None:
    charts = scaling_charts(RESULTS)
    assert list(charts) == ['scaling_robots.svg']
    tree = ElementTree.fromstring(charts['scaling_robots.svg'])  # noqa: S314  our own
    texts = [item.text for item in tree.iter()]
    assert 'a' in texts
    assert 'b' not in texts  # a single point is no line


def test_starts_that_succeed_are_told_where_they_were_counted() -> None:
    gain = {'mean_db': 1.0, 'low_db': 0.5, 'high_db': 1.5}
    result = {
        'robot': 'sim_franka',
        'start': 'pre-trained',
        'training_steps': 200,
        'token_entropy_nats': 0.0,
        'token_accuracy': 0.5,
        'changed_gain': gain,
        'delta_changed': gain,
    }
    counted = {**result, 'successes': 5, 'episodes': 10}
    lines = transfer_table([result, counted]).lines
    assert [line[-1] for line in lines] == ['-', '5 of 10 [24%, 76%]']
