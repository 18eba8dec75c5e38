# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Variables that end a process in ROS are found before that, by the doctor and by hma run."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hma_ros.bringup import Bringup
from hma_ros.cli.checks.environment import judge_domain, judge_logs
from hma_ros.cli.checks.finding import Level
from hma_ros.cli.main import main
from hma_ros.cli.supervisor import Supervisor
from hma_ros.core.errors import ConfigError


@pytest.mark.parametrize(
    ('text', 'level'),
    [
        ('', Level.OK),
        ('0', Level.OK),
        ('101', Level.OK),
        ('0xF', Level.OK),
        ('102', Level.WARN),
        ('232', Level.WARN),
        ('233', Level.FAIL),
        ('9999', Level.FAIL),
        ('-1', Level.FAIL),
        ('robot7', Level.FAIL),
        ('1.0', Level.FAIL),
        ('1_0', Level.FAIL),
    ],
)
def test_domains(text: str, level: Level) -> None:
    assert judge_domain(text).level is level


@given(st.text())
def test_any_text_is_judged(text: str) -> None:
    finding = judge_domain(text)
    assert finding.level is Level.OK or '0 to 101' in finding.text


@pytest.mark.parametrize('value', ['9999', 'robot7', '-1'])
def test_the_doctor_ends_with_its_summary(
    value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv('ROS_DOMAIN_ID', value)
    assert main(['doctor', 'robot:=ur5e']) == 1
    lines = capsys.readouterr().out.splitlines()
    text = (
        f"FAIL ROS_DOMAIN_ID: got '{value}', expected an integer from 0 to 232 (0 to 101 is safe)"
    )
    assert text in lines
    assert lines[-1].endswith('1 FAIL')


def test_a_middleware_that_is_not_installed_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv('RMW_IMPLEMENTATION', 'rmw_nowhere')
    assert main(['doctor', 'robot:=ur5e']) == 1
    lines = capsys.readouterr().out.splitlines()
    text = "FAIL rclpy: RMW_IMPLEMENTATION: got 'rmw_nowhere', expected one that is installed"
    assert text in lines
    assert lines[-1].endswith('1 FAIL')


@pytest.mark.parametrize(
    ('name', 'value', 'sentence'),
    [
        ('ROS_DOMAIN_ID', '233', "ROS_DOMAIN_ID: got '233', expected an integer from 0 to 232"),
        ('ROS_DOMAIN_ID', 'robot7', "ROS_DOMAIN_ID: got 'robot7', expected an integer"),
        (
            'RMW_IMPLEMENTATION',
            'nonsense',
            "rclpy: RMW_IMPLEMENTATION: got 'nonsense', expected one that is installed; unset it",
        ),
        (
            'FASTDDS_DEFAULT_PROFILES_FILE',
            '/nowhere.xml',
            "Fast DDS: FASTDDS_DEFAULT_PROFILES_FILE: got '/nowhere.xml', which is no file, "
            'expected a profile; correct or unset FASTDDS_DEFAULT_PROFILES_FILE',
        ),
    ],
)
def test_a_run_says_the_sentence_of_the_doctor_before_anything_starts(
    name: str,
    value: str,
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(Supervisor, 'start', lambda _: pytest.fail('started'))
    (tmp_path / 'manifest.json').write_text('{}')
    assert main(['run', 'predict', 'robot:=franka', 'sim:=true', f'bundle:={tmp_path}']) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f'hma: error: {sentence}')
    assert captured.err.count('\n') == 1
    assert captured.out == ''


@pytest.mark.parametrize('text', ['-1', '0', 'nan', '1e9', 'inf', 'soon'])
def test_the_doctor_waits_for_a_sensible_time(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(['doctor', f'--timeout={text}'])
    assert ended.value.code == 2
    assert f'got {text}, expected seconds from 0.1 to 600' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('environment', 'refusal'),
    [
        ({'HOME': '/proc/nohome'}, 'cannot write ~/.ros/log (HOME is /proc/nohome)'),
        ({}, 'cannot write ~/.ros/log (HOME is not set)'),
        ({'HOME': '/proc', 'ROS_HOME': '~/r'}, 'cannot write ~/r/log (HOME is /proc)'),
        ({'HOME': '/proc', 'ROS_LOG_DIR': '/tmp/logs'}, None),
        ({'HOME': '/tmp', 'ROS_LOG_DIR': '/proc/logs'}, 'cannot write /proc/logs'),
    ],
)
def test_logs_that_cannot_be_written_are_refused(
    environment: dict[str, str], refusal: str | None
) -> None:
    finding = judge_logs(environment)
    assert finding.level is (Level.FAIL if refusal else Level.OK)
    assert refusal is None or (finding.text == refusal and 'ROS_LOG_DIR' in finding.remedy)


def test_a_bringup_without_logs_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv('ROS_LOG_DIR', raising=False)
    monkeypatch.setenv('HOME', '/proc/nohome')
    with pytest.raises(ConfigError, match=r'logs: cannot write ~/.ros/log .*set ROS_LOG_DIR'):
        Supervisor(Bringup('', ()))
