# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Long rollouts against the simulator's truth."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.__main__ import main as benchmarks
from hma_ros.cli.main import main
from hma_ros.core.errors import ConfigError
from hma_ros.core.pool import SERIAL
from hma_ros.evaluation.long_horizon import (
    OBSERVED,
    Film,
    Rollouts,
    imagine_film,
    judge,
    measure_long_horizon,
)
from hma_ros.evaluation.long_horizon_config import LongHorizonConfig
from hma_ros.evaluation.long_horizon_page import animation, write_long_horizon
from hma_ros.evaluation.object_places import object_places_of
from hma_ros.evaluation.occlusion import check_occluded, occlusion_of, returns
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

    def imagine_frames(self, chunks):
        first = self._step + 1
        assert np.array_equal(chunks, self._episode.actions[self._step :])
        for frame in self._episode.frames[first : first + len(chunks)]:
            yield self._spoil(frame)


@pytest.fixture(scope='module')
def recorded():
    """Return an episode of the planar pusher, and where its tool is after the observed frames."""
    task = make_task('sim_planar')
    try:
        episode = run_episode(task, 'random', 3, 64, steps=OBSERVED - 1 + HORIZON)
    finally:
        task.close()
    return episode, project(task.view, episode.states[OBSERVED:, :3], 64)


def _rollouts(recorded, spoil, every=1):
    episode, tools_xy = recorded
    film = imagine_film(Oracle(episode, spoil), episode, every)
    judged = judge('sim_planar', film, tools_xy[every - 1 :: every], np.zeros((64, 64), bool))
    return Rollouts('sim_planar', 'wander', (film,), (judged,))


def _at_the_end(recorded, spoil):
    return _rollouts(recorded, spoil).at(HORIZON)


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


def test_every_second_frame_is_judged_as_among_all(recorded):
    all_frames, half = (_rollouts(recorded, lambda frame: frame, every) for every in (1, 2))
    assert np.array_equal(half.films[0].truth, all_frames.films[0].truth[1::2])
    assert half.at(HORIZON).steps == HORIZON
    assert half.at(HORIZON).gain_db == math.inf
    assert half.judged[0].imagined[0].copied == all_frames.judged[0].imagined[1].copied


@pytest.mark.parametrize(
    ('visible', 'occluded', 'moments'),
    [
        ('1110001', 3, [6]),
        ('1110001', 4, []),
        ('0000011', 3, []),
        ('1001000100', 2, [3, 7]),
        ('1000', 2, []),
        ('', 1, []),
    ],
)
def test_a_return_follows_so_many_occluded_steps(visible, occluded, moments):
    assert list(returns([item == '1' for item in visible], occluded)) == moments


def test_what_was_occluded_is_found_where_it_was_or_not(recorded):
    rollouts = _rollouts(recorded, lambda frame: frame)
    nothing = occlusion_of(rollouts, 2)
    assert nothing.cases == 0
    assert math.isnan(nothing.kept)
    thing, judged = 1, rollouts.judged[0]

    def covered(judgement, is_covered, error):
        seen = judgement.parts[thing]
        area = 0.2 * seen.full_area if is_covered else seen.true_area
        part = replace(seen, true_area=area, error=error)
        return replace(judgement, parts=(judgement.parts[0], part, *judgement.parts[2:]))

    def shown(error):
        pairs = enumerate(judged.imagined)
        return tuple(covered(item, 1 <= at <= 3, error) for at, item in pairs)

    for error, kept in ((1.5, 1.0), (2.5, 0.0)):
        changed = replace(rollouts, judged=(replace(judged, imagined=shown(error)),))
        found = occlusion_of(changed, 3)
        assert (found.cases, found.kept, found.kept_drawn) == (1, kept, 1.0)
        assert occlusion_of(changed, 4).cases == 0
    with pytest.raises(ConfigError, match='occluded: got 0, expected at least 1'):
        occlusion_of(rollouts, 0)


def test_the_tokenizer_is_judged_by_the_objects_that_are_seen(recorded):
    rollouts = _rollouts(recorded, lambda frame: frame)
    judged, thing = rollouts.judged[0], 1

    def moved(errors):
        pairs = zip(judged.drawn, errors, strict=False)
        drawn = [
            replace(
                item, parts=(item.parts[0], replace(item.parts[thing], error=error, area=area))
            )
            for item, (error, area) in pairs
        ]
        return replace(rollouts, judged=(replace(judged, drawn=tuple(drawn)),))

    true = judged.drawn[0].parts[thing].true_area
    found = object_places_of([moved([(0.5, true), (2.0, true), (0.0, 0.0), (0.7, 1.5 * true)])])
    assert (found.frames, found.shown, found.near) == (4, 0.75, pytest.approx(2 / 3))
    assert found.error_px == pytest.approx(0.7)
    assert math.isnan(object_places_of([moved([])]).near)


def test_sparse_frames_that_hide_an_object_span_the_steps(recorded):
    """A single occluded frame of every tenth says nothing of the nine around it."""
    rollouts = _rollouts(recorded, lambda frame: frame)
    judged, thing = rollouts.judged[0], 1

    def occluded_at(moments):
        found = []
        for at, item in enumerate(judged.imagined):
            seen = item.parts[thing]
            area = 0.2 * seen.full_area if at in moments else seen.true_area
            part = replace(seen, true_area=area)
            found.append(replace(item, parts=(item.parts[0], part, *item.parts[2:])))
        film = replace(rollouts.films[0], every=10)
        return replace(rollouts, films=(film,), judged=(replace(judged, imagined=tuple(found)),))

    assert occlusion_of(occluded_at([1]), 1).cases == 1
    assert occlusion_of(occluded_at([1]), 10).cases == 0
    assert occlusion_of(occluded_at([1, 2]), 10).cases == 1
    assert occlusion_of(occluded_at([1, 2]), 12).cases == 0


def test_occluded_is_checked_before_anything_is_measured(bundle: Path, monkeypatch, capsys):
    monkeypatch.setattr(
        'hma_ros.evaluation.long_horizon.measure_long_horizon',
        lambda *_: pytest.fail('measured'),
    )
    arguments = ['--bundle', str(bundle), '--occluded', '99']
    assert main(['evaluate', 'long-horizon', *arguments]) == 2
    assert 'occluded: got 99 with rollouts of 100 steps' in capsys.readouterr().err


def test_the_longest_occlusion_of_a_rollout_can_be_counted(recorded):
    rollouts = _rollouts(recorded, lambda frame: frame)
    judged, thing = rollouts.judged[0], 1
    frames = len(judged.imagined)

    def hidden(at, item):
        seen = item.parts[thing]
        area = seen.true_area if at in (0, frames - 1) else 0.2 * seen.full_area
        part = replace(seen, true_area=area)
        return replace(item, parts=(item.parts[0], part, *item.parts[2:]))

    imagined = tuple(hidden(at, item) for at, item in enumerate(judged.imagined))
    for every in (1, 10):
        films, most = (replace(rollouts.films[0], every=every),), (frames - 3) * every + 1
        changed = replace(rollouts, films=films, judged=(replace(judged, imagined=imagined),))
        check_occluded(most, frames * every, every)
        assert occlusion_of(changed, most).cases == 1
        with pytest.raises(ConfigError, match=f'expected 1 to {most}'):
            check_occluded(most + 1, frames * every, every)
        assert occlusion_of(changed, most + 1).cases == 0


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'steps': (0,)}, 'steps: got 0, expected 1 to'),
        ({'steps': (4, 100_000)}, 'steps: got 100000, expected 1 to'),
        ({'episodes': 0}, 'episodes: got 0'),
        ({'every': 0}, 'every: got 0, expected at least 1'),
        ({'every': 3}, 'steps: got 1, expected a multiple of every 3'),
        ({'actions': ('dance',)}, "actions: got 'dance', expected one of wander, expert"),
    ],
)
def test_what_cannot_be_measured_is_refused(bundle, changes, message):
    with pytest.raises(ConfigError, match=message):
        next(measure_long_horizon(bundle, 'sim_planar', LongHorizonConfig(**changes), SERIAL))


def test_a_robot_without_a_simulator_is_refused(bundle):
    with pytest.raises(ConfigError, match="robot: got 'franka', expected one of sim_franka"):
        next(measure_long_horizon(bundle, 'franka', LongHorizonConfig(), SERIAL))


def test_from_the_command_to_the_page(bundle: Path, tmp_path: Path, capsys):
    out, images = tmp_path / 'out' / 'long_horizon.json', tmp_path / 'images'
    arguments = ['--bundle', str(bundle), '--episodes', '2', '--steps', '3', '1', '--seed', '4']
    arguments += [
        '--workers',
        '1',
        '--occluded',
        '1',
        '--temperature',
        '0.5',
        '--out',
        str(out),
        '--images',
        str(images),
    ]
    assert main(['evaluate', 'long-horizon', *arguments]) == 0
    assert '| sim_planar |' in capsys.readouterr().out
    facts = json.loads(out.read_text())
    assert facts['command'] == (
        f'hma evaluate long-horizon --bundle {bundle} --episodes 2 --steps 3 1 '
        '--actions wander expert --every 1 --occluded 1 --temperature 0.5 --seed 4 --workers 1'
    )
    occluded = [item for item in facts['results'] if item['name'] == 'occlusion']
    assert [item['actions'] for item in occluded] == ['wander', 'expert']
    (places,) = [item for item in facts['results'] if item['name'] == 'object_places']
    assert places['robot'] == 'sim_planar'
    assert places['frames'] > 0
    facts['results'] = [item for item in facts['results'] if item['name'] == 'long_horizon']
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
    page = (images / 'long_horizon.html').read_text()
    # Self-contained: all images are in it.
    assert set(re.findall(r'src="(\S{0,11})', page)) == {
        'data:image/',
    }
    assert (images / 'sim_planar_wander.png').is_file()
    assert (images / 'sim_planar_expert.webp').is_file()
    results = tmp_path / 'results.md'
    assert benchmarks(['report', '--results', str(out.parent), '--out', str(results)]) == 0
    assert 'hma evaluate long-horizon --bundle' in results.read_text()


def test_results_of_several_settings_are_told_apart(bundle: Path, tmp_path: Path, capsys):
    out, page = tmp_path / 'out', tmp_path / 'results.md'
    arguments = ['--bundle', str(bundle), '--episodes', '1', '--steps', '1', '--workers', '1']
    arguments += ['--actions', 'wander']
    for temperature in ('0', '0.7'):
        place = ['--temperature', temperature, '--out', str(out / f'{temperature}.json')]
        assert main(['evaluate', 'long-horizon', *arguments, *place]) == 0
        assert 'temperature' not in capsys.readouterr().out
    assert benchmarks(['report', '--results', str(out), '--out', str(page)]) == 0
    for name in ('long_horizon', 'object_places'):
        section = page.read_text().partition(f'<!-- begin {name} -->\n')[2]
        header, _, *lines = section.partition('<!-- end')[0].splitlines()
        cells = [[cell.strip() for cell in line.split('|')[1:-1]] for line in (header, *lines)]
        assert cells[0][-1] == 'temperature'
        assert sorted(line[-1] for line in cells[1:]) == ['0.0', '0.7']


@pytest.mark.parametrize(
    ('every', 'text'), [(1, 'at half speed'), (60, '30 times as fast as it happened')]
)
def test_the_page_says_how_fast_it_plays(recorded, tmp_path, monkeypatch, every, text):
    rollouts = _rollouts(recorded, lambda frame: frame)
    sparse = replace(rollouts, films=(replace(rollouts.films[0], every=every),))
    monkeypatch.setattr('hma_ros.evaluation.long_horizon_page._curves', lambda _: [])
    assert text in write_long_horizon(tmp_path, [sparse], 'table').read_text()


def test_an_animation_names_its_columns(recorded):
    rollouts = _rollouts(recorded, lambda frame: frame)
    side = rollouts.films[0].last.shape[0]
    first, *_ = animation(replace(rollouts, films=rollouts.films[:1] * 2))
    head = np.asarray(first.convert('L'))[: first.height - side - 4]
    assert len(head) > 0
    lane = side + 4
    starts = [rollout * (3 * lane + 8) + lane * at for rollout in range(2) for at in range(3)]
    assert all((head[:, start : start + lane] < 128).any() for start in starts)


def test_the_same_seed_gives_the_same_numbers(bundle: Path):
    config = LongHorizonConfig(steps=(2,), episodes=1, actions=('wander',), seed=9)
    first, second = (
        next(measure_long_horizon(bundle, 'sim_planar', config, SERIAL)).at(2) for _ in range(2)
    )
    assert repr(first) == repr(second)
