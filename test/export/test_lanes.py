# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Graphs of lanes are the trunk, each layer with its own weights."""

import numpy as np
import onnx
import pytest
import torch

from hma_ros.core.lanes import LANES
from hma_ros.export.lanes import lane_graphs
from hma_ros.export.paper import BundleOptions, export_paper
from hma_ros.export.paper_graphs import paper_parts
from hma_ros.network.paper.config import Domain, Injection, PaperConfig, TimePositions
from hma_ros.network.paper.discrete import DiscreteHma
from hma_ros.runtime.graph import Graph
from hma_ros.runtime.paper.lanes import Lanes
from hma_ros.runtime.providers import Execution
from hma_ros.verification.report import relative_error

LAYERS = 4
CPU = Execution(provider='cpu')


@pytest.fixture(scope='module')
def network():
    torch.manual_seed(0)
    config = PaperConfig(
        layers=LAYERS,
        heads=2,
        width=32,
        rows=4,
        positions=6,
        action_tokens=2,
        factor_size=4,
        injection=Injection.MODULATE,
        time=TimePositions.ROTARY,
        domains=(Domain('robot', 1, (0.0,), (1.0,)),),
    )
    model = DiscreteHma(config).eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.normal_(float(parameter.ndim < 2), 0.5 * parameter.shape[-1] ** -0.5)
    return model


def test_every_layer_has_its_own_weights(network, tmp_path):
    """In float32, where a wrong weight cannot hide behind integers."""
    *_, trunk = paper_parts(network, 'robot')
    graphs = {}
    for name, graph in lane_graphs(network, trunk):
        (tmp_path / f'{name}.onnx').write_bytes(graph.SerializeToString())
        graphs[name] = {port.name for port in graph.graph.input}
    assert {'enter_robot', 'leave_robot', f'layer_{LAYERS - 1}_robot'} <= graphs.keys()
    assert len(graphs) == LAYERS + 2

    lanes = Lanes(
        lambda name, execution: Graph(tmp_path / f'{name}.onnx', execution), 'robot', LAYERS, CPU
    )
    inputs = {name: value.numpy() for name, value in trunk.inputs.items()}
    past = {
        f'{name}_{lane}': part.copy()
        for name, whole in inputs.items()
        if name.startswith(('past_key', 'past_value'))
        for lane, part in enumerate(np.split(whole, LANES, 1))
    }
    found = lanes(inputs, past)
    for name, value in trunk.outputs().items():
        whole = found.get(name)
        if whole is None:
            whole = np.concatenate([found[f'{name}_{lane}'] for lane in range(LANES)], 2)
        assert relative_error(whole, value.numpy()) < 1e-5, name


def count_integer_products(path):
    nodes = onnx.load(path, load_external_data=False).graph.node
    return sum(node.op_type == 'MatMulInteger' for node in nodes)


def test_weights_of_lanes_are_those_of_the_trunk(network, tmp_path):
    folder = export_paper(network, tmp_path / 'int8', BundleOptions(precision='int8'))
    layers = sorted(path.name for path in folder.glob('layer_*'))
    assert layers == [f'layer_{index}_robot.onnx' for index in range(LAYERS)]
    integers = [count_integer_products(folder / name) for name in layers]
    # Queries, keys and values of the next layer among them; the last is float32.
    assert integers == [11] * (LAYERS - 1) + [0]
    # Of the last layer only those before its attention.
    assert count_integer_products(folder / 'trunk_robot.onnx') == 11 * (LAYERS - 1) + 3
    exact = export_paper(network, tmp_path / 'fp32')
    sizes = [(path / 'weights.bin').stat().st_size for path in (folder, exact)]
    assert sizes[0] < sizes[1]
