# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What this package computes is what the published research code computed."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from hma_ros.cli.golden.folders import find_folders, kind_of
from hma_ros.cli.main import main
from hma_ros.core.errors import ConfigError

GOLDEN = Path(__file__).parents[2] / 'data/golden'
KINDS = {
    'data': 'loaders',
    **{path.name: 'discrete' for path in GOLDEN.glob('disc_*')},
    'mar_concat_modulate': 'continuous',
    'metrics': 'metrics',
}


def tampered(folder: Path, change) -> Path:
    """Return the folder after ``change(arrays)``."""
    path = folder / 'golden.npz'
    with np.load(path) as file:
        arrays = dict(file)
    change(arrays)
    np.savez(path, **arrays)
    return folder


@pytest.mark.parametrize('name', ['data', 'metrics'])
def test_everything_is_within_tolerance(name, capsys):
    assert main(['verify', 'golden', str(GOLDEN / name)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf'{GOLDEN / name}: \d+ arrays, inputs among them, \w+', lines[0])
    assert all(line.startswith(f'ok   {name}/') for line in lines[1:-1])
    assert lines[-1] == f'{len(lines) - 2} arrays, 0 out of tolerance'


@pytest.mark.parametrize(
    ('folder', 'array', 'factor'),
    [
        ('metrics', 'ssim_frames', 1.00002),
        ('data', 'robomimic_magvit/overlapfilter0/item37/action_ids', 1.00001),
        ('data', 'language_table_vae/overlapfilter1/valid_start_inds', 2),
    ],
)
def test_a_tampered_array_is_named(tmp_path, capsys, folder, array, factor):
    def scale(arrays):
        arrays[array] = (arrays[array] * factor).astype(arrays[array].dtype)

    copy = tampered(shutil.copytree(GOLDEN / folder, tmp_path / folder), scale)
    assert main(['verify', 'golden', str(copy)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines if line.startswith('FAIL')] == [f'{folder}/{array}']
    assert lines[-1].endswith(f'1 out of tolerance: {folder}/{array}')


def test_a_tampered_data_set_is_named(tmp_path, capsys):
    folder = shutil.copytree(GOLDEN / 'data', tmp_path / 'data')
    actions = folder / 'not_in_table_magvit/actions/actions.bin'
    np.flip(np.fromfile(actions, np.float32)).tofile(actions)
    assert main(['verify', 'golden', str(folder)]) == 1
    assert 'data/not_in_table_magvit/overlapfilter0/action_stat' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (
            lambda arrays: arrays.pop('ssim_mean'),
            "golden.npz: got no array 'ssim_mean', expected one",
        ),
        (lambda arrays: arrays.update(lpips=np.ones(2)), "nothing verifies ['lpips'], expected"),
        (
            lambda arrays: arrays.update(gt=arrays['gt'][0]),
            "array 'gt' is uint8[4, 3, 64, 64], expected uint8[B, T, C, H, W]",
        ),
    ],
)
def test_missing_and_unknown_arrays_are_errors(tmp_path, capsys, change, message):
    folder = tampered(shutil.copytree(GOLDEN / 'metrics', tmp_path / 'metrics'), change)
    assert main(['verify', 'golden', str(folder)]) == 2
    assert message in capsys.readouterr().err


def test_an_index_of_no_window_is_an_error(tmp_path, capsys):
    name = 'robomimic_magvit/overlapfilter0/item_idx'
    folder = shutil.copytree(GOLDEN / 'data', tmp_path / 'data')
    tampered(folder, lambda arrays: arrays.update({name: np.array([75])}))
    assert main(['verify', 'golden', str(folder)]) == 2
    assert f'{name} holds 75, expected below 75' in capsys.readouterr().err


def test_folders_of_folders_and_wildcards_are_found():
    below = {(folder.name, kind) for folder, kind in find_folders([GOLDEN])}
    assert below == set(KINDS.items())
    # A wildcard meets the README as well.
    assert find_folders(sorted(GOLDEN.iterdir())) == find_folders([GOLDEN])


def test_an_unknown_layout_is_refused(tmp_path, capsys):
    assert main(['verify', 'golden', str(tmp_path)]) == 2
    assert 'got no golden.npz in it or one level below' in capsys.readouterr().err
    np.savez(tmp_path / 'golden.npz', something=np.ones(1))
    assert main(['verify', 'golden', str(tmp_path)]) == 2
    assert 'got an unknown layout, expected config.json' in capsys.readouterr().err


def test_paths_that_are_no_folders_are_refused(tmp_path):
    with pytest.raises(
        ConfigError, match=r'README.md: got no folder, expected one with golden.npz; give'
    ):
        find_folders([GOLDEN / 'README.md'])
    with pytest.raises(ConfigError, match='nowhere: got no such folder, expected .*; give'):
        find_folders([tmp_path / 'nowhere'])


def test_unreadable_files_are_refused(tmp_path):
    (tmp_path / 'golden.npz').write_text('text')
    with pytest.raises(ConfigError, match=r'golden.npz: got .*, expected arrays of numpy.savez'):
        kind_of(tmp_path)
    np.save(tmp_path / 'single.npy', np.ones(1))
    (tmp_path / 'single.npy').rename(tmp_path / 'golden.npz')
    with pytest.raises(
        ConfigError, match=r'golden.npz: got another file, or a part of one, expected arrays'
    ):
        kind_of(tmp_path)
    (tmp_path / 'config.json').write_text('[]')
    with pytest.raises(ConfigError, match=r'config.json: got list, expected a JSON object'):
        kind_of(tmp_path)
