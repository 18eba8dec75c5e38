# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Token folders of the authors: the sound episodes of several become one folder."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hma_ros.cli.main import main
from hma_ros.core.errors import ConfigError
from hma_ros.data.token_folders import TokenFolder
from hma_ros.data.token_import import import_tokens

LENGTHS = (8, 12, 10)


def write(folder: Path, seed: int = 0, latents: bool = False, **changes: Any) -> Path:
    """Write three episodes; the middle one has the id of the last."""
    random, count = np.random.default_rng(seed), sum(LENGTHS)
    facts = {
        'token_dtype': 'float16' if latents else 'uint32',
        'num_images': count,
        'h': 4,
        'w': 4,
        'action_dim': 3,
        'hz': 6,
        'name': 'robomimic',
        **({'latent_channels': 4} if latents else {'vocab_size': 64}),
        **changes,
    }
    (folder / 'actions').mkdir(parents=True)
    shape = (count, 4, 4, 4) if latents else (count, 4, 4)
    video = random.normal(size=shape) if latents else random.integers(0, 64, shape)
    video.astype(facts['token_dtype']).tofile(folder / 'video.bin')
    np.repeat([5, 2, 5], LENGTHS).astype(np.int32).tofile(folder / 'segment_ids.bin')
    for name, width in (('a', 1), ('b', 2)):
        random.normal(size=(count, width)).astype(np.float32).tofile(
            folder / f'actions/{name}.bin'
        )
    (folder / 'metadata.json').write_text(json.dumps(facts))
    return folder


def spoil(path: Path, index: int, value: float, dtype: Any) -> None:
    values = np.fromfile(path, dtype)
    values[index] = value
    values.tofile(path)


@pytest.mark.parametrize('latents', [False, True])
def test_several_folders_become_one(tmp_path: Path, latents: bool) -> None:
    paths = [write(tmp_path / str(seed), seed, latents) for seed in range(2)]
    out = tmp_path / 'out'
    found = import_tokens(paths, out)
    assert [(item.episodes, item.steps) for item in found] == [(3, 30)] * 2
    joined, parts = TokenFolder.open(out), [TokenFolder.open(path) for path in paths]
    for name in ('video', 'actions'):
        expected = np.concatenate([getattr(item, name) for item in parts])
        np.testing.assert_array_equal(getattr(joined, name), expected)
    np.testing.assert_array_equal(joined.segment_ids, np.repeat(np.arange(6), LENGTHS * 2))
    assert not any(item.is_new for item in import_tokens(paths, out))
    with pytest.raises(ConfigError, match='out: got other files than an import of these sources'):
        import_tokens(paths[:1], out)


@pytest.mark.parametrize('latents', [False, True])
def test_damaged_episodes_are_left_out_and_named(tmp_path: Path, latents: bool) -> None:
    source = write(tmp_path / 'source', latents=latents)
    size = 64 if latents else 16
    wrong = (np.inf, np.float16) if latents else (64, np.uint32)
    spoil(source / 'video.bin', 9 * size + 3, *wrong)
    spoil(source / 'actions/b.bin', 2 * 21 + 1, np.nan, np.float32)
    (found,) = import_tokens([source], tmp_path / 'out')
    assert (found.episodes, found.steps) == (1, 8)
    video, action = found.facts['left_out']
    assert f'source: episode 1: frame 9: got a {"latent" if latents else "token"} of' in video
    assert 'source: episode 2: frame 21: got action' in action
    assert len(TokenFolder.open(tmp_path / 'out').frames(slice(None))) == 8


def test_a_new_name_keeps_the_rate(tmp_path: Path) -> None:
    """The table of rates knows robomimic, and not its new name."""
    source = write(tmp_path / 'source', hz=30)
    import_tokens([source], tmp_path / 'out', 'my_arm')
    folder = TokenFolder.open(tmp_path / 'out')
    assert (folder.domain, folder.rate_hz, folder.stride) == ('my_arm', 6, 3)


def test_a_name_of_another_rate_is_refused(tmp_path: Path) -> None:
    """Readers go by the table of rates: bridge is read at 5 Hz, whatever the metadata says."""
    source = write(tmp_path / 'source')
    with pytest.raises(ConfigError, match="--domain: got 'bridge', which is read at 5 Hz, expec"):
        import_tokens([source], tmp_path / 'out', 'bridge')
    assert not (tmp_path / 'out').exists()


def test_a_source_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    source = write(tmp_path / 'source')
    with pytest.raises(ConfigError, match='source: got it twice, expected each source once'):
        import_tokens([source, source], tmp_path / 'out')


def test_what_does_not_fit_together_is_refused(tmp_path: Path) -> None:
    paths = [write(tmp_path / 'a'), write(tmp_path / 'b', latents=True)]
    with pytest.raises(ConfigError, match=r"b: token_dtype: got 'float16', expected 'uint32' of"):
        import_tokens(paths, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_a_folder_without_a_sound_episode_is_refused(tmp_path: Path) -> None:
    source = write(tmp_path / 'source', hz=60, name='my_arm')
    with pytest.raises(
        ConfigError, match='got 8 frames, expected at least two steps of 30; no ep'
    ):
        import_tokens([source], tmp_path / 'out')


def test_training_reads_what_the_command_wrote(tmp_path: Path, capsys: Any) -> None:
    from hma_ros.training.recordings import FolderRecordings

    source = write(tmp_path / 'source')
    assert main(['data', 'import', 'hma', str(source), '--out', str(tmp_path / 'out')]) == 0
    assert 'source: 3 episodes, 30 steps' in capsys.readouterr().out
    recordings = FolderRecordings(TokenFolder.open(tmp_path / 'out'))
    assert (recordings.domain.name, recordings.image_pixels) == ('robomimic', 16)
