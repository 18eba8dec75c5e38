# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Attention within a step becomes one operator, and computes what it did."""

from collections import Counter

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from hma_ros.core.errors import BundleError
from hma_ros.export.fuse import fuse_attention
from hma_ros.export.graphs import trace
from hma_ros.network.attention import SelfAttention, Steps
from hma_ros.network.config import HmaConfig


class Mixed(nn.Module):
    """Tokens mixed within their steps, then over steps."""

    def __init__(self, **changes):
        super().__init__()
        sizes = {'layers': 1, 'heads': 2, 'width': 16, 'window': 4, 'positions': 9}
        self.config = HmaConfig(**sizes, **changes)
        self.space, self.time = (SelfAttention(self.config) for _ in range(2))

    def forward(self, feeds):
        x = self.space.over_tokens(feeds['x'])
        return {'y': self.time.over_steps(x, Steps(feeds['index']), None, 3)[0]}


def computed(model, feeds):
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=['CPUExecutionProvider']
    )
    return session.run(None, feeds)[0]


@pytest.mark.parametrize('qk_norm', [False, True])
def test_only_attention_without_a_mask_is_fused_and_nothing_changes(qk_norm):
    torch.manual_seed(0)
    module = Mixed(qk_norm=qk_norm).eval()
    inputs = {'x': torch.randn(2, 3, 9, 16), 'index': torch.arange(3)}
    written = trace(module, inputs, {'x': (0,)}, ['y'])
    x = np.random.default_rng(0).standard_normal((5, 3, 9, 16), np.float32)
    feeds = {'x': x, 'index': np.arange(3)}
    expected = computed(written, feeds)
    fused = fuse_attention(written, heads=2, count=1)
    kinds = Counter(node.op_type for node in fused.graph.node)
    # What is over steps stays: its future is masked.
    assert (kinds['MultiHeadAttention'], kinds['Softmax']) == (1, 1)
    np.testing.assert_allclose(computed(fused, feeds), expected, rtol=1e-5, atol=1e-6)


def test_a_graph_with_another_number_of_them_is_refused():
    class Linear(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def forward(self, feeds):
            return {'y': self.linear(feeds['x']).softmax(-1)}

    model = trace(Linear(), {'x': torch.randn(2, 4)}, {'x': (0,)}, ['y'])
    with pytest.raises(BundleError, match='0 places of attention within a step, expected 2'):
        fuse_attention(model, heads=1, count=2)
