# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The hma command teaches, and reports errors of the user's in one line."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import hma_ros.cli.verify
from hma_ros.bringup import ARGUMENTS
from hma_ros.cli.main import COMMANDS, main
from hma_ros.cli.run import parse_pairs
from hma_ros.core.errors import ConfigError


@pytest.mark.parametrize('command', COMMANDS)
def test_every_command_has_a_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, '--help'])
    assert ended.value.code == 0
    assert f'hma {command}' in capsys.readouterr().out


def test_the_help_of_predict_names_every_argument(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(['run', 'predict', '--help'])
    text = capsys.readouterr().out
    assert [item.name for item in ARGUMENTS if item.setting.description not in text] == []
    assert 'examples:' in text


def test_errors_of_the_users_take_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['run', 'predict', 'robot:=toaster']) == 2
    captured = capsys.readouterr()
    assert captured.out == ''
    assert captured.err.startswith("hma: error: robot: got 'toaster', expected one of")
    assert captured.err.count('\n') == 1


@pytest.mark.parametrize(
    ('texts', 'message'),
    [
        (['robot=franka'], "got 'robot=franka', expected name:=value"),
        ([':=x'], "got ':=x', expected name:=value"),
        (['a:=1', 'a:=2'], "a: got '1' and '2', expected one value"),
    ],
)
def test_malformed_pairs_are_refused(texts: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_pairs(texts)


def test_values_may_hold_the_separator() -> None:
    assert parse_pairs(['bundle:=a:=b', 'namespace:=']) == {'bundle': 'a:=b', 'namespace': ''}


def test_a_dry_run_prints_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / 'manifest.json').write_text('{}')
    values = ['robot:=franka', 'sim:=true', f'bundle:={tmp_path}']
    assert main(['run', 'predict', '--dry-run', *values]) == 0
    lines = capsys.readouterr().out.splitlines()
    commands = [line for line in lines if '__node:=' in line]
    assert 'sim_robot_node' in commands[0]
    assert 'action_executor_node' in commands[-1]


def test_help_imports_nothing_heavy() -> None:
    script = (
        'import sys\nfrom hma_ros.cli.main import build_parser\nbuild_parser()\n'
        'heavy = {"torch", "onnxruntime", "mujoco", "rclpy"} & set(sys.modules)\n'
        'sys.exit(repr(heavy) if heavy else 0)'
    )
    subprocess.run([sys.executable, '-c', script], check=True)


@pytest.mark.parametrize('unbuffered', ['', '1'])
def test_reader_that_leaves_early_gets_no_traceback(unbuffered: str) -> None:
    program = 'import sys; from hma_ros.cli.main import main; sys.exit(main(sys.argv[1:]))'
    golden = Path(__file__).parents[1] / 'data/golden/metrics'
    command = [sys.executable, '-c', program, 'verify', 'golden', str(golden)]
    environment = {**os.environ, 'PYTHONUNBUFFERED': unbuffered}
    pipes = {'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE}
    with subprocess.Popen(command, env=environment, **pipes) as child:
        child.stdout.close()
        assert child.stderr.read() == b''
    assert child.returncode == 141


def test_another_broken_pipe_is_not_taken_for_the_output(monkeypatch):
    def run(_: object) -> int:
        raise BrokenPipeError('of a worker')

    monkeypatch.setattr(hma_ros.cli.verify, 'run_golden', run)
    with pytest.raises(BrokenPipeError, match='of a worker'):
        main(['verify', 'golden', 'anything'])


def test_ctrl_c_is_an_exit_code_from_the_first_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        monkeypatch.setattr(
            'hma_ros.cli.main.build_parser', lambda: signal.raise_signal(signal.SIGINT)
        )
        assert main(['--help']) == 130
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_module_runs_as_the_command_does() -> None:
    command = [sys.executable, '-m', 'hma_ros.cli.main', '--version']
    ended = subprocess.run(command, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout.split()[0]) == (0, 'hma_ros')
