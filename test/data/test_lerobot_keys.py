# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""LeRobot data sets whose vectors have other keys and names than LeRobot's own."""

import json
from pathlib import Path
from typing import Any

import lerobot_of_steps as made
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hma_ros.cli.main import main
from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import ConfigError
from hma_ros.data.episode_import import FieldMap, import_episodes
from hma_ros.data.lerobot_reader import LeRobotData
from hma_ros.data.lerobot_source import LeRobotSource
from hma_ros.data.lerobot_writer import LeRobotWriter

SPEC = load_embodiment('sim_planar')


def features(source: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((source / 'meta/info.json').read_text())['features']
    return found


def write_features(source: Path, content: dict[str, Any]) -> None:
    path = source / 'meta/info.json'
    path.write_text(json.dumps({**json.loads(path.read_text()), 'features': content}))


def check_steps(folder: Path, lengths: tuple[int, ...]) -> None:
    """Each third frame is a step; its action is the last of the three that it lasts."""
    data = LeRobotData(folder)
    assert [item['length'] for item in data.episodes] == [length // 3 for length in lengths]
    for episode in range(len(data)):
        for number, step in enumerate(data.steps(episode)):
            time_s = number / 10
            np.testing.assert_allclose(step.joints, made.place(time_s), atol=1e-6)
            np.testing.assert_allclose(step.actions[0], made.place(time_s + 0.1), atol=1e-6)


def with_columns(source: Path, names: dict[str, str]) -> None:
    """Rename vectors in the table and in the metadata."""
    for path in source.glob('data/*/*.parquet'):
        table = pq.read_table(path)
        new = [names.get(key, key) for key in table.column_names]
        pq.write_table(table.rename_columns(new), path)
    renamed = {names.get(key, key): item for key, item in features(source).items()}
    write_features(source, renamed)


@pytest.mark.parametrize('version', ['v2.1', 'v3.0'])
def test_vectors_may_have_other_keys(tmp_path: Path, version: str, capsys: Any) -> None:
    source = made.write(tmp_path / 'source', version)
    with_columns(source, {'observation.state': 'state', 'action': 'actions'})
    command = ['data', 'import', 'lerobot', str(source), '--embodiment', 'sim_planar']
    command += ['--out', str(tmp_path / 'set')]
    assert main(command) == 2
    text = 'features: got actions, state, expected observation.state; choose with --state-key'
    assert text in capsys.readouterr().err
    assert main([*command, '--state-key', 'state']) == 2
    assert 'expected action; choose with --action-key' in capsys.readouterr().err
    keys = ['--state-key', 'state', '--action-key', 'actions']
    assert main([*command, *keys]) == 0
    check_steps(tmp_path / 'set', (31, 46))
    assert main([*command, *keys[:2], '--action-key', 'state']) == 2
    assert "action-key: got 'state', expected 'actions' as in" in capsys.readouterr().err


def test_a_vector_may_be_made_of_several(tmp_path: Path) -> None:
    source = made.write(tmp_path / 'source', 'v3.0', (31,))
    path = source / 'data/chunk-000/file-000.parquet'
    table = pq.read_table(path)
    states = np.array(table.column('observation.state').to_pylist(), np.float32)
    parts = {'state.x': states[:, 0], 'state.y': states[:, 1:2].tolist()}
    for key, values in parts.items():
        table = table.append_column(key, pa.array(values))
    pq.write_table(table.drop(['observation.state']), path)
    scalar = {'dtype': 'float32', 'shape': [1], 'names': None}
    write_features(source, {**features(source), **dict.fromkeys(parts, scalar)})
    opened = LeRobotSource(source, ('state.x', 'state.y'))
    import_episodes(opened, LeRobotWriter(tmp_path / 'set', SPEC, 'push'), FieldMap(state='0,1'))
    check_steps(tmp_path / 'set', (31,))
    opened = LeRobotSource(source, ('state.x', made.CAMERA))
    with pytest.raises(
        ConfigError, match=r'top: got the shape \[256, 256, 3\], expected a vector'
    ):
        opened.feature('observation.state')


def test_names_may_be_a_list_in_a_list(tmp_path: Path) -> None:
    source = made.write(tmp_path / 'source', 'v2.1', (31,))
    content = features(source)
    content['observation.state']['names'] = [made.STATES]
    content['action']['names'] = [['x', 'y']]
    write_features(source, content)
    opened, writer = LeRobotSource(source), LeRobotWriter(tmp_path / 'set', SPEC, 'push')
    import_episodes(opened, writer, FieldMap())
    check_steps(tmp_path / 'set', (31,))
