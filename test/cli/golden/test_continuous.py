# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Released continuous models compute what the research code computed with them."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from hma_ros.cli.golden import continuous
from hma_ros.cli.golden.continuous import check
from hma_ros.core.errors import ConfigError
from hma_ros.network.strict_loading import load_tensors, save_tensors

GOLDEN = Path(__file__).parents[2] / 'data/golden/mar_concat_modulate'


def compared(folder: Path) -> dict:
    return {item.name: item for item in check(folder)}


@pytest.fixture
def copy(tmp_path):
    return shutil.copytree(GOLDEN, tmp_path / GOLDEN.name)


def replace_array(folder, name, change):
    path = folder / 'golden.npz'
    with np.load(path) as file:
        arrays = dict(file)
    arrays[name] = change(arrays[name])
    np.savez(path, **arrays)


def keep_rollouts(folder, groups=()):
    """Keep the rollouts of some groups, or none: each one is replayed."""
    path = folder / 'golden.npz'
    with np.load(path) as file:
        arrays = dict(file)
    kept = [name for name in arrays if not name.startswith('roll/') or name.startswith(groups)]
    np.savez(path, **{name: arrays[name] for name in kept})


def test_everything_is_within_tolerance():
    found = compared(GOLDEN)
    assert {item.name for item in found.values() if not item.ok} == set()
    groups = {name.split('/')[0] for name in found}
    assert groups >= {'sched', 'head', 'ddpm', 'hidden', 'z', 'z_noact', 'train', 'roll'}
    # Only where time steps or a first step amplify rounding errors may they be seen.
    amplified = ('roll/', 'ddpm/', 'head/t_emb')
    assert all(item.error < 1e-5 for item in found.values() if not item.name.startswith(amplified))


@pytest.mark.parametrize(
    ('share', 'is_rounding'), [(0.01, True), (2.0, False), (float('nan'), False)]
)
def test_torn_rollout_is_judged_by_what_rounding_does(copy, share, is_rounding):
    name = 'roll/franka/s4_T1/latents'
    keep_rollouts(copy, 'roll/franka/s4_T1/')
    replace_array(copy, name, lambda array: array + share * np.abs(array).max())
    item = compared(copy)[name]
    assert item.ok == is_rounding
    assert 1e-3 < item.tolerance <= 0.5


def test_wrong_rollout_is_not_taken_for_rounding(copy):
    keep_rollouts(copy, 'roll/aloha/s4_T1/')
    replace_array(copy, 'roll/aloha/s4_T1/latents', lambda a: a + 0.01 * np.abs(a).max())
    found = compared(copy)
    assert not found['roll/aloha/s4_T1/latents'].ok
    assert found['roll/aloha/s4_T1/first_z'].ok


@pytest.mark.parametrize(
    ('parameter', 'moved', 'untouched'),
    [
        ('mask_token', 'latents_masked', 'head/net_out'),
        ('diffusion_pos_embed_learned', 'z/franka', 'z_action/franka'),
        ('action_diff_losses.aloha.net.final_layer.linear.bias', 'train/aloha/action_loss', None),
        ('diffloss.net.time_embed.mlp.0.bias', 'ddpm/T0.0_clip1/sample', 'z/aloha'),
    ],
)
def test_what_a_changed_weight_moves_is_named(copy, parameter, moved, untouched):
    keep_rollouts(copy)
    path = copy / 'model.safetensors'
    tensors = load_tensors(path)
    tensors[parameter] = tensors[parameter] + 0.01
    save_tensors(tensors, path)
    found = compared(copy)
    assert not found[moved].ok
    assert found[untouched or 'train/franka/action_loss'].ok


def test_sampling_each_patch_once_is_not_what_upstream_does(monkeypatch):
    """Noise is recorded for all patches of the last step; once would need that of eleven."""
    sample = continuous.sample_frame

    def once(*arguments, resample_unmasked):
        return sample(*arguments)

    monkeypatch.setattr(continuous, 'sample_frame', once)
    with pytest.raises(ConfigError, match=r'expected 11 of \[22, 16\]'):
        compared(GOLDEN)


def test_noise_of_other_shape_is_named(copy):
    keep_rollouts(copy, 'roll/aloha/s1_T0/')
    replace_array(copy, 'roll/aloha/s1_T0/noise_shapes', lambda shapes: shapes + 1)
    with pytest.raises(ConfigError, match=r'golden.npz: roll/aloha/s1_T0/noise_shapes: .*expect'):
        compared(copy)


def test_an_unknown_array_is_an_error(copy):
    keep_rollouts(copy)
    replace_array(copy, 'train/patch_loss_mask', lambda mask: ~mask)
    assert not compared(copy)['train/patch_loss_mask'].ok
    path = copy / 'golden.npz'
    with np.load(path) as file:
        np.savez(path, **file, unheard_of=np.ones(1))
    with pytest.raises(ConfigError, match='nothing verifies'):
        compared(copy)


def test_a_discrete_model_is_refused():
    with pytest.raises(ConfigError, match='a discrete model, expected a continuous one'):
        compared(GOLDEN.parent / 'disc_mup')
