# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Weights in one file or many, in the cache or out of it."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch

from hma_ros.core.errors import ConfigError
from hma_ros.network.checkpoint import ReleasedCheckpoint, load_released
from hma_ros.network.strict_loading import load_tensors, save_tensors
from hma_ros.network.weight_files import snapshot_of

RELEASED = Path(__file__).parents[1] / 'data/golden/disc_concat_modulate'
INDEX = 'model.safetensors.index.json'


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """Return a copy of a checkpoint in two parts."""
    folder = tmp_path / 'parts'
    folder.mkdir()
    shutil.copy(RELEASED / 'config.json', folder)
    tensors = load_tensors(RELEASED / 'model.safetensors')
    names = list(tensors)
    places = {}
    for number, some in enumerate((names[::2], names[1::2]), 1):
        file = f'model-0000{number}-of-00002.safetensors'
        save_tensors({name: tensors[name] for name in some}, folder / file)
        places |= dict.fromkeys(some, file)
    (folder / INDEX).write_text(json.dumps({'metadata': {}, 'weight_map': places}))
    return folder


def edit_index(folder: Path, change) -> None:
    index = json.loads((folder / INDEX).read_text())
    change(index['weight_map'])
    (folder / INDEX).write_text(json.dumps(index))


def test_parts_are_read_as_one(parts):
    found, whole = load_released(parts).state_dict(), load_released(RELEASED).state_dict()
    assert list(found) == list(whole)
    assert all(torch.equal(found[name], whole[name]) for name in whole)


def test_a_checkpoint_may_be_read_with_some_stems_only():
    whole = load_released(RELEASED)
    one = ReleasedCheckpoint(RELEASED).read(['aloha'])
    assert [domain.name for domain in one.config.domains] == ['aloha']
    kept = {name for name in whole.state_dict() if '.franka.' not in name}
    assert set(one.state_dict()) == kept


def test_a_missing_part_is_named(parts):
    (parts / 'model-00002-of-00002.safetensors').unlink()
    with pytest.raises(ConfigError, match=r'got no model-00002-of-00002.safetensors, expected 2'):
        load_released(parts)


def test_a_part_cloned_without_git_lfs_is_named(parts):
    part = parts / 'model-00002-of-00002.safetensors'
    part.write_text('version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n')
    with pytest.raises(ConfigError, match=r'00002-of-00002.safetensors: got a Git LFS pointer'):
        load_released(parts)


def test_a_tensor_in_two_parts_is_refused(parts):
    tensors = load_tensors(parts / 'model-00002-of-00002.safetensors')
    first = parts / 'model-00001-of-00002.safetensors'
    save_tensors({**load_tensors(first), **tensors}, first)
    with pytest.raises(ConfigError, match=r'again, expected it once: model-00001-of-00002'):
        load_released(parts)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda places: places.update(ghost=next(iter(places.values()))), 'got ghost, expected'),
        (lambda places: places.update(ghost='../other.safetensors'), 'got files'),
        (lambda places: places.update(ghost=3), 'expected "weight_map" with a file by tensor'),
        (lambda places: places.clear(), 'got files'),
    ],
)
def test_an_index_that_does_not_fit_is_refused(parts, change, message):
    edit_index(parts, change)
    with pytest.raises(ConfigError, match=message):
        load_released(parts)


def test_a_pickle_is_named_and_never_read(tmp_path):
    shutil.copy(RELEASED / 'config.json', tmp_path)
    (tmp_path / 'pytorch_model.bin').write_bytes(b'cos\nsystem\n')
    with pytest.raises(ConfigError, match=r'pytorch_model.bin: got a pickle.*convert it'):
        load_released(tmp_path)


def test_without_a_reference_the_newest_snapshot_is_taken(tmp_path):
    old, new = (tmp_path / 'snapshots' / name for name in ('b', 'a'))
    for seconds, folder in enumerate((old, new)):
        folder.mkdir(parents=True)
        os.utime(folder, (seconds, seconds))
    assert snapshot_of(tmp_path) == new
    (tmp_path / 'refs').mkdir()
    (tmp_path / 'refs' / 'main').write_text('b\n')
    assert snapshot_of(tmp_path) == old


def test_a_cache_without_a_snapshot_or_file_says_so(tmp_path):
    (tmp_path / 'snapshots').mkdir()
    with pytest.raises(ConfigError, match='got no snapshot, expected at least one; download'):
        snapshot_of(tmp_path)
    snapshot = tmp_path / 'snapshots' / 'a'
    snapshot.mkdir()
    shutil.copy(RELEASED / 'config.json', snapshot)
    (snapshot / 'model.safetensors').symlink_to('../../blobs/gone')
    with pytest.raises(ConfigError, match=r'got a link to ../../blobs/gone, which is missing'):
        load_released(tmp_path)


def test_a_truncated_file_says_so(parts):
    path = parts / 'model-00002-of-00002.safetensors'
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ConfigError, match='00002.safetensors: got a truncated or damaged file'):
        load_released(parts)
    index = parts / 'model.safetensors.index.json'
    index.write_text(index.read_text()[:-10])
    with pytest.raises(ConfigError, match='got no JSON from line .*truncated or damaged, e'):
        load_released(parts)
