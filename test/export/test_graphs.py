# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""An exported graph holds what it computes, and nothing of the machine it was exported on."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from hma_ros.export.graphs import trace
from hma_ros.export.model_graphs import model_parts
from hma_ros.network.config import Domain, Joints, preset
from hma_ros.network.initial import initialised

ROOT = Path(__file__).parents[2]
JOINTS = Joints(('slider',), (0.0,), (1.0,), 'unknown', (1.5, 1.5), (1.1, 1.1))
DOMAIN = Domain('two', 1, (1.5, 1.5), (1.1, 1.1), joints=JOINTS)


class Affine(nn.Module):
    """Something to export."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, feeds):
        return {'y': torch.relu(self.linear(feeds['x']))}


def test_no_path_of_this_machine_is_in_a_graph(tmp_path):
    x = torch.randn(2, 3)
    module, path = Affine(), tmp_path / 'affine.onnx'
    onnx.save(trace(module, {'x': x}, {'x': (0,)}, ['y']), path)
    content = path.read_bytes()
    for word in (str(ROOT), torch.__file__.rpartition('/')[0], '.py', 'stack_trace'):
        assert word.encode() not in content
    session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    (found,) = session.run(None, {'x': x.numpy()})
    np.testing.assert_allclose(found, module({'x': x})['y'].detach().numpy(), rtol=1e-6, atol=1e-6)


def test_the_exporter_itself_gives_the_graphs_that_tests_keep(trace_once, monkeypatch):
    """Most tests put weights into a graph that was traced before, see the conftest."""
    torch.manual_seed(0)
    facts = {'layers': 1, 'heads': 2, 'width': 16, 'positions': 16}
    config = preset('small', [DOMAIN], **facts, factors=2, factor_size=4)
    for part in model_parts(initialised(config).eval(), 'two'):
        kept = part.graph().graph
        with monkeypatch.context() as patch:
            patch.setattr(torch.onnx, 'export', trace_once)
            true = part.graph().graph
        assert [item.op_type for item in kept.node] == [item.op_type for item in true.node]
        for of in ('input', 'output'):
            names = [[item.name for item in getattr(graph, of)] for graph in (kept, true)]
            assert names[0] == names[1]
        shapes = [
            Counter(tuple(item.dims) for item in graph.initializer) for graph in (kept, true)
        ]
        assert shapes[0] == shapes[1]
