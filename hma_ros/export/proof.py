# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""How far a graph may be from the network, and how far it is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hma_ros.core.errors import BundleError


@dataclass(frozen=True)
class Proof:
    """
    What was found, or what is tolerated.

    :param error: largest difference of a real output, relative to its largest value; infinite
        where an output is not finite.
    :param agreement: least share of equal choices: of tokens, of most likely levels.
    """

    error: float
    agreement: float

    @staticmethod
    def of(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> Proof:
        """
        Compare outputs, integers of 64 bits as choices and all else as reals.

        :param pairs: found and expected.
        """
        errors, agreements = [0.0], [1.0]
        for found, expected in pairs:
            if expected.dtype == np.int64:
                agreements.append(float((found == expected).mean()))
            else:
                errors.append(_relative_error(found, expected))
        return Proof(max(errors), min(agreements))

    @staticmethod
    def worst(proofs: Iterable[Proof]) -> Proof:
        """Return what holds for all of them."""
        found = list(proofs)
        return Proof(max(proof.error for proof in found), min(proof.agreement for proof in found))

    def check(self, tolerated: Proof, path: Path) -> Proof:
        """
        Return this proof if it is within what is tolerated.

        :param path: of the graph, named in the error.
        :raises BundleError: out of tolerance.
        """
        if self.error > tolerated.error or self.agreement < tolerated.agreement:
            raise BundleError(
                f'{path}: relative error {self.error:.2g} and agreement {self.agreement:.4f}, '
                f'expected at most {tolerated.error} and at least {tolerated.agreement}'
            )
        return self


def parity_text(parity: Mapping[str, float]) -> str:
    """Say the two numbers that a manifest keeps, and what was tolerated where it keeps that."""
    error, agreement = parity['largest_relative_error'], parity['least_agreement']
    most, least = parity.get('tolerated_relative_error'), parity.get('tolerated_agreement')
    tolerated_error = '' if most is None else f' (at most {most:g} allowed)'
    tolerated_agreement = '' if least is None else f' (at least {100 * least:g} % required)'
    return (
        f'relative error {error:.1e}{tolerated_error}, '
        f'equal choices {100 * agreement:.4g} %{tolerated_agreement}'
    )


def _relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    if not (np.isfinite(found).all() and np.isfinite(expected).all()):
        # NaN is lost in every comparison.
        return math.inf
    wide = expected.astype(np.float64)
    return float(np.abs(found - wide).max() / max(np.abs(wide).max(), 1e-9))
