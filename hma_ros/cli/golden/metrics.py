# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Metrics against those of the research code's evaluation.

Arrays: ``gt`` and ``pred`` ``uint8[B, T, 3, H, W]``, ``random_pred`` with one such array for each
draw of actions, and per window B (or frame T) what scikit-image made of them. The evaluation
takes PSNR of the last frame only, and structural similarity of every frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hma_ros.cli.golden.golden import GoldenArrays
from hma_ros.cli.golden.report import FLOAT32, Comparison, compare
from hma_ros.core.errors import ConfigError
from hma_ros.core.vision.metrics import delta_psnr, psnr
from hma_ros.core.vision.ssim import ssim


def check(folder: Path) -> Iterator[Comparison]:
    """
    Compare every metric in the folder.

    :raises ConfigError: an array is missing, or one is there that nothing here computes.
    """
    golden = GoldenArrays(folder)
    truth, predicted = (_images(golden, name, 'BTCHW') for name in ('gt', 'pred'))
    random = _images(golden, 'random_pred', 'NBTCHW')
    windows = range(len(truth))
    similar = np.array(
        [[ssim(*pair) for pair in zip(truth[b], predicted[b], strict=True)] for b in windows]
    )
    measured = {
        'psnr_last_frame': [psnr(truth[b, -1], predicted[b, -1]) for b in windows],
        'psnr_whole_clip': [psnr(truth[b], predicted[b]) for b in windows],
        'ssim_frames': similar,
        'ssim_mean': similar.mean(),
        'delta_psnr': [
            delta_psnr(truth[b, -1], predicted[b, -1], list(random[:, b, -1])) for b in windows
        ],
    }
    for name, found in measured.items():
        yield compare(name, found, golden[name], FLOAT32)
    golden.check_all_read()


def _images(golden: GoldenArrays, name: str, axes: str) -> np.ndarray:
    """Return images with their channels last; `axes` says how many axes there should be."""
    images = golden[name]
    if images.ndim != len(axes) or images.dtype != np.uint8:
        raise ConfigError(
            f"{golden.path}: array '{name}' is {images.dtype}{list(images.shape)}, "
            f'expected uint8[{", ".join(axes)}]'
        )
    return np.moveaxis(images, -3, -1)
