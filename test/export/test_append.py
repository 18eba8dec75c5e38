# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A row is written into a ring without copying the ring."""

import numpy as np
import onnx
import pytest

from hma_ros.export.append import append_graph
from hma_ros.runtime.bound_graph import BoundGraph
from hma_ros.runtime.graph import Graph
from hma_ros.runtime.providers import Execution

# Batch, tokens, heads, slots, width.
SHAPE = (2, 5, 3, 4, 8)
SLOTS = SHAPE[3]


@pytest.fixture(scope='module', params=['float32', 'float16'])
def graph(request, tmp_path_factory):
    path = tmp_path_factory.mktemp('append') / 'append.onnx'
    onnx.save(append_graph(['key', 'value'], SHAPE, request.param), path)
    return Graph(path, Execution(provider='cpu', threads=1))


def rows(graph, count):
    random = np.random.default_rng(0)
    port = graph.inputs['key_row']
    for _ in range(count):
        yield {
            f'{name}_row': random.standard_normal(port.shape).astype(port.dtype)
            for name in ('key', 'value')
        }


def test_ring_on_the_device_equals_a_ring_of_numpy(graph):
    bound = BoundGraph(graph, [name for name in (*graph.inputs, *graph.outputs) if name != 'slot'])
    dtype = graph.inputs['key'].dtype
    host = {name: np.zeros(SHAPE, dtype) for name in ('key', 'value')}
    device = {name: bound.put(array) for name, array in host.items()}
    for name, array in device.items():
        bound.bind(name, array)
        bound.bind(f'{name}_new', array)
    for index, given in enumerate(rows(graph, 3 * SLOTS)):
        slot = index % SLOTS
        for name, row in given.items():
            bound.bind(name, bound.put(row))
            host[name.removesuffix('_row')][..., slot : slot + 1, :] = row
        assert bound({'slot': np.array([slot])}) == []
        for name, array in device.items():
            np.testing.assert_array_equal(array.numpy(), host[name])


def test_what_is_not_bound_in_place_stays(graph):
    given = next(rows(graph, 1))
    old = {name: np.ones(SHAPE, graph.inputs[name].dtype) for name in ('key', 'value')}
    new = dict(zip(graph.outputs, graph({'slot': np.array([2]), **old, **given}), strict=True))
    assert (old['key'] == 1).all()
    np.testing.assert_array_equal(new['key_new'][..., 2:3, :], given['key_row'])
    assert (np.delete(new['key_new'], 2, 3) == 1).all()
