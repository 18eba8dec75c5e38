# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What becomes integer arithmetic, and what stays float32."""

import copy
import logging
from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import quantize_dynamic

from hma_ros.export.quantise import quantise, readouts
from hma_ros.runtime.graph import Graph
from hma_ros.runtime.providers import Execution


@pytest.fixture
def network():
    """Two layers, the first of which is also kept, and a readout with a sum behind it."""
    rng = np.random.default_rng(0)
    shapes = {'inner': (16, 32), 'hidden': (32, 32), 'head': (32, 8)}
    weights = {
        name: (rng.standard_normal(shape) / shape[0] ** 0.5).astype(np.float32)
        for name, shape in shapes.items()
    }
    weights['bias'] = np.ones(8, np.float32)
    nodes = [
        helper.make_node('MatMul', ['x', 'inner'], ['kept_key'], 'first'),
        helper.make_node('Relu', ['kept_key'], ['a']),
        helper.make_node('MatMul', ['a', 'hidden'], ['b'], 'second'),
        helper.make_node('Relu', ['b'], ['c']),
        helper.make_node('Gemm', ['c', 'head', 'bias'], ['logits'], 'third'),
    ]
    port = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        'network',
        [port('x', TensorProto.FLOAT, ['N', 16])],
        [
            port('logits', TensorProto.FLOAT, ['N', 8]),
            port('kept_key', TensorProto.FLOAT, ['N', 32]),
        ],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    opset = [helper.make_opsetid('', 18)]
    return helper.make_model(graph, opset_imports=opset, ir_version=9)


def test_only_the_last_product_before_an_output_is_a_readout(network, tmp_path):
    onnx.save(network, tmp_path / 'network.onnx')
    assert readouts(tmp_path / 'network.onnx') == ['third', 'third_MatMul']


def test_readouts_stay_float32_and_the_rest_does_not(network):
    kinds = Counter(node.op_type for node in quantise(network).graph.node)
    assert kinds['MatMulInteger'] == 2
    assert kinds['MatMul'] + kinds['Gemm'] == 1


@pytest.mark.parametrize('has_handler', [False, True])
def test_others_may_log_meanwhile_and_the_root_logger_stays_as_it_was(
    network, monkeypatch, has_handler
):
    root, lines = logging.Logger('root', logging.INFO), []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    if has_handler:
        root.addHandler(handler)
    else:
        monkeypatch.setattr(logging, 'lastResort', handler)
    monkeypatch.setattr(logging, 'root', root)
    monkeypatch.setattr(logging, 'getLogger', lambda *_: root)

    def quantize(*arguments, **options):
        root.warning('of another library')
        quantize_dynamic(*arguments, **options)

    monkeypatch.setattr('hma_ros.export.quantise.quantize_dynamic', quantize)
    before = list(root.handlers), root.level
    quantise(network)
    assert lines == ['of another library']
    assert (root.handlers, root.level) == before
    assert not root.filters


def test_integers_compute_nearly_the_same(network, tmp_path):
    x = np.random.default_rng(1).standard_normal((5, 16)).astype(np.float32)
    models, found = {'exact': copy.deepcopy(network), 'quick': quantise(network)}, {}
    for name, model in models.items():
        onnx.save(model, path := tmp_path / f'{name}.onnx')
        graph = Graph(path, Execution('cpu'))
        found[name] = dict(zip(graph.outputs, graph({'x': x}), strict=True))['logits']
    exact, quick = found['exact'], found['quick']
    assert np.abs(exact - quick).max() < 0.05 * np.abs(exact).max()
    assert (exact != quick).any()
