# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A ROS_DOMAIN_ID that ends the process in DDS is found before that."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hma_ros.cli.finding import Level
from hma_ros.cli.machine_checks import judge_domain
from hma_ros.cli.main import main


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
