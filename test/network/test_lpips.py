# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""How the pretrained networks of LPIPS are found, with a stand-in for torchmetrics."""

import hashlib
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from hma_ros.core.errors import ConfigError
from hma_ros.network import lpips
from hma_ros.network.lpips import load_lpips


class MeanDifference:
    """Takes what the metric of torchmetrics takes: ``[1, 3, H, W]``, in 0 to 1."""

    def __init__(self, net_type: str, normalize: bool) -> None:
        assert (net_type, normalize) == ('alex', True)

    def __call__(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        for image in (first, second):
            assert image.shape == (1, 3, 32, 48)
            assert image.dtype == torch.float32
            assert 0 <= image.min() <= image.max() <= 1
        return (first - second).abs().mean()

    def reset(self) -> None:
        """Forget nothing."""


@pytest.fixture
def published(tmp_path, monkeypatch):
    """The published weights, on a server that is there as long as the file is."""
    file = tmp_path / 'server' / 'alexnet.pth'
    file.parent.mkdir()
    file.write_bytes(b'weights')
    monkeypatch.setattr(lpips, 'ALEXNET_SHA256', hashlib.sha256(b'weights').hexdigest())
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    metric = {'LearnedPerceptualImagePatchSimilarity': MeanDifference}
    weights = {
        'AlexNet_Weights': SimpleNamespace(IMAGENET1K_V1=SimpleNamespace(url=file.as_uri()))
    }
    for name, content in (
        ('torchmetrics', {}),
        ('torchmetrics.image', {}),
        ('torchmetrics.image.lpip', metric),
        ('torchvision', {}),
        ('torchvision.models', weights),
    ):
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    return file


def test_weights_are_downloaded_once(published):
    distance = load_lpips()
    black, white = (np.full((32, 48, 3), value, np.uint8) for value in (0, 255))
    assert distance(black, black) == 0
    assert distance(black, white) == 1
    published.unlink()
    assert load_lpips()(white, black) == 1


def test_without_weights_and_network_it_says_where_they_belong(published, tmp_path):
    published.unlink()
    file = tmp_path / 'torch' / 'hub' / 'checkpoints' / 'alexnet.pth'
    with pytest.raises(ConfigError, match='copy the file there') as caught:
        load_lpips()
    assert str(caught.value).startswith(f'{file}: got no file, and {published.as_uri()} gave')
    file.write_bytes(b'weights')
    load_lpips()


def test_other_weights_are_refused(published, tmp_path):
    published.write_bytes(b'others')
    with pytest.raises(ConfigError, match='gave "invalid hash value'):
        load_lpips()
    file = tmp_path / 'torch' / 'hub' / 'checkpoints' / 'alexnet.pth'
    file.write_bytes(b'others')
    with pytest.raises(ConfigError, match=r'pth: got SHA-256 \w{12}…, expected \w{12}… of'):
        load_lpips()


@pytest.mark.usefixtures('published')
def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'torchmetrics.image.lpip', None)
    with pytest.raises(ConfigError, match='torchmetrics.*pip install -r requirements/lpips.txt'):
        load_lpips()


@pytest.mark.usefixtures('published')
def test_another_build_of_torchvision_than_of_torch_is_named(monkeypatch):
    def fail(name):
        raise RuntimeError('operator torchvision::nms does not exist')

    models = ModuleType('torchvision.models')
    models.__getattr__ = fail
    monkeypatch.setitem(sys.modules, 'torchvision.models', models)
    with pytest.raises(ConfigError, match=r'nms does not exist", expected .* same build as torch'):
        load_lpips()
