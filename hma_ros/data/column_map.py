# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Which numbers of a vector of somebody else are which of ours."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.errors import ConfigError
from hma_ros.core.short_text import first_few, quoted
from hma_ros.data.episode_source import Feature


class ColumnMap:
    """
    Selects and scales.

    :param names: ours, in order.
    :param text: for each of ours a name of theirs or its place from 0 on, and ``*FACTOR`` where
        the unit differs, separated by commas; empty where they have our names.
    :param feature: the vector, with its names.
    :param where: for errors.
    :raises ConfigError: the text does not fit.
    """

    def __init__(self, names: tuple[str, ...], text: str, feature: Feature, where: str) -> None:
        self._where, self._feature = where, feature
        if len(feature.shape) != 1:
            raise ConfigError(f'{where}: got the shape {list(feature.shape)}, expected a vector')
        if feature.names and len(feature.names) != feature.shape[0]:
            raise ConfigError(
                f'{where}: got {len(feature.names)} names, expected {feature.shape[0]}'
            )
        if not text and not feature.names:
            raise ConfigError(
                f'{where}: got none, expected {len(names)} of the numbers 0 to '
                f'{feature.shape[0] - 1}, for {first_few(names)} in this order: the data set '
                'names nothing'
            )
        wanted = text.split(',') if text else list(names)
        if len(wanted) != len(names):
            raise ConfigError(
                f'{where}: got {len(wanted)} entries, expected {len(names)}: {first_few(names)}'
            )
        chosen = [self._chosen(item.strip(), bool(text)) for item in wanted]
        self._places = [place for place, _ in chosen]
        for number, place in enumerate(self._places):
            if (first := self._places.index(place)) != number:
                raise ConfigError(
                    f'{where}: got {quoted(wanted[number].strip())} for {names[first]} and '
                    f'{names[number]}, expected another number for each'
                )
        self._factors = np.array([factor for _, factor in chosen])

    def take(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return ours of theirs, ``float64[len(names)]`` of ``float64[shape]``."""
        return values[self._places] * self._factors

    def _chosen(self, item: str, is_given: bool) -> tuple[int, float]:
        name, separator, scale = (
            item.rpartition('*') if '*' in item and is_given else (item, '', '')
        )
        factor = _number(scale) if separator else 1.0
        there = self._feature.names
        if name in there:
            place = there.index(name)
        elif is_given and name.isdecimal() and int(name) < self._feature.shape[0]:
            place = int(name)
        else:
            place = -1
        if place < 0 or factor is None:
            raise ConfigError(
                f'{self._where}: got {quoted(item)}, expected one of '
                f'{first_few(there) or "the places"} or 0 to {self._feature.shape[0] - 1}, with '
                '*FACTOR where the unit differs; one for each of ours, in their order'
            )
        return place, factor


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value != 0 else None
