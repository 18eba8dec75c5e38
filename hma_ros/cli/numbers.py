# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Numbers that options take; each reader raises ArgumentTypeError for any other text."""

from __future__ import annotations

from argparse import ArgumentTypeError


def positive(text: str) -> int:
    """Read a count of at least 1."""
    if (count := _whole(text)) < 1:
        raise ArgumentTypeError(f'got {text}, expected at least 1')
    return count


def not_negative(text: str) -> int:
    """Read a count, or a seed, of at least 0."""
    if (count := _whole(text)) < 0:
        raise ArgumentTypeError(f'got {text}, expected at least 0')
    return count


def positive_number(text: str) -> float:
    """Read a finite number above 0."""
    if not 0 < (value := _number(text)) < float('inf'):
        raise ArgumentTypeError(f'got {text}, expected a number above 0')
    return value


def not_negative_number(text: str) -> float:
    """Read a finite number of at least 0."""
    if not 0 <= (value := _number(text)) < float('inf'):
        raise ArgumentTypeError(f'got {text}, expected a number of at least 0')
    return value


def share(text: str) -> float:
    """Read a share in [0, 1]."""
    if not 0 <= (value := _number(text)) <= 1:
        raise ArgumentTypeError(f'got {text}, expected a share in [0, 1]')
    return value


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise ArgumentTypeError(f'got {text!r}, expected a whole number') from error


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ArgumentTypeError(f'got {text!r}, expected a number') from error
