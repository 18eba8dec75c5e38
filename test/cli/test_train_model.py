# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma train model`` trains on folders of the authors, and refuses what does not fit."""

import json

import numpy as np
import pytest

from hma_ros.cli.main import main
from hma_ros.network.checkpoint import load_hma
from hma_ros.network.config import Compat, TimePositions

MODEL = ['train', 'model', '--preset', 'base']
CONTINUOUS = [*MODEL, '--kind', 'continuous']
SIZES = [
    *('--width', '8', '--layers', '1', '--heads', '2', '--window', '3', '--steps', '3'),
    *('--action-tokens', '1', '--windows', '1'),
]


def write_folder(path, name, latents=False):
    """Twelve frames of two by two tokens, or of latents of three channels."""
    rng = np.random.default_rng(0)
    (path / 'actions').mkdir(parents=True)
    if latents:
        rng.normal(size=(12, 3, 2, 2)).astype(np.float16).tofile(path / 'video.bin')
    else:
        rng.integers(16, size=(12, 2, 2)).astype(np.uint32).tofile(path / 'video.bin')
    np.zeros(12, np.int32).tofile(path / 'segment_ids.bin')
    rng.normal(size=(12, 2)).astype(np.float32).tofile(path / 'actions' / 'actions.bin')
    facts = {'num_images': 12, 'h': 2, 'w': 2, 'hz': 2, 'name': name, 'action_dim': 2}
    kind = {'token_dtype': 'float16', 'latent_channels': 3}
    if not latents:
        kind = {'token_dtype': 'uint32', 'vocab_size': 16}
    (path / 'metadata.json').write_text(json.dumps({**facts, **kind}))
    return str(path)


@pytest.fixture(autouse=True)
def _uncompiled(monkeypatch):
    monkeypatch.setattr('torch.compile', lambda function: function)


def test_a_discrete_model_of_two_folders(tmp_path):
    folders = [write_folder(tmp_path / name, name) for name in ('one', 'two')]
    sizes = ['--factors', '2', '--steps', '2']
    out = str(tmp_path / 'run')
    assert (
        main(
            [
                'train',
                'model',
                '--preset',
                'base',
                '--folders',
                *folders,
                '--out',
                out,
                *SIZES,
                *sizes,
            ]
        )
        == 0
    )
    config = load_hma(tmp_path / 'run' / 'model').config
    assert [domain.name for domain in config.domains] == ['one', 'two']
    assert (config.compat, config.time) == (Compat.CORRECTED, TimePositions.ROTARY)
    assert config.image_tokens == 4


def test_a_continuous_model_of_upstream_meaning_without_actions(tmp_path):
    folder = write_folder(tmp_path / 'one', 'one', latents=True)
    sizes = [
        '--steps',
        '2',
        '--patch',
        '2',
        '--head-width',
        '8',
        '--head-blocks',
        '1',
        '--passive',
    ]
    out = str(tmp_path / 'run')
    words = [
        'train',
        'model',
        '--preset',
        'base',
        '--kind',
        'continuous',
        '--folders',
        folder,
        '--compat',
        'upstream',
    ]
    assert main([*words, '--out', out, *SIZES, *sizes]) == 0
    config = load_hma(tmp_path / 'run' / 'model').config
    assert (config.compat, config.time) == (Compat.UPSTREAM, TimePositions.LEARNED)
    assert config.diffusion is not None
    assert (config.image_tokens, config.diffusion.latent_channels) == (1, 3)


def test_latents_are_no_tokens(tmp_path, capsys):
    folder = write_folder(tmp_path / 'one', 'one', latents=True)
    words = [
        'train',
        'model',
        '--preset',
        'base',
        '--folders',
        folder,
        '--out',
        str(tmp_path / 'run'),
    ]
    assert main([*words, *SIZES]) == 2
    assert 'latents, expected tokens for this kind' in capsys.readouterr().err


def test_two_folders_of_one_domain_are_refused(tmp_path, capsys):
    folders = [write_folder(tmp_path / name, 'same') for name in ('one', 'two')]
    words = [
        'train',
        'model',
        '--preset',
        'base',
        '--folders',
        *folders,
        '--out',
        str(tmp_path / 'run'),
    ]
    assert main([*words, *SIZES]) == 2
    assert 'same twice' in capsys.readouterr().err


def test_heads_that_do_not_divide_the_width_are_refused(tmp_path, capsys):
    folder = write_folder(tmp_path / 'one', 'one')
    words = [
        'train',
        'model',
        '--preset',
        'base',
        '--folders',
        folder,
        '--out',
        str(tmp_path / 'run'),
    ]
    assert main([*words, '--width', '10', '--heads', '4']) == 2
    assert '--heads: got 4, expected a divisor of width 10' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--window', '1'], '--window: got 1, expected at least 2'),
        (
            ['--compat', 'upstream', '--length', '4'],
            'length: got 4, expected at most 3, where learned positions end',
        ),
    ],
)
def test_windows_that_do_not_fit_are_refused_by_the_name_of_their_option(
    tmp_path, capsys, words, message
):
    folder = write_folder(tmp_path / 'one', 'one')
    start = [
        'train',
        'model',
        '--preset',
        'base',
        '--folders',
        folder,
        '--out',
        str(tmp_path / 'run'),
    ]
    assert main([*start, *SIZES, *words]) == 2
    assert message in capsys.readouterr().err


def test_patches_that_do_not_divide_a_frame_are_refused(tmp_path, capsys):
    folder = write_folder(tmp_path / 'one', 'one', latents=True)
    words = [
        'train',
        'model',
        '--preset',
        'base',
        '--kind',
        'continuous',
        '--folders',
        folder,
        '--out',
        str(tmp_path / 'run'),
    ]
    assert main([*words, *SIZES, '--patch', '3']) == 2
    assert '--patch: got 3, expected a side whose square divides' in capsys.readouterr().err


def test_counts_below_one_are_refused(capsys):
    with pytest.raises(SystemExit):
        main(['train', 'model', '--out', 'run', '--windows', '0'])
    assert '--windows: got 0, expected at least 1' in capsys.readouterr().err
