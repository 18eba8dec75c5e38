# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Models of the paper learn, go on after a stop, and refuse what they cannot learn."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hma_ros.core.errors import ConfigError
from hma_ros.data.row_windows import EpisodeRows, RowEpisode
from hma_ros.network.checkpoint import load_hma
from hma_ros.network.config import Compat, Diffusion, Domain, HmaConfig, TimePositions
from hma_ros.training.paper import PRECISIONS, PaperTrainer, quicker_precision

DISCRETE = HmaConfig(
    layers=1,
    heads=2,
    width=32,
    rows=2,
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
UPSTREAM = {'compat': Compat.UPSTREAM, 'time': TimePositions.LEARNED, 'rows': 4}


def sources(config, seed=0):
    """Episodes of still pictures, whose action tells nothing."""
    rng = np.random.default_rng(0)
    result = {}
    for domain in config.domains:
        if config.diffusion is None:
            tokens = np.tile(rng.integers(4, size=(1, 4, 2)), (9, 1, 1))
        else:
            tokens = np.tile(rng.normal(size=(1, 4, 3)).astype(np.float32), (9, 1, 1))
        actions = np.tile(np.float32([[0.5] * domain.chunk_size]), (9, 1))
        result[domain.name] = EpisodeRows([RowEpisode(tokens, actions)], 4, seed)
    return result


def losses(trainer, config):
    with torch.no_grad():
        return {name: float(term) for name, term in trainer.losses(sources(config, 1)).items()}


@pytest.mark.parametrize('kind', [DISCRETE, CONTINUOUS], ids=['discrete', 'continuous'])
@pytest.mark.parametrize('changes', [{}, UPSTREAM], ids=['corrected', 'upstream'])
def test_every_loss_falls_and_the_checkpoint_can_be_read(tmp_path, kind, changes):
    config = replace(kind, **changes)
    trainer = PaperTrainer(config, tmp_path, 120, rows=4, windows=4, compiled=False)
    before = losses(trainer, config)
    trainer.train(sources(config))
    after = losses(trainer, config)
    assert set(before) == {f'{n}/{w}' for n in ('arm', 'table') for w in ('frame', 'action')}
    assert sum(after.values()) < 0.7 * sum(before.values())
    assert load_hma(tmp_path).config == config


def test_a_run_goes_on_from_where_it_was(tmp_path):
    trainer = PaperTrainer(DISCRETE, tmp_path, 2, rows=4, windows=1, compiled=False)
    trainer.train(sources(DISCRETE))
    again = PaperTrainer(DISCRETE, tmp_path, 4, rows=4, windows=1, compiled=False)
    assert again.run.step == 2
    for name, value in trainer.model.state_dict().items():
        assert (value == again.model.state_dict()[name]).all(), name


def test_an_untrained_model_does_not_look_at_the_action(tmp_path):
    model = PaperTrainer(DISCRETE, tmp_path, 1, rows=4, compiled=False).model
    ids = torch.randint(16, (1, 3, 4))
    first, second = (model(ids, 'arm', torch.full((1, 3, 1), value)) for value in (0.0, 9.0))
    assert (first.logits_BRSFV == second.logits_BRSFV).all()


def test_windows_do_not_go_beyond_learned_positions(tmp_path):
    config = replace(DISCRETE, time=TimePositions.LEARNED)
    with pytest.raises(ConfigError, match='rows: 4, expected at most 2'):
        PaperTrainer(config, tmp_path, 1, rows=4)


def test_a_model_of_frames_alone_has_no_action_loss(tmp_path):
    config = replace(CONTINUOUS, predict_actions=False)
    trainer = PaperTrainer(config, tmp_path, 1, rows=4, compiled=False)
    assert set(losses(trainer, config)) == {'arm/frame', 'table/frame'}


@pytest.mark.parametrize('quick', PRECISIONS)
def test_matrices_are_multiplied_in_what_is_quicker(quick, monkeypatch):
    now_s = 0.0

    def clock():
        nonlocal now_s
        now_s += 1.0 if torch.get_float32_matmul_precision() == quick else 2.0
        return now_s

    before = torch.get_float32_matmul_precision()
    monkeypatch.setattr('hma_ros.training.paper.time.perf_counter', clock)
    assert quicker_precision(8) == quick
    assert torch.get_float32_matmul_precision() == before
