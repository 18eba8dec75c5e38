# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What is said of how far a bundle is from its network."""

from pathlib import Path

import numpy as np
import pytest

from hma_ros.core.errors import BundleError
from hma_ros.export.parity import Parity, parity_text

TOLERATED = Parity(error=0.2, deviation=0.1, agreement=0.5)


def test_all_numbers_are_said_with_what_was_tolerated():
    parity = Parity(2.13e-6, 1.1e-7, 0.9996).as_facts(Parity(1e-3, 1e-4, 0.999))
    assert parity_text(parity) == (
        'relative error 2.1e-06 (at most 0.001 allowed), '
        'deviation 1.1e-07 (at most 0.0001 allowed), '
        'equal choices 99.96 % (at least 99.9 % required)'
    )


def test_what_a_manifest_does_not_keep_is_not_said():
    parity = {'largest_relative_error': 0.0, 'least_agreement': 1.0}
    assert parity_text(parity) == 'relative error 0.0e+00, equal choices 100 %'


@pytest.mark.parametrize('found', [np.nan, np.inf])
@pytest.mark.parametrize('expected', [np.nan, np.inf, 1.0])
def test_an_output_that_is_not_finite_is_refused(found, expected):
    good = np.array([1.0, 2.0], np.float32)
    pairs = [(good, good), (np.array([found, 2.0]), np.array([expected, 2.0]))]
    parity = Parity.worst([Parity.of([(good, good)]), Parity.of(pairs)])
    with pytest.raises(BundleError, match='graph: relative error inf'):
        parity.check(TOLERATED, Path('graph'))


def test_a_few_values_that_are_far_off_are_an_error_and_many_a_deviation():
    expected = np.ones(10_000, np.float32)
    few, many = expected.copy(), 1.15 * expected
    few[7] = 1.5
    assert Parity.of([(few, expected)]) == Parity(0.5, pytest.approx(0.005), 1.0)
    assert Parity.of([(many, expected)]) == Parity(pytest.approx(0.15), pytest.approx(0.15), 1.0)
    for found, text in ((few, 'relative error 5.0e-01'), (many, 'deviation 1.5e-01')):
        with pytest.raises(BundleError, match=rf'graph: .*{text} \(at most'):
            Parity.of([(found, expected)]).check(TOLERATED, Path('graph'))
    choices = np.arange(4)
    with pytest.raises(BundleError, match=r'equal choices 25 % \(at least 50 % required\)'):
        Parity.of([(np.zeros(4, np.int64), choices)]).check(TOLERATED, Path('graph'))
