# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Released discrete models compute what the research code computed with them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from hma_ros.cli.golden.discrete import check
from hma_ros.cli.main import main
from hma_ros.network.strict_loading import load_tensors, save_tensors

GOLDEN = Path(__file__).parents[2] / 'data/golden'
FOLDERS = sorted(path.name for path in GOLDEN.glob('disc_*'))


def compared(folder: Path) -> dict:
    return {item.name: item for item in check(folder)}


def test_every_conditioning_is_there():
    networks = {
        json.loads((GOLDEN / name / 'config.json').read_text())['action_network']
        for name in FOLDERS
    }
    injections = ['mlp', 'cross_attention', 'modulate']
    assert networks == {'concat', *injections, *(f'concat+{name}' for name in injections)}


@pytest.mark.parametrize('name', FOLDERS)
def test_everything_is_within_tolerance(name):
    found = compared(GOLDEN / name)
    assert {item.name for item in found.values() if not item.ok} == set()
    assert all(item.error < 1e-5 for item in found.values() if not item.name.startswith('roll/'))


def test_rollouts_and_losses_are_among_it():
    rollouts, losses = compared(GOLDEN / 'disc_mup'), compared(GOLDEN / 'disc_loss512')
    assert rollouts['roll/aloha/s4_greedy/tokens'].tolerance == 0
    assert rollouts['roll/aloha/s2_random/inputs_each_pass'].tolerance == 0
    assert {'loss/franka', 'action_loss/franka', 'acc/franka', 'eval_loss/franka'} <= set(losses)


@pytest.mark.parametrize(
    ('parameter', 'untouched'),
    [
        # The last block's injection, the table of masked actions, a head.
        ('decoder.layers.1.action_projectors.franka.to_v.weight', set()),
        (
            'action_mask_tokens',
            {'logits/franka', 'actions_out/franka', 'actions_out_actmask/franka'},
        ),
        ('action_out_projectors.franka.bias', {'logits/franka', 'logits_noact/franka'}),
    ],
)
def test_what_a_changed_weight_moves_is_named(tmp_path, parameter, untouched):
    folder = shutil.copytree(GOLDEN / 'disc_cross_attention', tmp_path / 'changed')
    weights = load_tensors(folder / 'model.safetensors')
    weights[parameter] += 0.01
    save_tensors(weights, folder / 'model.safetensors')
    failed = {item.name for item in compared(folder).values() if not item.ok}
    assert failed
    assert not failed & untouched


def test_the_exit_code_tells(tmp_path, capsys):
    folder = shutil.copytree(GOLDEN / 'disc_modulate', tmp_path / 'changed')
    facts = json.loads((folder / 'config.json').read_text())
    (folder / 'config.json').write_text(json.dumps({**facts, 'use_mup': True}))
    assert main(['verify', 'golden', str(folder)]) == 1
    assert 'FAIL changed/logits/franka' in capsys.readouterr().out


def test_a_checkpoint_of_another_layout_is_an_error(tmp_path, capsys):
    folder = shutil.copytree(GOLDEN / 'disc_modulate', tmp_path / 'changed')
    save_tensors({'out_x_proj.bias': torch.zeros(8)}, folder / 'model.safetensors')
    assert main(['verify', 'golden', str(folder)]) == 2
    assert (
        'model.safetensors: layers in config.json beside it: got 2, expected at most 1'
        in capsys.readouterr().err
    )


def test_an_array_that_nothing_computes_is_an_error(tmp_path, capsys):
    folder = shutil.copytree(GOLDEN / 'disc_add', tmp_path / 'changed')
    with np.load(folder / 'golden.npz') as file:
        np.savez(folder / 'golden.npz', **dict(file), perplexity=np.ones(1))
    assert main(['verify', 'golden', str(folder)]) == 2
    assert "nothing verifies ['perplexity']" in capsys.readouterr().err
