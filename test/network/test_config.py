# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Sizes that do not fit each other are refused, and the text says which."""

import pytest

from hma_ros.network.config import Diffusion, HmaConfig, TimePositions

PARTS = Diffusion(patch=2, latent_channels=4, width=8, blocks=1, steps=10, mask_steps=2)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'heads': 3}, 'heads: got 3, expected a divisor of width 16'),
        ({'window': 1}, 'window: got 1, expected at least 2'),
        ({'action_tokens': 0}, 'action_tokens: got 0, expected at least 1'),
        (
            {'positions': 6, 'diffusion': PARTS},
            'patch: got 2, expected a side whose square divides the 6 positions',
        ),
        (
            {'heads': 16, 'time': TimePositions.ROTARY},
            'heads: got 16, expected an even head width, not 1',
        ),
    ],
)
def test_sizes_that_do_not_fit_are_refused(changes, message):
    sizes = {'layers': 1, 'heads': 2, 'width': 16, 'window': 4, 'positions': 4}
    assert HmaConfig(**sizes).head_width == 8
    with pytest.raises(ValueError, match=message):
        HmaConfig(**{**sizes, **changes})
