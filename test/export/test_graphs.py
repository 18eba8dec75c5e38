# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""An exported graph holds what it computes, and nothing of the machine it was exported on."""

from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import nn

from hma_ros.export.graphs import Part, write_graph

ROOT = Path(__file__).parents[2]


class Affine(nn.Module):
    """Something to export."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, x):
        return torch.relu(self.linear(x))


def test_no_path_of_this_machine_is_in_a_graph(tmp_path):
    x = torch.randn(2, 3)
    module, path = Affine(), tmp_path / 'affine.onnx'
    write_graph(Part('affine', module, {'x': x}, ['y']), path)
    content = path.read_bytes()
    for word in (str(ROOT), torch.__file__.rpartition('/')[0], '.py', 'stack_trace'):
        assert word.encode() not in content
    session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    (found,) = session.run(None, {'x': x.numpy()})
    np.testing.assert_allclose(found, module(x).detach().numpy(), rtol=1e-6, atol=1e-6)
