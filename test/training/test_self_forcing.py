# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A model goes on from its own frames, and from the same ones after a stop."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hma_ros.cli.main import main
from hma_ros.core.embodiment.stem_spec import StemSpec
from hma_ros.core.errors import ConfigError
from hma_ros.data.windows import EpisodeWindows, TokenEpisode
from hma_ros.network.config import Anchor, Domain, HmaConfig, Joints, TimePositions, preset
from hma_ros.training.self_forcing import SelfForcing, TrajectoryPool
from hma_ros.training.trainer import HmaTrainer
from hma_ros.training.twin import TwinConfig, drawn, prepare

STEPS = 2
ROBOT = StemSpec(
    ('dx',), 1, 10.0, 'arm', 'simulation', (-1.0,), (1.0,), ('x',), 'sum', (), ('x',), 'sum'
)
JOINTS = Joints(('x',), (0.0,), (1.0,), 'sum', (0.0,), (1.0,), state_size=2)
DOMAIN = Domain('arm', 1, (0.0,), (1.0,), ROBOT, JOINTS, Anchor(('x',), (0.0,), (10.0,)))
CONFIG = preset(
    'small',
    [DOMAIN],
    layers=1,
    heads=2,
    width=32,
    positions=4,
    action_tokens=1,
    factors=2,
    factor_size=8,
    anchor=True,
)
ALL = SelfForcing(share=1.0, trajectories=4, oldest=3, begun_anew=0.0, drifted=1.0)


def source(steps=200):
    """One episode whose frames count up, each joint a tenth beyond the action's."""
    rng = np.random.default_rng(0)
    tokens = rng.integers(8, size=(steps + 1, 4, 2)).astype(np.uint8)
    actions = np.ones((steps, 1), np.float32)
    joints = 1.1 * np.arange(steps + 1, dtype=np.float32)[:, None]
    states = np.zeros((steps + 1, 2), np.float32)
    return EpisodeWindows(
        [TokenEpisode(tokens, actions, actions, joints, states, joints)], STEPS
    ), tokens


def test_committed_frames_are_the_context_of_the_next_step():
    windows, _ = source()
    pool = TrajectoryPool(CONFIG, STEPS, replace(ALL, trajectories=1, oldest=9))
    first = pool.draw('arm', windows, 1, 1, 7)
    assert (first.own.tokens[:, 1:] == first.tokens).all()
    imagined = np.full((1, 4, 2), 7)
    first.own.commit(imagined)
    second = pool.draw('arm', windows, 1, 1, 8)
    assert (second.own.tokens[:, -1] == imagined).all()
    assert (second.own.tokens[:, :-1] == first.own.tokens[:, 1:]).all()
    assert (second.tokens[:, -1] == first.around.after).all()


def test_anchors_follow_the_actions_and_not_the_joints():
    windows, _ = source()
    pool = TrajectoryPool(CONFIG, STEPS, replace(ALL, trajectories=1, oldest=9))
    batch = pool.draw('arm', windows, 1, 1, 7)
    begun = float(batch.own.anchors[0, -2, 0])
    for step in range(1, 4):
        batch.own.commit(np.zeros((1, 4, 2), np.int64))
        batch = pool.draw('arm', windows, 1, 1, 7 + step)
        assert batch.own.anchors[0, -2, 0] == pytest.approx(begun + step)
    config = TwinConfig(masked_anchors=0.0, corruption=0.5)
    twins = prepare(batch, config, 8, torch.Generator().manual_seed(0))
    assert twins.anchor.known_BR.all()
    assert twins.masked[:, STEPS:].all()
    assert (twins.factors[:, :STEPS].numpy() == batch.own.tokens[:, 1:]).all()
    assert float(twins.anchor.anchor_BRK[0, -1, 0]) == pytest.approx(begun + 4)


@pytest.mark.parametrize(
    ('forcing', 'commits'),
    [(ALL, 3), (replace(ALL, drifted=0.0), 1), (replace(ALL, begun_anew=1.0), 1)],
    ids=['old', 'drifted', 'drawn'],
)
def test_trajectories_begin_anew(forcing, commits):
    windows, _ = source()
    pool = TrajectoryPool(CONFIG, STEPS, replace(forcing, trajectories=1))
    for step in range(commits):
        batch = pool.draw('arm', windows, 1, 1, 7 + step)
        assert step == 0 or (batch.own.tokens[:, -1] == 99).all()
        batch.own.commit(np.full((1, 4, 2), 99))
    batch = pool.draw('arm', windows, 1, 1, 7 + commits)
    assert (batch.own.tokens[:, 1:] == batch.tokens).all()


def test_trajectories_end_with_their_episode():
    windows, _ = source(steps=3)
    pool = TrajectoryPool(CONFIG, STEPS, replace(ALL, oldest=99))
    for step in range(9):
        batch = pool.draw('arm', windows, 4, 4, step)
        batch.own.commit(batch.around.after)


def test_fresh_windows_stand_before_those_that_go_on():
    windows, _ = source()
    batch = TrajectoryPool(CONFIG, STEPS, ALL).draw('arm', windows, 6, 3, 3)
    assert len(batch.tokens) == 6
    assert len(batch.own.tokens) == 3
    assert (batch.tokens[:3] == windows.draw(3, 3).tokens).all()


def test_a_cold_sample_is_the_most_likely_token():
    logits, generator = torch.randn(3, 4, 2, 8), torch.Generator().manual_seed(0)
    assert (drawn(logits, 0.0, generator) == logits.argmax(-1)).all()
    assert (drawn(logits, 1e-4, generator) == logits.argmax(-1)).all()
    even = drawn(torch.zeros(400, 1, 4), 0.5, generator)
    assert set(even.flatten().tolist()) == {0, 1, 2, 3}


def test_a_run_that_was_stopped_goes_on_from_the_same_frames(tmp_path):
    windows, _ = source()
    facts = {'length': STEPS, 'windows': 3, 'compiled': False, 'precision': 'highest'}
    facts['self_forcing'] = replace(ALL, share=0.7, begun_anew=0.2)
    whole = HmaTrainer(CONFIG, tmp_path / 'whole', 8, **facts)
    expected = [
        whole.run.advance(lambda step: whole.losses({'arm': windows}, step)) for _ in '12345678'
    ]
    first = HmaTrainer(CONFIG, tmp_path / 'parts', 8, **facts)
    for _ in range(5):
        first.run.advance(lambda step: first.losses({'arm': windows}, step))
    first.run.save()
    second = HmaTrainer(CONFIG, tmp_path / 'parts', 8, **facts)
    found = [second.run.advance(lambda step: second.losses({'arm': windows}, step)) for _ in '678']
    assert found == expected[5:]


def test_a_run_without_can_go_on_with_it(tmp_path):
    windows, _ = source()
    facts = {'length': STEPS, 'windows': 2, 'compiled': False, 'precision': 'highest'}
    HmaTrainer(CONFIG, tmp_path, 2, **facts).train({'arm': windows})
    later = HmaTrainer(CONFIG, tmp_path, 4, **facts, self_forcing=ALL)
    assert later.run.step == 2
    later.train({'arm': windows})


def test_it_begins_within_a_run_and_changes_nothing_before(tmp_path):
    windows, _ = source()
    facts = {'length': STEPS, 'windows': 2, 'compiled': False, 'precision': 'highest'}

    def losses(name, forcing):
        trainer = HmaTrainer(CONFIG, tmp_path / name, 4, **facts, self_forcing=forcing)
        return [
            trainer.run.advance(lambda at: trainer.losses({'arm': windows}, at)) for _ in '1234'
        ]

    true = losses('true', replace(ALL, share=0.0))
    own = losses('own', replace(ALL, begins=3))
    assert own[:3] == true[:3]
    assert own[3] != true[3]


@pytest.mark.parametrize(('share', 'count'), [(0.05, 8), (1.0, 5)])
def test_a_share_that_is_none_or_exceeds_the_pool_is_refused(tmp_path, share, count):
    forcing = replace(ALL, share=share)
    with pytest.raises(ConfigError, match=rf'got {share:g} of {count} windows, expected 1 to 4'):
        HmaTrainer(CONFIG, tmp_path, 1, STEPS, windows=count, compiled=False, self_forcing=forcing)


def test_the_command_refuses_it_before_it_trains_a_tokenizer(tmp_path, capsys):
    words = ['train', 'tokenizer', '--data', str(tmp_path), '--out', str(tmp_path / 'out')]
    assert main([*words, '--self-forced', '0.05']) == 2
    assert 'self-forced: got 0.05 of 6 windows, expected 1 to 64' in capsys.readouterr().err


def test_what_has_no_pool_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r'self-forced: got 1.5, expected a share'):
        SelfForcing(share=1.5)
    plain = HmaConfig(
        layers=1,
        heads=2,
        width=32,
        window=2,
        positions=4,
        action_tokens=1,
        factors=2,
        factor_size=4,
        domains=(Domain('arm', 1, (0.0,), (1.0,)),),
        time=TimePositions.ROTARY,
    )
    with pytest.raises(ConfigError, match='expected 0; choose preset small'):
        HmaTrainer(plain, tmp_path, 1, length=4, compiled=False, self_forcing=ALL)
