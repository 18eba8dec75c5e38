# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma evaluate`` from the command line to the page."""

import json
import re
import shutil
import sys
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.__main__ import main as benchmarks
from hma_ros.cli.evaluate_options import simulated_robots
from hma_ros.cli.lpips_option import chosen_lpips
from hma_ros.cli.main import main
from hma_ros.core.embodiment import load_embodiment, parse_embodiment
from hma_ros.core.errors import ConfigError
from hma_ros.data.lerobot_writer import LeRobotWriter
from hma_ros.data.steps import Step
from hma_ros.evaluation.held_out import check_recorded


@pytest.mark.parametrize('part', ['prediction', 'long-horizon', 'closed-loop', 'losses'])
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
    assert benchmarks(['report', '--results', str(out.parent), '--out', str(page)]) == 0
    assert f'hma evaluate prediction --bundle {bundle}' in page.read_text()
    assert (tmp_path / 'images' / 'horizon.svg').read_text().startswith('<svg')


@pytest.mark.parametrize('part', ['closed-loop', 'long-horizon', 'prediction'])
def test_a_robot_without_a_simulator_is_refused_at_once(
    part: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {'krabbe': SimpleNamespace(embodiment='krabbe')}
    manifest = SimpleNamespace(folder='models/mine', robots=names, max_horizon=100)
    for module in ('evaluate', 'evaluate_options'):
        monkeypatch.setattr(f'hma_ros.cli.{module}.chosen_manifest', lambda args: manifest)
    assert main(['evaluate', part]) == 2
    said = capsys.readouterr().err
    assert f'{part}: got krabbe of models/mine, expected a robot of the simulator (sim' in said
    assert 'judge a policy of your own robot on that robot' in said


def test_robots_of_the_simulator_are_measured_without_the_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = {name: SimpleNamespace(embodiment=name) for name in ('krabbe', 'sim_planar')}
    manifest = SimpleNamespace(folder='models/mine', robots=names)
    args = SimpleNamespace(part='closed-loop', robots=[])
    assert simulated_robots(args, manifest) == ['sim_planar']
    assert 'left out, as the simulator does not have them: krabbe' in capsys.readouterr().out
    args.robots = ['krabbe']
    with pytest.raises(ConfigError, match='got krabbe of models/mine'):
        simulated_robots(args, manifest)


def test_the_perceptual_distance_is_measured_on_request(
    bundle: Path,
    data_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr('hma_ros.network.lpips.load_lpips', lambda: lambda first, second: 0.25)
    out = tmp_path / 'prediction.json'
    arguments = ['--bundle', str(bundle), '--data', str(data_root), '--steps', '2', '--lpips']
    arguments += ['--trials', '1', '--horizon', '2', '--out', str(out)]
    assert main(['evaluate', 'prediction', *arguments]) == 0
    assert '| LPIPS |' in ' '.join(capsys.readouterr().out.split())
    facts = json.loads(out.read_text())
    assert '--lpips' in facts['command'].split()
    assert set(facts['results'][0]['lpips'].values()) == {0.25}


def test_a_perceptual_distance_that_cannot_be_had_is_refused_before_the_work(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        'hma_ros.evaluation.prediction.measure_prediction',
        lambda *_, **__: pytest.fail('measured'),
    )
    monkeypatch.setitem(sys.modules, 'torchmetrics.image.lpip', None)
    assert main(['evaluate', 'prediction', '--bundle', str(bundle), '--lpips']) == 2
    assert 'pip install -r requirements/lpips.txt' in capsys.readouterr().err


def test_frames_too_small_for_the_perceptual_distance_are_refused() -> None:
    with pytest.raises(ConfigError, match='--lpips: got frames of 16 x 16 pixels, expected at'):
        chosen_lpips(Namespace(lpips=True), 16)


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
    arguments = ['--bundle', str(bundle), '--episodes', '1', '--policies', 'model', '--seed', '7']
    assert main(['evaluate', 'closed-loop', *arguments, '--workers', '1', '--out', str(out)]) == 0
    assert 'of 1' in capsys.readouterr().out
    (result,) = json.loads(out.read_text())['results']
    assert (result['task'], result['policy'], result['episodes']) == ('sim_planar', 'model', 1)
    assert json.loads(out.read_text())['command'] == (
        f'hma evaluate closed-loop --bundle {bundle} --episodes 1 --seed 7 --policies model '
        '--scene fixed --workers 1'
    )


def ended(arguments: list[str]) -> int:
    """Run the command, whether it or the parser refuses."""
    try:
        return main(arguments)
    except SystemExit as exit_:
        return int(exit_.code or 0)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['prediction', '--robot', 'toaster'], "--robot: got 'toaster', expected one that"),
        (['long-horizon', '--seed', '-1'], '--seed: got -1, expected at least 0'),
        (['closed-loop', '--episodes', '0'], '--episodes: got 0, expected at least 1'),
        (['closed-loop', '--through-ros', '--ray'], '--ray: got it with --through-ros'),
        (['closed-loop', '--seed', '-1'], '--seed: got -1, expected at least 0'),
        (['closed-loop', '--seed', 'x'], "--seed: got 'x', expected a whole number"),
        (['closed-loop', '--workers', '2', '--ray'], '--ray: not allowed with argument --workers'),
        (
            ['closed-loop', '--real-time-factor', '0.5'],
            '--real-time-factor: got 0.5 without --through-ros',
        ),
        (['closed-loop', '--through-ros', '--policies', 'expert'], '--policies: got expert with'),
        (['prediction', '--seed', '-1'], '--seed: got -1, expected at least 0'),
        (['prediction', '--steps', '0'], '--steps: got 0, expected at least 1'),
        (['prediction', '--steps', '-3'], '--steps: got -3, expected at least 1'),
        (['prediction', '--trials', '0'], '--trials: got 0, expected at least 1'),
        (['prediction', '--horizon', '0'], '--horizon: got 0, expected at least 1'),
        (['prediction', '--horizon', '999'], 'horizon: got 999, expected 1 to'),
        (['prediction', '--episodes', '0'], '--episodes: got 0, expected at least 1'),
        (['prediction', '--mask-steps', '0'], '--mask-steps: got 0, expected at least 1'),
        (['prediction', '--guidance', '0.5'], 'guidance: got 0.5, expected 1 to 10'),
        (['prediction', '--temperature', '-1'], 'temperature: got -1.0, expected 0 or more'),
        (['long-horizon', '--steps', '0', '8'], '--steps: got 0, expected at least 1'),
        (
            ['long-horizon', '--occluded', '500', '--steps', '8'],
            'occluded: got 500 with rollouts of 8 steps, expected 1 to 6',
        ),
        (
            ['long-horizon', '--occluded', '1', '--steps', '2'],
            'expected longer rollouts, of 3 judged frames or more',
        ),
    ],
)
def test_mistakes_take_one_line(
    bundle: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(['evaluate', *arguments, '--bundle', str(bundle)]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize('part', ['prediction', 'long-horizon', 'closed-loop'])
@pytest.mark.parametrize('place', ['', 'a_file/results.json', 'no_such_mount'])
def test_results_that_cannot_be_written_are_refused_before_the_work(
    bundle: Path,
    part: str,
    place: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for work in (
        'closed_loop.evaluate_policies',
        'long_horizon.measure_long_horizon',
        'prediction.measure_prediction',
    ):
        monkeypatch.setattr(f'hma_ros.evaluation.{work}', lambda *_, **__: pytest.fail('measured'))
    (tmp_path / 'a_file').write_text('')
    out = Path('/proc/results.json') if place == 'no_such_mount' else tmp_path / place
    arguments = ['evaluate', part, '--bundle', str(bundle), '--out', str(out)]
    assert main(arguments) == 2
    assert f'--out: got {out}, ' in capsys.readouterr().err


@pytest.mark.parametrize('part', ['prediction', 'long-horizon'])
@pytest.mark.parametrize('folder', ['/proc/images', 'a_file'])
def test_images_that_cannot_be_written_are_refused_before_the_work(
    bundle: Path, part: str, folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / 'a_file').write_text('')
    path = tmp_path / folder
    assert main(['evaluate', part, '--bundle', str(bundle), '--images', str(path)]) == 2
    assert f'--images: got {path}' in capsys.readouterr().err


def test_results_may_go_to_a_device(
    bundle: Path, data_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        '--bundle',
        str(bundle),
        '--data',
        str(data_root),
        '--steps',
        '1',
        '--trials',
        '1',
    ]
    assert main(['evaluate', 'prediction', *arguments, '--out', '/dev/null']) == 0
    assert '| sim_planar |' in capsys.readouterr().out


def test_prediction_imagines_as_it_is_told(bundle: Path, data_root: Path, tmp_path: Path) -> None:
    arguments = [
        '--bundle',
        str(bundle),
        '--data',
        str(data_root),
        '--steps',
        '4',
        '--trials',
        '1',
    ]
    results = []
    for words in ([], ['--temperature', '9'], ['--mask-steps', '4']):
        out = tmp_path / 'prediction.json'
        assert main(['evaluate', 'prediction', *arguments, *words, '--out', str(out)]) == 0
        facts = json.loads(out.read_text())
        assert ' '.join(words) in facts['command']
        results.append(facts['results'][0]['changed']['imagined_db'])
    assert len(set(results)) == 3


def test_episodes_of_other_robots_or_splits_are_named(
    bundle: Path, data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(data_root / 'sim_planar' / 'val', tmp_path / 'sim_planar' / 'train')
    assert main(['evaluate', 'prediction', '--bundle', str(bundle), '--data', str(tmp_path)]) == 2
    text = capsys.readouterr().err
    assert f'{tmp_path}/sim_planar/val: got no episodes, expected some' in text
    assert 'has only train' in text
    assert f'`hma generate sim_planar --out {tmp_path}/sim_planar --split val`' in text
    with pytest.raises(ConfigError, match='has some of sim_planar: name them with --robot'):
        check_recorded(data_root, ['sim_planar', 'sim_franka'])


def test_ctrl_c_says_what_is_lost(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr('hma_ros.evaluation.closed_loop.evaluate_policies', interrupt)
    assert main(['evaluate', 'closed-loop', '--bundle', str(bundle)]) == 130
    assert (
        capsys.readouterr().err
        == 'hma: interrupted; nothing is kept of closed-loop of sim_planar\n'
    )


def test_options_of_measuring_before_report_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        benchmarks(['--out', str(tmp_path / 'page.md'), 'report'])
    assert 'report: got --out before it' in capsys.readouterr().err


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Write the log of a run that was killed while it wrote."""
    path = tmp_path / 'model' / 'log.jsonl'
    path.parent.mkdir()
    entries = [{'step': step, 'time_s': 0.5, 'frame': 2.0 / step} for step in (1, 10)]
    path.write_text('\n'.join([*map(json.dumps, entries), '{"step": 20, "ti']))
    return path


def test_the_losses_of_a_training_are_drawn(log: Path) -> None:
    assert main(['evaluate', 'losses', str(log)]) == 0
    chart = log.with_name('losses.svg').read_text()
    assert '>frame<' in chart
    assert 'Training of model' in chart


@pytest.mark.parametrize(
    ('content', 'error'),
    [
        (b'{"step": 1, "frame": 1.0}\n[1, 2]\n', 'line 2: got [1, 2], expected JSON with step'),
        (b'{}\n', 'line 1: got {}, expected JSON with step, time_s and losses'),
        (b'{"step": 1, "frame": NaN}\n', 'got no positive loss, expected some'),
        (b'', 'got no positive loss, expected some'),
        (bytes(range(256)) * 99, 'expected the log.jsonl of a training run'),
    ],
)
def test_what_is_no_log_is_an_error(
    content: bytes, error: str, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.write_bytes(content)
    assert main(['evaluate', 'losses', str(log)]) == 2
    said = capsys.readouterr().err
    assert error in said
    assert len(said) < 500


def test_a_log_is_not_replaced_by_its_chart(log: Path) -> None:
    before = log.read_bytes()
    assert main(['evaluate', 'losses', str(log), '--out', str(log)]) == 2
    assert log.read_bytes() == before
