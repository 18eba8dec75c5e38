# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Relative errors worked out by hand."""

import math

import numpy as np
import pytest

from hma_ros.cli.golden.report import Comparison, compare, relative_error, summary


@pytest.mark.parametrize(
    ('found', 'expected', 'error'),
    [
        ([1.0, 2.5], [1.0, -2.0], 2.25),  # 4.5 of 2
        ([3, 5], [3, 4], 0.25),
        ([True, False], [True, True], 1.0),
        ([math.inf, 1], [math.inf, 1], 0.0),
        ([math.inf, 1], [2, 1], math.inf),
        ([math.nan, 1], [2, 1], math.inf),
        ([math.nan], [math.nan], math.inf),
        ([0, 0], [0, 0], 0.0),
        ([1e-9, 0], [0, 0], math.inf),
        ([1, 2], [1, 2, 3], math.inf),
        ([], [], 0.0),
    ],
)
def test_largest_relative_error(found, expected, error):
    assert relative_error(np.array(found), np.array(expected)) == error


def test_a_line_names_array_error_tolerance_and_verdict():
    good = compare('logits', [1.0, 1.5], [1.0, 2.0], tolerance=0.25)
    assert good.ok
    assert str(good).split() == ['ok', 'logits', '2.5e-01', 'tolerance', '0.25']
    assert str(Comparison('tokens', 1.0, 0.0)).split()[0] == 'FAIL'


def test_the_summary_names_what_failed():
    passed, failed = Comparison('a', 0.0, 0.0), Comparison('b', math.inf, 1.0)
    assert summary([passed]) == '1 array, 0 out of tolerance'
    assert summary([passed, failed]) == '2 arrays, 1 out of tolerance: b'
