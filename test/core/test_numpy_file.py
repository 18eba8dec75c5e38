# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Files that are no arrays are refused without the advice to unpickle them."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from hma_ros.cli.golden.golden import GoldenArrays
from hma_ros.core.errors import ConfigError
from hma_ros.training.tokens import _read


def arrays(path: Path) -> bytes:
    np.savez(path, a=np.arange(1000))
    return path.read_bytes()


@pytest.mark.parametrize('name', ['golden.npz', 'tokens.npy'])
@pytest.mark.parametrize('kind', ['junk', 'empty', 'pickle', 'truncated', 'objects'])
def test_what_is_no_array_is_refused_with_its_path(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / name
    if kind == 'objects':
        np.save(tmp_path / 'objects.npy', np.array([{}]), allow_pickle=True)
    content = {
        'junk': b'this is no array',
        'empty': b'',
        'pickle': pickle.dumps([1]),
        'truncated': arrays(tmp_path / 'whole.npz')[:3000],
        'objects': (tmp_path / 'objects.npy').read_bytes() if kind == 'objects' else b'',
    }
    path.write_bytes(content[kind])
    with pytest.raises(ConfigError, match=f'^{path}: got .*, expected') as refusal:
        GoldenArrays(tmp_path) if name == 'golden.npz' else _read(path)
    assert 'allow_pickle' not in str(refusal.value)
    assert 'unsafe' not in str(refusal.value)


def test_an_array_of_objects_is_refused_when_it_is_read(tmp_path: Path) -> None:
    np.savez(tmp_path / 'golden.npz', a=np.array([{}]))
    with pytest.raises(ConfigError, match="array 'a': got no numbers, but a pickle") as refusal:
        GoldenArrays(tmp_path)['a']
    assert 'allow_pickle' not in str(refusal.value)
