# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A training run: schedule, optimisers, and going on where it stopped."""

import json

import pytest
import torch
from torch import nn

from hma_ros.core.errors import ConfigError
from hma_ros.training.muon import orthogonalise
from hma_ros.training.run import NotFiniteError, TrainingRun, rate_factor


def line(seed=0, width=8):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Linear(width, 1))


def loss_of(module):
    def draw(step):
        x = torch.randn(32, 4, generator=torch.Generator().manual_seed(step))
        return {'squared': (module(x) - x.sum(1, keepdim=True)).square().mean()}

    return draw


def test_rate_warms_up_stays_and_falls_to_nothing():
    factors = [rate_factor(step, 1000) for step in range(1000)]
    assert factors[0] == pytest.approx(0.01)
    assert factors[99] == factors[500] == 1.0
    assert factors[999] == pytest.approx(1 / 400)


def test_orthogonalised_matrix_has_singular_values_near_one():
    torch.manual_seed(0)
    for shape in ((16, 48), (48, 16)):
        singular = torch.linalg.svdvals(orthogonalise(torch.randn(shape)))
        assert singular.min() > 0.6
        assert singular.max() < 1.3


def test_interrupted_run_ends_like_an_uninterrupted_one(tmp_path):
    whole = line()
    TrainingRun(whole, tmp_path / 'a', 60, 1e-2, ('0',)).train(loss_of(whole))
    first = line()
    losses = loss_of(first)

    def interrupted(step):
        if step == 25:
            raise KeyboardInterrupt
        return losses(step)

    stopped = TrainingRun(first, tmp_path / 'b', 60, 1e-2, ('0',))
    with pytest.raises(KeyboardInterrupt):
        stopped.train(interrupted)
    stopped.save()
    second = line(seed=1)
    run = TrainingRun(second, tmp_path / 'b', 60, 1e-2, ('0',))
    assert run.step == 25
    run.train(loss_of(second))
    for left, right in zip(whole.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(left, right)


@pytest.mark.parametrize(
    ('other', 'difference'),
    [
        (line(width=16), r'module\.0\.weight is \[8, 4\], expected \[16, 4\]'),
        (nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8)), r'no module\.1\.weight'),
        (nn.Sequential(nn.Linear(4, 8), nn.Tanh()), r'module\.2\.\w+, expected no such tensor'),
    ],
)
def test_the_state_of_another_model_is_refused(tmp_path, other, difference):
    TrainingRun(line(), tmp_path, 60, 1e-2, ('0',)).save()
    with pytest.raises(ConfigError, match=f'holds the state of another model: {difference}'):
        TrainingRun(other, tmp_path, 60, 1e-2, ('0',))


def test_training_lowers_the_loss_and_logs_it(tmp_path):
    module = line()
    TrainingRun(module, tmp_path, 300, 1e-2, ('0',)).train(loss_of(module))
    entries = [json.loads(text) for text in (tmp_path / 'log.jsonl').read_text().splitlines()]
    assert entries[-1]['step'] == 300
    assert entries[-1]['squared'] < 0.2 * entries[0]['squared']


@pytest.mark.parametrize('broken', ['loss', 'gradient'])
def test_the_first_number_that_is_not_finite_ends_the_run(tmp_path, broken):
    module = line()
    losses = loss_of(module)

    def draw(step):
        terms = losses(step)
        if step == 3 and broken == 'loss':
            terms['squared'] = terms['squared'] * float('nan')
        elif step == 3:
            # The root of 0 is 0, its slope is infinite.
            terms['root'] = (module[0].weight.sum() * 0).abs().sqrt()
        return terms

    run = TrainingRun(module, tmp_path, 60, 1e-2, ('0',))
    name = 'squared' if broken == 'loss' else 'gradient'
    with pytest.raises(NotFiniteError, match=f'step 3: {name}: got nan, expected a finite number'):
        run.train(draw)
    assert run.step == 3
    assert all(parameter.isfinite().all() for parameter in module.parameters())


def test_the_last_step_of_a_short_run_is_logged(tmp_path):
    module = line()
    TrainingRun(module, tmp_path, 3, 1e-2, ('0',)).train(loss_of(module))
    assert json.loads((tmp_path / 'log.jsonl').read_text())['step'] == 3


def test_what_was_logged_after_the_last_save_is_not_logged_twice(tmp_path):
    run = TrainingRun(line(), tmp_path, 60, 1e-2, ('0',))
    run.save()
    (tmp_path / 'log.jsonl').write_text('{"step": 0}\n{"step": 20}\n{"ste')
    TrainingRun(line(), tmp_path, 60, 1e-2, ('0',))
    assert (tmp_path / 'log.jsonl').read_text() == '{"step": 0}\n'


def test_a_line_of_the_log_that_is_none_is_named(tmp_path):
    (tmp_path / 'log.jsonl').write_text('{"step": 0}\n{"st{"step": 20}\n')
    with pytest.raises(ConfigError, match=r'log.jsonl: got .*expected a JSON object with a step'):
        TrainingRun(line(), tmp_path, 60, 1e-2, ('0',))
