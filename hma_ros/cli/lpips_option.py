# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``--lpips``: the perceptual distance, for which pretrained networks are needed."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hma_ros.evaluation.prediction import FrameMeasure


def add_lpips(parser: argparse.ArgumentParser) -> None:
    """Add the option."""
    parser.add_argument(
        '--lpips',
        action='store_true',
        help='also measure the perceptual distance LPIPS (pip install -r requirements/lpips.txt; '
        'downloads 244 MB the first time)',
    )


def chosen_lpips(args: argparse.Namespace) -> FrameMeasure | None:
    """
    Load the networks if they are asked for.

    :raises ConfigError: they cannot be had.
    """
    if not args.lpips:
        return None
    from hma_ros.network.lpips import load_lpips

    return load_lpips()
