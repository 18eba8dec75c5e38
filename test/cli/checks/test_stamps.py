# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Stamps that the nodes cannot use are found, with what to do about each kind."""

import pytest

from hma_ros.cli.checks.finding import Finding
from hma_ros.cli.checks.stamps import judge_stamps


def judge(*ages_s: float, has_stamp: bool = True, sim: bool = False) -> Finding | None:
    return judge_stamps('/cam', ages_s, 0.2, 'camera.max_age_s', has_stamp, sim)


@pytest.mark.parametrize('age_s', [-0.04, 0.0, 0.2])
def test_present_stamps_are_well(age_s: float) -> None:
    assert judge(age_s) is None


def test_one_late_message_is_no_fault() -> None:
    assert judge(0.01, 5.0, 0.02) is None


@pytest.mark.parametrize(
    ('age_s', 'has_stamp', 'sim', 'text', 'remedy'),
    [
        (1.8e9, False, False, 'got 0, expected the time of the measurement', 'header.stamp'),
        (0.5, True, False, 'got 500 ms old, expected 0 to 200 ms', 'camera.max_age_s'),
        (-0.5, True, False, 'got 500 ms in the future', 'chrony'),
        (60.0, True, False, 'got 60000 ms old', 'stamp its messages on arrival'),
        (1.8e9, True, False, 'expected the time of this machine', 'use_sim_time:=true'),
        (-1.8e9, True, True, 'ahead of /clock', 'leave out use_sim_time:=true'),
    ],
)
def test_useless_stamps_fail(
    age_s: float, has_stamp: bool, sim: bool, text: str, remedy: str
) -> None:
    finding = judge(age_s, has_stamp=has_stamp, sim=sim)
    assert finding is not None
    assert text in finding.text
    assert remedy in finding.remedy
