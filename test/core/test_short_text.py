# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Texts that people read are in good English, whatever is counted."""

import pytest

from hma_ros.core.short_text import counted


@pytest.mark.parametrize(
    ('number', 'noun', 'text'),
    [(0, 'step', '0 steps'), (1, 'step', '1 step'), (2, 'step', '2 steps')],
)
def test_one_thing_is_not_several(number: int, noun: str, text: str) -> None:
    assert counted(number, noun) == text
