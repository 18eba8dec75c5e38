# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Golden folders that hold less than ours, or other draws, are read to the end."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hma_ros.cli.golden.continuous import check as check_continuous
from hma_ros.cli.golden.discrete import check as check_discrete
from hma_ros.cli.main import main
from hma_ros.core.errors import ConfigError
from hma_ros.network.strict_loading import load_tensors, save_tensors

GOLDEN = Path(__file__).parents[2] / 'data/golden'
STEPS = 1 + 10  # draws of a sample: its start, and one for each step of the checkpoint


def variant(
    folder: Path, name: str, change: Callable[[dict[str, np.ndarray]], None], **facts: object
) -> Path:
    """Copy a golden folder, with other arrays and another configuration."""
    shutil.copytree(GOLDEN / name, folder)
    with np.load(folder / 'golden.npz') as file:
        arrays = dict(file)
    change(arrays)
    np.savez(folder / 'golden.npz', **arrays)
    known = json.loads((folder / 'config.json').read_text())
    (folder / 'config.json').write_text(json.dumps({**known, **facts}))
    return folder


def without(*groups: str) -> Callable[[dict[str, np.ndarray]], None]:
    def drop(arrays: dict[str, np.ndarray]) -> None:
        for name in [name for name in arrays if name.startswith(groups)]:
            del arrays[name]

    return drop


def as_video(arrays: dict[str, np.ndarray]) -> None:
    """What the research code would have drawn and said without action heads."""
    without('z_action', 'z_noact', 'roll/aloha')(arrays)
    for name in list(arrays):
        if name.endswith(('/action_loss', '/actions_out_last', '/draw0_randint')):
            del arrays[name]
    for domain in ('franka', 'aloha'):
        prefix = f'train/{domain}/draw'
        del arrays[f'{prefix}3_randint'], arrays[f'{prefix}4_randn_like']
        arrays[f'{prefix}0_randint'] = arrays.pop(f'{prefix}1_randint')
        arrays[f'{prefix}1_randn_like'] = arrays.pop(f'{prefix}2_randn_like')
    for name in ('s1_T0', 's2_T0', 's4_T1'):
        _drop_chunks(arrays, f'roll/franka/{name}')


def _drop_chunks(arrays: dict[str, np.ndarray], prefix: str) -> None:
    shapes = arrays[f'{prefix}/noise_shapes']
    parts = np.split(arrays[f'{prefix}/noise_flat'], np.cumsum(shapes.prod(1))[:-1])
    # Patches, then chunks, in turn.
    is_patch = np.arange(len(shapes)) // STEPS % 2 == 0
    arrays[f'{prefix}/noise_shapes'] = shapes[is_patch]
    kept = [part for part, own in zip(parts, is_patch, strict=True) if own]
    arrays[f'{prefix}/noise_flat'] = np.concatenate(kept)


def failed(comparisons) -> tuple[set[str], set[str]]:
    """Return all names, and those out of tolerance."""
    items = list(comparisons)
    return {item.name for item in items}, {item.name for item in items if not item.ok}


def test_a_continuous_model_that_draws_no_chunks(tmp_path):
    folder = variant(
        tmp_path / 'mar_video', 'mar_concat_modulate', as_video, jointly_predict_actions=False
    )
    names, bad = failed(check_continuous(folder))
    assert bad == set()
    assert {'train/franka/loss', 'train/aloha/loss', 'roll/franka/s2_T0/latents'} <= names


def test_several_draws_for_each_patch(tmp_path):
    """As with diffusion_batch_mul: here twice the same."""

    def double(arrays):
        without('roll/')(arrays)
        for name in [name for name in arrays if '/draw' in name and '/draw0_' not in name]:
            arrays[name] = np.concatenate([arrays[name]] * 2)

    folder = variant(tmp_path / 'mar', 'mar_concat_modulate', double, diffusion_batch_mul=2)
    names, bad = failed(check_continuous(folder))
    assert bad == set()
    assert 'train/franka/action_loss' in names


def test_noise_of_each_sample_of_its_own(tmp_path):
    def own(arrays):
        without('roll/', 'train/franka', 'train/aloha')(arrays)
        shared = {kind: arrays.pop(f'ddpm/{kind}') for kind in ('init_noise', 'step_noise')}
        for name in {key.split('/')[1] for key in arrays if key.startswith('ddpm/T')}:
            arrays |= {f'ddpm/{name}/{kind}': noise for kind, noise in shared.items()}

    names, bad = failed(check_continuous(variant(tmp_path / 'mar', 'mar_concat_modulate', own)))
    assert bad == set()
    assert 'ddpm/T0.7_clip1/sample' in names


@pytest.mark.parametrize('at', ['logits/default', 'logits'])
def test_a_model_without_action_spaces(tmp_path, at):
    """What it says is what the same model says where no actions are given."""

    def passive(arrays):
        tokens, logits = arrays['tokens_masked'][:1], arrays['logits_noact/franka']
        arrays.clear()
        arrays.update({'tokens_masked': tokens, at: logits})

    folder = variant(
        tmp_path / 'passive',
        'disc_modulate_video',
        passive,
        init_actions=False,
        action_domains=None,
        d_actions=None,
        action_stats=None,
    )
    tensors = load_tensors(folder / 'model.safetensors')
    kept = {n: t for n, t in tensors.items() if 'action_' not in n or 'mask' in n}
    save_tensors(kept, folder / 'model.safetensors')
    names, bad = failed(check_discrete(folder))
    assert (names, bad) == ({at}, set())


@pytest.mark.parametrize(
    'groups',
    [
        ('roll/', 'hidden/'),
        ('logits', 'actions_out', 'hidden', 'actions_norm', 'actions_unnorm', 'tokens_masked'),
        ('tokens', 'roll/', 'logits', 'actions_out', 'hidden/', 'action_mask'),
    ],
)
def test_a_discrete_folder_with_some_arrays_only(tmp_path, groups):
    folder = variant(tmp_path / 'some', 'disc_concat_modulate', without(*groups))
    names, bad = failed(check_discrete(folder))
    assert bad == set()
    assert names
    assert not any(name.startswith(groups) for name in names)


def test_a_rollout_without_its_first_logits(tmp_path):
    def drop(arrays):
        without('roll/aloha', 'roll/franka/s1', 'roll/franka/s4')(arrays)
        for name in ('s2_greedy', 's2_random'):
            del arrays[f'roll/franka/{name}/first_logits']

    names, bad = failed(check_discrete(variant(tmp_path / 'disc', 'disc_concat_modulate', drop)))
    assert bad == set()
    assert 'roll/franka/s2_random/tokens' in names


def test_losses_of_a_model_without_action_loss(tmp_path):
    drop = without('action_mask', 'action_loss', 'actions_out', 'acc', 'logits')
    names, bad = failed(check_discrete(variant(tmp_path / 'loss', 'disc_loss512', drop)))
    assert names == {
        f'{kind}/{domain}' for kind in ('loss', 'eval_loss') for domain in ('franka', 'aloha')
    }
    # It saw other actions than the recorded losses are of.
    assert 'loss/franka' in bad


def test_draws_in_an_unknown_order_are_named(tmp_path):
    folder = variant(
        tmp_path / 'mar', 'mar_concat_modulate', without('train/franka/draw1', 'roll/')
    )
    with pytest.raises(ConfigError, match='train/franka: got draws for 2 patches, expected 192'):
        list(check_continuous(folder))


def test_the_command_reports_a_variant(tmp_path, capsys):
    folder = variant(
        tmp_path / 'some', 'disc_concat_modulate', without('roll/', 'hidden/', 'logits_')
    )
    assert main(['verify', 'golden', str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith('ok   some/logits/franka') for line in lines)
    assert lines[-1].endswith('0 out of tolerance')
