# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the steps of an RLDS data set hold, from the ``features.json`` of TensorFlow Datasets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hma_ros.core.errors import ConfigError
from hma_ros.core.json_file import read_json
from hma_ros.core.short_text import shortened

FEATURES = 'features.json'
IMAGE, TENSOR, OTHER = 'image', 'tensor', 'other'
_NUMBERS = ('float', 'int', 'uint', 'bool')


@dataclass(frozen=True)
class RldsFeature:
    """
    A feature of each step.

    :param kind: ``image`` (PNG or JPEG of 8 bits), ``tensor`` (plain numbers) or ``other``.
    :param shape: of one step; -1 where it is open.
    """

    kind: str
    dtype: str
    shape: tuple[int, ...]


def step_features(folder: Path) -> dict[str, RldsFeature]:
    """
    Return the features of a step by their path, such as ``observation/state``.

    :raises ConfigError: no such file, or no steps in it.
    """
    path = folder / FEATURES
    content = read_json(path)
    try:
        node = _children(content)['steps']
        if 'sequence' not in node:
            raise KeyError('sequence')
        return dict(_leaves(node['sequence']['feature'], ''))
    # Whatever an unknown JSON makes these few lines raise.
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f'{path}: got {type(error).__name__}: {shortened(error)}, expected the features of an '
            'RLDS data set with steps, as TensorFlow Datasets writes them'
        ) from error


def _children(node: dict[str, Any]) -> dict[str, Any]:
    children: dict[str, Any] = node['featuresDict']['features']
    return children


def _leaves(node: dict[str, Any], path: str) -> Iterator[tuple[str, RldsFeature]]:
    if 'featuresDict' in node:
        for name, child in _children(node).items():
            yield from _leaves(child, f'{path}/{name}' if path else name)
    elif 'image' in node:
        facts = node['image']
        # Depth has more bits, which no conversion to RGB keeps.
        yield path, _feature(IMAGE if facts.get('dtype', 'uint8') == 'uint8' else OTHER, facts)
    elif 'tensor' in node:
        facts = node['tensor']
        is_plain = facts.get('encoding', 'none') == 'none'
        is_number = str(facts.get('dtype')).startswith(_NUMBERS)
        yield path, _feature(TENSOR if is_plain and is_number else OTHER, facts)
    else:
        yield path, RldsFeature(OTHER, str(node.get('pythonClassName')).rpartition('.')[2], ())


def _feature(kind: str, facts: dict[str, Any]) -> RldsFeature:
    # Integers of 64 bits are texts in the JSON of protobuf.
    shape = tuple(int(size) for size in facts.get('shape', {}).get('dimensions', ()))
    return RldsFeature(kind, str(facts.get('dtype')), shape)
