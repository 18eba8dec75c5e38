# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""One line for each array: how far what was computed is from what was expected."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hma_ros.core.short_text import counted

# Tolerances, as shares of the largest expected magnitude.
IDENTICAL = 0.0  # tokens, indices, copies
FLOAT32 = 1e-5  # sums of float32 in another order
REORDERED = 1e-4  # the same behind many layers: what kinds of processor differ by
AMPLIFIED = 1e-3  # diffusion multiplies rounding errors, at its first step by 2e4


@dataclass(frozen=True)
class Comparison:
    """
    How far an array is from the expected one.

    :param name: of the array.
    :param error: largest absolute difference over largest expected magnitude; infinite when the
        shapes differ or a difference is not a number.
    :param tolerance: largest error that passes.
    """

    name: str
    error: float
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether the error is within the tolerance."""
        return math.isfinite(self.error) and self.error <= self.tolerance

    def __str__(self) -> str:
        """Return the line of the report."""
        verdict = 'ok' if self.ok else 'FAIL'
        return f'{verdict:<5}{self.name:<62} {self.error:7.1e}  tolerance {self.tolerance:g}'


def compare(name: str, found: ArrayLike, expected: ArrayLike, tolerance: float) -> Comparison:
    """
    Compare an array of numbers or truth values with the expected one.

    :param name: of the array in the report.
    :param found: what was computed, any shape.
    :param expected: what it should be.
    :param tolerance: see :class:`Comparison`.
    """
    return Comparison(name, relative_error(np.asarray(found), np.asarray(expected)), tolerance)


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    """
    Return the largest absolute difference over the largest expected magnitude.

    Infinite where the shapes differ, where something is not a number, and for any difference from
    zeros.
    """
    if found.shape != expected.shape:
        return math.inf
    if found.size == 0:
        return 0.0
    found, expected = found.astype(np.float64), expected.astype(np.float64)
    # Equal infinities differ by nothing.
    differing = found != expected
    if not differing.any():
        return 0.0
    difference = np.abs(found[differing] - expected[differing]).max()
    largest = np.abs(expected).max()
    share = difference / largest if largest > 0 else math.inf
    return math.inf if math.isnan(share) else float(share)


def summary(comparisons: Sequence[Comparison]) -> str:
    """Return the last line of the report: how many there were, and which failed."""
    failed = [item.name for item in comparisons if not item.ok]
    count = f'{counted(len(comparisons), "array")}, {len(failed)} out of tolerance'
    return f'{count}: {", ".join(failed)}' if failed else count
