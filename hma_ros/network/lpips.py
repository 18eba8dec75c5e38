# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Perceptual distance of two frames, by pretrained networks.

Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric (LPIPS),
arXiv 1801.03924, version 0.1 with AlexNet as HMA's evaluation uses it, computed by torchmetrics.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlparse

import numpy as np

from hma_ros.core.errors import ConfigError
from hma_ros.core.file_hash import sha256
from hma_ros.core.short_text import shortened

# Of the file that torchvision publishes, whose name has the first eight digits.
ALEXNET_SHA256 = '7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02'
# AlexNet's pooling reduces smaller frames to nothing.
SMALLEST_PIXELS = 31


def load_lpips() -> Callable[[np.ndarray, np.ndarray], float]:
    """
    Load AlexNet and the layers on top, from torch's folder of weights or else by download.

    :returns: the distance of two frames ``uint8[H, W, 3]`` of at least :data:`SMALLEST_PIXELS`
        squared, compared at their own size: 0 for equal ones, the larger the less alike.
    :raises ConfigError: a package is missing, or the weights are wrong or not available.
    """
    metric_class, url = _packages()
    _provide_alexnet(url)
    metric = metric_class(net_type='alex', normalize=True)

    def distance(first: np.ndarray, second: np.ndarray) -> float:
        value = float(metric(_planes(first), _planes(second)))
        metric.reset()
        return value

    return distance


def _planes(frame: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(frame.transpose(2, 0, 1)[None] / np.float32(255))


def _packages() -> tuple[Any, str]:
    try:
        from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity
        from torchvision.models import AlexNet_Weights
    # Another build of torchvision than torch's is a RuntimeError.
    except (ImportError, RuntimeError) as error:
        raise ConfigError(
            f'LPIPS: got "{shortened(error)}", expected torchmetrics, and torchvision of the same '
            'build as torch; pip install -r requirements/lpips.txt, from the same index'
        ) from error
    return LearnedPerceptualImagePatchSimilarity, AlexNet_Weights.IMAGENET1K_V1.url


def _provide_alexnet(url: str) -> None:
    from torch import hub

    # Where torchvision looks, too.
    path = Path(hub.get_dir(), 'checkpoints', PurePosixPath(urlparse(url).path).name)
    if not path.exists():
        _download(url, path)
    found = sha256(path)
    if found != ALEXNET_SHA256:
        raise ConfigError(
            f'{path}: got SHA-256 {found[:12]}…, expected {ALEXNET_SHA256[:12]}… of {url}; delete '
            'the file, and the next run downloads it'
        )


def _download(url: str, path: Path) -> None:
    from torch import hub

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        hub.download_url_to_file(url, str(path), ALEXNET_SHA256)
    except (OSError, RuntimeError) as error:
        raise ConfigError(
            f'{path}: got no file, and {url} gave "{shortened(error)}", expected the weights of '
            'AlexNet for LPIPS (244 MB); copy the file there from a machine with internet'
        ) from error
