# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Models of every kind learn, go on after a stop, and refuse what they cannot learn."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hma_ros.core.errors import ConfigError
from hma_ros.data.windows import EpisodeWindows, TokenEpisode
from hma_ros.network.checkpoint import load_hma
from hma_ros.network.config import (
    Compat,
    Diffusion,
    Domain,
    HmaConfig,
    Joints,
    TimePositions,
    preset,
)
from hma_ros.training.run import NotFiniteError
from hma_ros.training.trainer import PRECISIONS, HmaTrainer, mixing_weights, quicker_precision

DISCRETE = HmaConfig(
    layers=1,
    heads=2,
    width=32,
    window=2,
    positions=4,
    action_tokens=1,
    factors=2,
    factor_size=4,
    domains=(Domain('arm', 1, (0.0,), (1.0,)), Domain('table', 2, (0.0,), (1.0,))),
    time=TimePositions.ROTARY,
)
CONTINUOUS = replace(
    DISCRETE,
    diffusion=Diffusion(patch=1, latent_channels=3, width=32, blocks=1, steps=10, mask_steps=2),
)
JOINTS = Joints(('slide',), (0.0,), (1.0,), 'unknown', (0.0,), (1.0,), state_size=2)
SMALL = preset(
    'small',
    [replace(domain, joints=JOINTS) for domain in DISCRETE.domains],
    layers=1,
    heads=2,
    width=32,
    positions=4,
    action_tokens=1,
    factors=2,
    factor_size=4,
)
UPSTREAM = {'compat': Compat.UPSTREAM, 'time': TimePositions.LEARNED, 'window': 4}


def sources(config):
    """Episodes of still frames, whose action tells nothing."""
    rng = np.random.default_rng(0)
    result = {}
    for domain in config.domains:
        if config.diffusion is None:
            tokens = np.tile(rng.integers(4, size=(1, 4, 2)), (9, 1, 1))
        else:
            tokens = np.tile(rng.normal(size=(1, 4, 3)).astype(np.float32), (9, 1, 1))
        actions = np.tile(np.float32([[0.5] * domain.chunk_size]), (8, 1))
        joints, states = np.zeros((9, 1), np.float32), np.zeros((9, 2), np.float32)
        item = TokenEpisode(tokens, actions, actions, joints, states)
        result[domain.name] = EpisodeWindows([item], 4)
    return result


class Bare:
    """Windows as the data sets of the authors have them."""

    def __init__(self, windows):
        self.windows, self.size = windows, windows.size

    def draw(self, batch, seed):
        return replace(self.windows.draw(batch, seed), around=None)


def losses(trainer, config):
    with torch.no_grad():
        return {name: float(term) for name, term in trainer.losses(sources(config), 1).items()}


@pytest.mark.parametrize('kind', [DISCRETE, CONTINUOUS], ids=['discrete', 'continuous'])
@pytest.mark.parametrize('changes', [{}, UPSTREAM], ids=['corrected', 'upstream'])
def test_every_loss_falls_and_the_checkpoint_can_be_read(tmp_path, kind, changes):
    config = replace(kind, **changes)
    trainer = HmaTrainer(config, tmp_path, 120, length=4, windows=4, compiled=False)
    before = losses(trainer, config)
    trainer.train(sources(config))
    after = losses(trainer, config)
    assert set(before) == {f'{n}/{w}' for n in ('arm', 'table') for w in ('frame', 'action')}
    assert sum(after.values()) < 0.7 * sum(before.values())
    assert load_hma(tmp_path).config == config


def test_the_small_preset_learns_frames_chunks_and_states(tmp_path):
    trainer = HmaTrainer(SMALL, tmp_path, 120, length=4, windows=4, compiled=False)
    before = losses(trainer, SMALL)
    trainer.train(sources(SMALL))
    after = losses(trainer, SMALL)
    whats = ('frame', 'action', 'state')
    assert set(before) == {f'{name}/{what}' for name in ('arm', 'table') for what in whats}
    assert sum(after.values()) < 0.7 * sum(before.values())


@pytest.mark.parametrize(
    'config',
    [DISCRETE, CONTINUOUS, SMALL, replace(DISCRETE, **UPSTREAM), replace(CONTINUOUS, **UPSTREAM)],
    ids=['discrete', 'continuous', 'small', 'discrete upstream', 'continuous upstream'],
)
def test_a_run_that_was_stopped_ends_where_another_does(tmp_path, config):
    facts = {'length': 4, 'windows': 1, 'compiled': False, 'precision': 'highest'}
    whole = HmaTrainer(config, tmp_path / 'whole', 5, **facts).train(sources(config))

    class Stop(Exception):
        pass

    def stopping(step):
        if step == 3:
            raise Stop
        return first.losses(sources(config), step)

    first = HmaTrainer(config, tmp_path / 'parts', 5, **facts)
    with pytest.raises(Stop):
        first.run.train(stopping)
    first.run.save()
    second = HmaTrainer(config, tmp_path / 'parts', 5, **facts)
    assert second.run.step == 3
    found = second.train(sources(config)).state_dict()
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=0, msg=name)


def test_an_untrained_model_does_not_look_at_the_action(tmp_path):
    model = HmaTrainer(DISCRETE, tmp_path, 1, length=4, compiled=False).model
    ids = torch.randint(16, (1, 3, 4))
    first, second = (model(ids, 'arm', torch.full((1, 3, 1), value)) for value in (0.0, 9.0))
    assert (first.logits_BRSFV == second.logits_BRSFV).all()


def test_windows_do_not_go_beyond_learned_positions(tmp_path):
    config = replace(DISCRETE, time=TimePositions.LEARNED)
    with pytest.raises(ConfigError, match='length: got 4, expected at most 2'):
        HmaTrainer(config, tmp_path, 1, length=4)


def test_a_model_of_frames_alone_has_no_action_loss(tmp_path):
    config = replace(CONTINUOUS, predict_actions=False)
    trainer = HmaTrainer(config, tmp_path, 1, length=4, compiled=False)
    assert set(losses(trainer, config)) == {'arm/frame', 'table/frame'}


def test_the_small_preset_needs_what_only_our_episodes_tell(tmp_path):
    trainer = HmaTrainer(SMALL, tmp_path, 1, length=4, compiled=False)
    bare = {name: Bare(item) for name, item in sources(SMALL).items()}
    with pytest.raises(ConfigError, match='got frames and actions alone'):
        trainer.losses(bare, 0)


def test_embodiments_count_by_the_cube_root_of_their_windows(tmp_path):
    assert mixing_weights({'arm': 800, 'table': 100}) == pytest.approx(
        {'arm': 4 / 3, 'table': 2 / 3}
    )
    trainer = HmaTrainer(DISCRETE, tmp_path, 1, length=4, compiled=False)
    many, alike = sources(DISCRETE), losses(trainer, DISCRETE)
    many['arm'].size *= 8
    with torch.no_grad():
        found = trainer.losses(many, 1)
    assert float(found['arm/frame']) == pytest.approx(alike['arm/frame'] * 4 / 3)
    assert float(found['table/action']) == pytest.approx(alike['table/action'] * 2 / 3)


def test_a_loss_that_is_not_finite_is_named_with_its_episodes(tmp_path):
    trainer = HmaTrainer(DISCRETE, tmp_path, 9, length=4, windows=2, compiled=False)
    broken = sources(DISCRETE)
    (episode,) = broken['table']._episodes
    episode.actions[:] = np.inf
    broken['table']._episodes = [replace(episode, place='day_2: episode 7')]
    text = r'step 0: loss table/\w+: got nan.* look at windows from day_2: episode 7: step \d'
    with pytest.raises(NotFiniteError, match=text):
        trainer.train(broken)


@pytest.mark.parametrize('quick', PRECISIONS)
def test_matrices_are_multiplied_in_what_is_quicker(quick, monkeypatch):
    now_s = 0.0

    def clock():
        nonlocal now_s
        now_s += 1.0 if torch.get_float32_matmul_precision() == quick else 2.0
        return now_s

    before = torch.get_float32_matmul_precision()
    monkeypatch.setattr('hma_ros.training.trainer.time.perf_counter', clock)
    assert quicker_precision(8) == quick
    assert torch.get_float32_matmul_precision() == before


@pytest.mark.parametrize('compiled', [False, True])
def test_whoever_waits_for_the_first_step_is_told_why(tmp_path, monkeypatch, compiled):
    monkeypatch.setattr('torch.compile', lambda function: function)
    trainer = HmaTrainer(SMALL, tmp_path, 1, 4, 1, compiled=compiled, precision='highest')
    assert any('torch compiles' in note for note in trainer.notes) == compiled
    trainer.run.step = 1
    assert not any('torch compiles' in note for note in trainer.notes)
