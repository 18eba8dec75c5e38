# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Long rollouts against the simulator's truth."""

import json
import math
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from hma_ros.cli.main import main
from hma_ros.core.errors import ConfigError
from hma_ros.evaluation.long_horizon import (
    OBSERVED,
    Film,
    LongHorizonConfig,
    Rollouts,
    imagine_film,
    judge,
    measure_long_horizon,
)
from hma_ros.runtime.rollout import Rollout
from hma_ros.sim import make_task
from hma_ros.sim.episode import run_episode
from hma_ros.sim.scene import project

HORIZON = 6


class Oracle:
    """Imagines what really happens, frames from the first imagined one on changed by `spoil`."""

    stem = SimpleNamespace(embodiment='sim_planar', frame_hz=10.0, reads_tool=False)

    def __init__(self, episode, spoil):
        self._episode, self._spoil, self._step = episode, spoil, -1

    def reset(self):
        self._step = -1

    def observe(self, frame, executed, joints=None):
        self._step += 1

    def reconstruct(self, frame):
        return frame

    def imagine(self, chunks, horizon):
        first = self._step + 1
        assert np.array_equal(chunks, self._episode.actions[self._step :])
        frames = self._episode.frames[first : first + horizon]
        return Rollout(np.stack([self._spoil(frame) for frame in frames]), chunks)


@pytest.fixture(scope='module')
def recorded():
    """Return an episode of the planar pusher, and where its tool is after the observed frames."""
    task = make_task('sim_planar')
    try:
        episode = run_episode(task, 'random', 3, 64, steps=OBSERVED - 1 + HORIZON)
    finally:
        task.close()
    return episode, project(task.view, episode.states[OBSERVED:, :3], 64)


def _at_the_end(recorded, spoil):
    episode, tools_xy = recorded
    film = imagine_film(Oracle(episode, spoil), episode)
    judged = judge('sim_planar', film, tools_xy, np.zeros((64, 64), bool))
    return Rollouts('sim_planar', 'wander', (film,), (judged,)).at(HORIZON)


def test_the_truth_survives_without_error(recorded):
    found = _at_the_end(recorded, lambda frame: frame)
    assert (found.steps, found.episodes) == (HORIZON, 1)
    assert (found.survival, found.tool_error_px, found.object_error_px) == (1, 0, 0)
    assert found.gain_db == math.inf
    assert found.tokenizer.survival == 1


def test_a_tool_that_vanishes_is_told_from_an_object_that_stays(recorded):
    def without_blue(frame):
        blue = (frame[..., 2] > 150) & (frame[..., 0] < 100)
        return np.where(blue[..., None], np.uint8([190, 186, 168]), frame)

    found = _at_the_end(recorded, without_blue)
    assert (found.survival, found.tool_survival, found.object_survival) == (0, 0, 1)
    assert math.isnan(found.tool_error_px)
    assert found.object_error_px == 0
    assert found.tokenizer.tool_survival == 1


def test_copying_gains_nothing(recorded):
    last = recorded[0].frames[OBSERVED - 1]
    assert _at_the_end(recorded, lambda _: last).gain_db == 0


def test_only_frames_of_the_simulator_follow_what_was_observed(recorded):
    episode, _ = recorded
    film = imagine_film(Oracle(episode, lambda frame: frame), episode)
    assert isinstance(film, Film)
    assert np.array_equal(film.last, episode.frames[OBSERVED - 1])
    assert np.array_equal(film.truth, episode.frames[OBSERVED:])
    assert len(film.imagined) == HORIZON


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'steps': (0,)}, 'steps: got 0, expected 1 to'),
        ({'steps': (4, 100_000)}, 'steps: got 100000, expected 1 to'),
        ({'episodes': 0}, 'episodes: got 0'),
        ({'actions': ('dance',)}, "actions: got 'dance', expected one of wander, expert"),
    ],
)
def test_what_cannot_be_measured_is_refused(bundle, changes, message):
    with pytest.raises(ConfigError, match=message):
        next(measure_long_horizon(bundle, 'sim_planar', LongHorizonConfig(**changes)))


def test_a_robot_without_a_simulator_is_refused(bundle):
    with pytest.raises(ConfigError, match="robot: got 'franka', expected one of sim_franka"):
        next(measure_long_horizon(bundle, 'franka', LongHorizonConfig()))


def test_from_the_command_to_the_page(bundle: Path, tmp_path: Path, capsys):
    out, pictures = tmp_path / 'out' / 'long_horizon.json', tmp_path / 'pictures'
    arguments = ['--bundle', str(bundle), '--episodes', '2', '--steps', '3', '1', '--seed', '4']
    arguments += ['--workers', '1', '--out', str(out), '--pictures', str(pictures)]
    assert main(['evaluate', 'long-horizon', *arguments]) == 0
    assert '| sim_planar |' in capsys.readouterr().out
    facts = json.loads(out.read_text())
    assert facts['command'] == (
        f'hma evaluate long-horizon --bundle {bundle} --episodes 2 --steps 3 1 '
        '--actions wander expert --seed 4 --workers 1'
    )
    assert [(item['actions'], item['steps']) for item in facts['results']] == [
        ('wander', 1),
        ('wander', 3),
        ('expert', 1),
        ('expert', 3),
    ]
    for item in facts['results']:
        assert item['robot'] == 'sim_planar'
        assert {'survival', 'object_error_px', 'tool_error_px', 'gain_db'} < item.keys()
        assert 0 <= item['survival'] <= item['tool_survival'] <= 1
    page = (pictures / 'long_horizon.html').read_text()
    # Self-contained: all pictures are in it.
    assert set(re.findall(r'src="(\S{0,11})', page)) == {
        'data:image/',
    }
    assert (pictures / 'sim_planar_wander.png').is_file()
    assert (pictures / 'sim_planar_expert.webp').is_file()
    results = tmp_path / 'results.md'
    assert main(['evaluate', 'report', '--results', str(out.parent), '--out', str(results)]) == 0
    assert 'hma evaluate long-horizon --bundle' in results.read_text()


def test_the_same_seed_gives_the_same_numbers(bundle: Path):
    config = LongHorizonConfig(steps=(2,), episodes=1, actions=('wander',), seed=9)
    first, second = (
        next(measure_long_horizon(bundle, 'sim_planar', config, 1, progress=False)).at(2)
        for _ in range(2)
    )
    assert repr(first) == repr(second)
