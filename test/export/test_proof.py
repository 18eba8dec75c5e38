# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What is said of how far a bundle is from its network."""

from pathlib import Path

import numpy as np
import pytest

from hma_ros.core.errors import BundleError
from hma_ros.export.proof import Proof, parity_text


def test_both_numbers_are_said_with_what_was_tolerated():
    parity = {
        'largest_relative_error': 2.13e-6,
        'least_agreement': 0.9996,
        'tolerated_relative_error': 1e-3,
        'tolerated_agreement': 0.999,
    }
    assert parity_text(parity) == (
        'relative error 2.1e-06 (at most 0.001 allowed), '
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
    proof = Proof.worst([Proof.of([(good, good)]), Proof.of(pairs)])
    with pytest.raises(BundleError, match='graph: relative error inf'):
        proof.check(Proof(error=0.2, agreement=0.5), Path('graph'))
