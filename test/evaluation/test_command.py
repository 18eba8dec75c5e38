# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma evaluate`` from the command line to the page."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from hma_ros.cli.main import main
from hma_ros.core.embodiment import load_embodiment, parse_embodiment
from hma_ros.data.lerobot_writer import LeRobotWriter
from hma_ros.data.steps import Step


@pytest.mark.parametrize('part', ['prediction', 'long-horizon', 'closed-loop', 'report'])
def test_every_part_teaches(part: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(['evaluate', part, '--help'])
    assert ended.value.code == 0
    assert f'hma evaluate {part}' in capsys.readouterr().out.partition('examples:')[2]


def test_from_episodes_to_page_and_images(
    bundle: Path, data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, page = tmp_path / 'out' / 'prediction.json', tmp_path / 'results.md'
    arguments = ['--bundle', str(bundle), '--data', str(data_root), '--steps', '3']
    arguments += ['--trials', '1', '--horizon', '2', '--images', str(tmp_path / 'rollouts')]
    assert main(['evaluate', 'prediction', *arguments, '--out', str(out)]) == 0
    assert '| sim_planar |' in capsys.readouterr().out
    assert json.loads(out.read_text())['command'] == (
        f'hma evaluate prediction --bundle {bundle} --data {data_root} --episodes 40 --steps 3 '
        '--trials 1 --horizon 2 --seed 0'
    )
    assert {path.name for path in (tmp_path / 'rollouts').iterdir()} == {
        'sim_planar.png',
        'sim_planar.gif',
    }
    assert main(['evaluate', 'report', '--results', str(out.parent), '--out', str(page)]) == 0
    assert f'hma evaluate prediction --bundle {bundle}' in page.read_text()
    assert (tmp_path / 'images' / 'horizon.svg').read_text().startswith('<svg')


def test_an_imported_data_set_is_evaluated_as_what_it_is_of(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = Path(load_embodiment('sim_planar').path).read_text()
    text = text.replace('resize: [128, 128]', 'resize: [64, 64]')
    spec = parse_embodiment(text, 'sim_planar.yaml')
    writer = LeRobotWriter(tmp_path / 'set', spec, 'push', text)
    file = writer.begin()
    for step in range(6):
        frame = np.full((64, 64, 3), 90, np.uint8)
        frame[8 * step : 8 * step + 8] = (220, 40, 40)
        joints, actions = np.full(2, 0.01 * step), np.full((spec.rates.stride, 2), 0.01 * step)
        file.add(Step(step, frame, np.float32(joints), np.float32(actions)))
    writer.end(file, True)
    writer.commit({'path': 'made up', 'sha256': ''})
    arguments = ['--bundle', str(bundle), '--data', str(tmp_path / 'set'), '--steps', '2']
    assert main(['evaluate', 'prediction', *arguments, '--trials', '1', '--horizon', '2']) == 0
    assert re.search(r'sim_planar +\| +2 \|', capsys.readouterr().out)


def test_policies_are_counted_in_closed_loop(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / 'closed_loop.json'
    arguments = ['--bundle', str(bundle), '--episodes', '1', '--policies', 'model']
    assert main(['evaluate', 'closed-loop', *arguments, '--workers', '1', '--out', str(out)]) == 0
    assert 'of 1' in capsys.readouterr().out
    (result,) = json.loads(out.read_text())['results']
    assert (result['task'], result['policy'], result['episodes']) == ('sim_planar', 'model', 1)
    assert json.loads(out.read_text())['command'] == (
        f'hma evaluate closed-loop --bundle {bundle} --episodes 1 --policies model --workers 1'
    )


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['prediction', '--robot', 'toaster'], "--robot: got 'toaster', expected one that"),
        (['long-horizon', '--seed', '-1'], '--seed: got -1, expected at least 0'),
        (['closed-loop', '--episodes', '0'], '--episodes: got 0, expected at least 1'),
        (['closed-loop', '--through-ros', '--ray'], '--ray: got it with --through-ros'),
    ],
)
def test_mistakes_take_one_line(
    bundle: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['evaluate', *arguments, '--bundle', str(bundle)]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize('log', ['model', '=x', 'a b=x', 'model='])
def test_a_log_needs_a_name(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['evaluate', 'report', '--log', log]) == 2
    assert 'expected NAME=FILE' in capsys.readouterr().err
