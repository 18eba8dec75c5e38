# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Memory that the backward pass would take decides how the blocks are run."""

from dataclasses import replace

import pytest

from hma_ros.network.config import Domain, preset
from hma_ros.training import memory
from hma_ros.training.trainer import HmaTrainer

DOMAIN = Domain('arm', 1, (0.0,), (1.0,))


def test_hma_base_keeps_gigabytes_of_a_window():
    """Measured: 7.1 GB of a window of 12 steps, 2.3 GB of 4."""
    base = preset('base', [DOMAIN])
    assert memory.activation_bytes(base, 12) == pytest.approx(7.1e9, rel=0.1)
    assert memory.activation_bytes(base, 4) == pytest.approx(2.3e9, rel=0.1)
    half = replace(base, layers=base.layers // 2)
    assert 2 * memory.activation_bytes(half, 12) == memory.activation_bytes(base, 12)


@pytest.mark.parametrize(('free', 'is_short'), [(1 << 40, False), (1 << 10, True), (None, False)])
def test_blocks_are_run_again_only_where_memory_is_short(tmp_path, monkeypatch, free, is_short):
    monkeypatch.setattr(memory, 'available_bytes', lambda: free)
    config = preset('base', [DOMAIN], layers=1, heads=2, width=16, positions=16, action_tokens=1)
    trainer = HmaTrainer(config, tmp_path, 1, 3, 1, compiled=False, precision='highest')
    assert any('activation checkpointing' in note for note in trainer.notes) == is_short


def test_a_container_and_other_processes_leave_less(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, '_GROUP', tmp_path)
    (tmp_path / 'memory.max').write_text('max')
    everything = memory.available_bytes()
    assert everything > 1 << 20
    (tmp_path / 'memory.max').write_text('1000000')
    (tmp_path / 'memory.current').write_text('400000')
    assert memory.available_bytes() == 600_000
    monkeypatch.setenv('LOCAL_WORLD_SIZE', '2')
    assert memory.available_bytes() == 300_000


def test_free_memory_is_more_than_nothing():
    free = memory.available_bytes()
    assert free is None or 1 << 20 < free < 1 << 50
