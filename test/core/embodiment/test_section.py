# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A key that is missing is distinguished from one that is misspelled."""

import pytest

from hma_ros.core.embodiment.section import parse_yaml
from hma_ros.core.errors import EmbodimentError


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('strid: 2', "stride: got nothing (the key is missing; is 'strid' meant?), expected a"),
        (
            'strides: 2',
            "stride: got nothing (the key is missing; is 'strides' meant?), expected a",
        ),
        ('other: 2', 'stride: got nothing (the key is missing), expected a'),
    ],
)
def test_a_misspelled_key_is_named(text: str, said: str) -> None:
    with pytest.raises(EmbodimentError) as caught:
        parse_yaml(text, 'arm.yaml').string('stride')
    assert said in str(caught.value)


def test_another_key_that_is_merely_alike_is_not_meant() -> None:
    with pytest.raises(EmbodimentError, match='key is missing\\)'):
        parse_yaml('closed_position: 0', 'arm.yaml').string('open_position')


def test_a_key_that_was_read_is_not_meant_by_another() -> None:
    section = parse_yaml('stride: a', 'arm.yaml')
    assert section.string('stride') == 'a'
    with pytest.raises(EmbodimentError, match='key is missing\\)'):
        section.string('strides')
