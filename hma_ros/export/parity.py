# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""How far a graph may be from the network, and how far it is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hma_ros.core.errors import BundleError

# Of what is as good as zero, nothing is a small part.
_LEAST = 1e-9


@dataclass(frozen=True)
class Parity:
    """
    What was found, or what is tolerated.

    :param error: largest difference of a real output, relative to its largest value.
    :param deviation: root mean square of the differences of a real output, relative to that of its
        values. Both are infinite where an output is not finite.
    :param agreement: least share of equal choices: of tokens, of most likely levels.
    """

    error: float
    deviation: float
    agreement: float

    @staticmethod
    def of(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> Parity:
        """
        Compare outputs, integers of 64 bits as choices and all else as reals.

        :param pairs: found and expected.
        """
        parities = [Parity(0.0, 0.0, 1.0)]
        for found, expected in pairs:
            if expected.dtype == np.int64:
                parities.append(Parity(0.0, 0.0, float((found == expected).mean())))
            else:
                parities.append(Parity(*_relative(found, expected), 1.0))
        return Parity.worst(parities)

    @staticmethod
    def worst(parities: Iterable[Parity]) -> Parity:
        """Return what holds for all of them."""
        found = list(parities)
        return Parity(
            max(parity.error for parity in found),
            max(parity.deviation for parity in found),
            min(parity.agreement for parity in found),
        )

    def check(self, tolerated: Parity, path: Path) -> Parity:
        """
        Return this parity if it is within what is tolerated.

        :param path: of the graph, named in the error.
        :raises BundleError: out of tolerance.
        """
        if (
            self.error > tolerated.error
            or self.deviation > tolerated.deviation
            or self.agreement < tolerated.agreement
        ):
            raise BundleError(f'{path}: {parity_text(self.as_facts(tolerated))}')
        return self

    def as_facts(self, tolerated: Parity) -> dict[str, float]:
        """Return what a manifest keeps of this."""
        return {
            'largest_relative_error': self.error,
            'relative_deviation': self.deviation,
            'least_agreement': self.agreement,
            'tolerated_relative_error': tolerated.error,
            'tolerated_relative_deviation': tolerated.deviation,
            'tolerated_agreement': tolerated.agreement,
        }


def parity_text(parity: Mapping[str, float]) -> str:
    """Say the numbers that a manifest keeps; older ones keep neither a deviation nor limits."""
    texts = [
        _limited(f'{name} {parity[key]:.1e}', parity.get(f'tolerated_{limit}'))
        for name, key, limit in (
            ('relative error', 'largest_relative_error', 'relative_error'),
            ('deviation', 'relative_deviation', 'relative_deviation'),
        )
        if key in parity
    ]
    least = parity.get('tolerated_agreement')
    required = '' if least is None else f' (at least {100 * least:g} % required)'
    return ', '.join([*texts, f'equal choices {100 * parity["least_agreement"]:.4g} %{required}'])


def _limited(text: str, most: float | None) -> str:
    return text if most is None else f'{text} (at most {most:g} allowed)'


def _relative(found: np.ndarray, expected: np.ndarray) -> tuple[float, float]:
    """Return the largest and the usual difference."""
    if not (np.isfinite(found).all() and np.isfinite(expected).all()):
        # NaN is lost in every comparison.
        return math.inf, math.inf
    values = expected.astype(np.float64)
    differences = found - values
    return (
        float(np.abs(differences).max() / max(np.abs(values).max(), _LEAST)),
        float(_size(differences) / max(_size(values), _LEAST)),
    )


def _size(values: np.ndarray) -> np.floating:
    """Root mean square."""
    size: np.floating = np.sqrt((values**2).mean())
    return size
