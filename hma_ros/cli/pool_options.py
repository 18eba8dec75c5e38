# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``--workers`` and ``--ray``: where a command runs its work."""

from __future__ import annotations

import argparse
import re

from hma_ros.cli.numbers import positive
from hma_ros.core.pool import AUTO, Pool


def add_pool(parser: argparse.ArgumentParser, processes: int) -> None:
    """Add both options, which exclude each other; ``processes`` is the default."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        '--workers',
        type=positive,
        # As text: argparse takes a given 2 for a default 2, and would let --ray pass beside it.
        default=str(processes),
        metavar='N',
        help=f'processes (default: {processes})',
    )
    add_ray(group)


def add_ray(
    parser: argparse.ArgumentParser | argparse._MutuallyExclusiveGroup, what: str = 'run'
) -> None:
    """Add ``--ray`` alone; ``what`` is the verb of its help."""
    parser.add_argument(
        '--ray',
        nargs='?',
        type=_address,
        const=AUTO,
        metavar='HOST:PORT',
        help=f'{what} on a Ray cluster whose machines see the same files (default: the one that '
        'this machine is part of, else a new one on it)',
    )


def chosen_pool(args: argparse.Namespace) -> Pool:
    """Return the pool that the options name."""
    return Pool(getattr(args, 'workers', 1), args.ray)


def _address(text: str) -> str:
    if text != AUTO and not re.fullmatch(r'[^/\s]+:\d+', text):
        raise argparse.ArgumentTypeError(f'got {text!r}, expected HOST:PORT, or nothing')
    return text
