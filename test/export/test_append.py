# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A step is written into a cache without copying the cache."""

import numpy as np
import onnx
import pytest

from hma_ros.export.append_graph import append_graph
from hma_ros.runtime.bound_graph import BoundGraph
from hma_ros.runtime.graph import Graph
from hma_ros.runtime.providers import Execution

# Batch, tokens, heads, slots, width; and steps, of which one is written.
BATCH, SHAPE, STEPS = 2, (1, 5, 3, 4, 8), 2
SLOTS = SHAPE[3]
NAMES = ('key', 'value')


@pytest.fixture(scope='module', params=['float32', 'float16'])
def graph(request, tmp_path_factory):
    path = tmp_path_factory.mktemp('append') / 'append.onnx'
    onnx.save(append_graph(NAMES, SHAPE, request.param), path)
    return Graph(path, Execution(provider='cpu', threads=1))


def caches(graph, fill=0.0):
    return {name: np.full((BATCH, *SHAPE[1:]), fill, graph.inputs[name].dtype) for name in NAMES}


def steps(graph, count):
    random = np.random.default_rng(0)
    shape = (BATCH, STEPS, *SHAPE[1:3], SHAPE[-1])
    for _ in range(count):
        yield {
            f'{name}_step': random.standard_normal(shape).astype(graph.inputs[name].dtype)
            for name in NAMES
        }


def test_ring_on_the_device_equals_a_ring_of_numpy(graph):
    bound = BoundGraph(graph, {*graph.inputs, *graph.outputs} - {'slot', 'which'})
    host = caches(graph)
    device = {name: bound.put(array) for name, array in host.items()}
    for name, array in device.items():
        bound.bind(name, array)
        bound.bind(f'{name}_new', array)
    for index, given in enumerate(steps(graph, 3 * SLOTS)):
        slot, which = index % SLOTS, index % STEPS
        for name, step in given.items():
            bound.bind(name, bound.put(step))
            host[name.removesuffix('_step')][..., slot, :] = step[:, which]
        assert bound({'slot': np.array([slot]), 'which': np.array(which)}) == []
        for name, array in device.items():
            np.testing.assert_array_equal(array.numpy(), host[name])


def test_what_is_not_bound_in_place_stays(graph):
    given, old = next(steps(graph, 1)), caches(graph, fill=1.0)
    place = {'slot': np.array([2]), 'which': np.array(1)}
    new = dict(zip(graph.outputs, graph({**place, **old, **given}), strict=True))
    assert (old['key'] == 1).all()
    np.testing.assert_array_equal(new['key_new'][..., 2, :], given['key_step'][:, 1])
    assert (np.delete(new['key_new'], 2, 3) == 1).all()
