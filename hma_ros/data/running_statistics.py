# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Statistics of vectors, summed one at a time in float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


class RunningStatistics:
    """
    Minimum, maximum, mean and deviation of ``width`` numbers.

    :param width: how many numbers a vector has.
    """

    def __init__(self, width: int) -> None:
        self.count = 0
        self.low = np.full(width, np.inf)
        self.high = np.full(width, -np.inf)
        self._sum = np.zeros(width)
        self._squares = np.zeros(width)

    def add(self, values: ArrayLike) -> None:
        """Take vectors ``[N, width]``."""
        array = np.asarray(values, np.float64)
        self.count += len(array)
        self.low = np.minimum(self.low, array.min(0))
        self.high = np.maximum(self.high, array.max(0))
        self._sum += array.sum(0)
        self._squares += np.square(array).sum(0)

    @property
    def mean(self) -> NDArray[np.float64]:
        """``float64[width]``."""
        return self._sum / self.count

    @property
    def deviation(self) -> NDArray[np.float64]:
        """Standard deviation ``float64[width]``, of the vectors as a whole population."""
        return np.sqrt(np.maximum(self._squares / self.count - np.square(self.mean), 0.0))

    def facts(self) -> dict[str, list[float]]:
        """Return what :meth:`merge` takes; plain numbers."""
        return {
            'count': [self.count],
            'min': self.low.tolist(),
            'max': self.high.tolist(),
            'sum': self._sum.tolist(),
            'squares': self._squares.tolist(),
        }

    def merge(self, facts: dict[str, list[float]]) -> None:
        """Add the statistics of other vectors."""
        self.count += int(facts['count'][0])
        self.low = np.minimum(self.low, facts['min'])
        self.high = np.maximum(self.high, facts['max'])
        self._sum += np.asarray(facts['sum'])
        self._squares += np.asarray(facts['squares'])
