# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Losses for TensorBoard."""

import sys

import pytest

from hma_ros.core.errors import ConfigError
from hma_ros.training.scalars import tensorboard


def test_without_the_package_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'tensorboard', None)
    monkeypatch.delitem(sys.modules, 'torch.utils.tensorboard', raising=False)
    with pytest.raises(ConfigError, match='pip install tensorboard'):
        tensorboard(tmp_path, 0)


def test_a_resumed_run_replaces_what_it_does_again(tmp_path):
    pytest.importorskip('tensorboard')
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    first = tensorboard(tmp_path, 0)
    for step in (20, 40, 60):
        first({'arm/frame': float(step)}, step)
    tensorboard(tmp_path, 40)({'arm/frame': 41.0}, 41)
    found = EventAccumulator(str(tmp_path)).Reload().Scalars('arm/frame')
    assert [(event.step, event.value) for event in found] == [(20, 20.0), (40, 40.0), (41, 41.0)]
