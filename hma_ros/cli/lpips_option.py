# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``--lpips``: the perceptual distance LPIPS, which needs a pretrained network."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from hma_ros.core.errors import ConfigError

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


def chosen_lpips(args: argparse.Namespace, image_size: int) -> FrameMeasure | None:
    """
    Load the networks if they are asked for.

    :param image_size: of the frames, which are square [pixels].
    :raises ConfigError: they are not available, or the frames are too small for them.
    """
    if not args.lpips:
        return None
    from hma_ros.network.lpips import SMALLEST_PIXELS, load_lpips

    if image_size < SMALLEST_PIXELS:
        raise ConfigError(
            f'--lpips: got frames of {image_size} x {image_size} pixels, expected at least '
            f'{SMALLEST_PIXELS} x {SMALLEST_PIXELS}; leave --lpips out for this bundle'
        )
    return load_lpips()
