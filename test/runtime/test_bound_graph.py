# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What stays on the device: the same code as on a GPU, with the CPU as the device."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from hma_ros.core.errors import InferenceError
from hma_ros.runtime.bound_graph import BindingPlan, BoundGraph
from hma_ros.runtime.graph import Graph
from hma_ros.runtime.providers import Execution

CPU = Execution(provider='cpu', threads=1)
SLOTS, WIDTH = 4, 3


def save(path, nodes, inputs, outputs):
    ports = [
        [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in side]
        for side in (inputs, outputs)
    ]
    graph = helper.make_graph(nodes, 'test', *ports)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=9), path
    )
    return Graph(path, CPU)


@pytest.fixture(scope='module')
def ring(tmp_path_factory):
    """Attention in small: a step is the input plus what the weights take of the kept steps."""
    real = TensorProto.FLOAT
    nodes = [
        helper.make_node('Mul', ['past', 'weights'], ['weighed']),
        helper.make_node('ReduceSum', ['weighed'], ['mixed'], keepdims=1, noop_with_empty_axes=0),
        helper.make_node('Add', ['x', 'mixed'], ['sum']),
        helper.make_node('Identity', ['sum'], ['step']),
        helper.make_node('ReduceMax', ['sum'], ['largest'], keepdims=0),
    ]
    return save(
        tmp_path_factory.mktemp('ring') / 'ring.onnx',
        nodes,
        [
            ('x', real, [1, WIDTH]),
            ('past', real, [SLOTS, WIDTH]),
            ('weights', real, [SLOTS, 1]),
        ],
        [('step', real, [1, WIDTH]), ('largest', real, [])],
    )


@pytest.fixture(scope='module')
def doubled(tmp_path_factory):
    nodes = [
        helper.make_node('Add', ['x', 'x'], ['twice']),
        helper.make_node('Neg', ['x'], ['negative']),
    ]
    return save(
        tmp_path_factory.mktemp('doubled') / 'doubled.onnx',
        nodes,
        [('x', TensorProto.FLOAT, ['batch', 2])],
        [
            ('twice', TensorProto.FLOAT, ['batch', 2]),
            ('negative', TensorProto.FLOAT, ['batch', 2]),
        ],
    )


def test_plan_says_where_each_array_lives(ring):
    assert BindingPlan.of(ring.inputs, ring.outputs, ['past', 'step']) == BindingPlan(
        host_in=('x', 'weights'),
        device_in=('past',),
        device_out=('step',),
        host_out=('largest',),
    )


def test_steps_written_into_a_cache_on_the_device_equal_steps_kept_on_the_host(ring):
    """A slot is overwritten while its weight is zero; nothing but the step is ever written."""
    random = np.random.default_rng(0)
    bound = BoundGraph(ring, ['past', 'step'])
    past = np.zeros((SLOTS, WIDTH), np.float32)
    cache = bound.put(past)
    bound.bind('past', cache)
    for step in range(3 * SLOTS):
        spare = step % SLOTS
        weights = random.random((SLOTS, 1)).astype(np.float32)
        weights[spare] = 0
        x = random.standard_normal((1, WIDTH)).astype(np.float32)
        bound.bind('step', cache.slot(spare))
        (largest,) = bound({'x': x, 'weights': weights})
        expected_step, expected = ring({'x': x, 'past': past, 'weights': weights})
        past[spare] = expected_step
        np.testing.assert_array_equal(largest, expected)
        np.testing.assert_array_equal(cache.numpy(), past)
        np.testing.assert_array_equal(cache.slot(spare).numpy(), expected_step)


def test_an_output_becomes_an_input_by_binding_alone(doubled):
    bound = BoundGraph(doubled, ['x', 'twice'])
    first, second = (bound.put(np.full((1, 2), value, np.float32)) for value in (3, 0))
    for _ in range(3):
        bound.bind('x', first)
        bound.bind('twice', second)
        (negative,) = bound({})
        first, second = second, first
    np.testing.assert_array_equal(first.numpy(), [[24, 24]])
    np.testing.assert_array_equal(negative, [[-12, -12]])


def test_results_stay_when_the_graph_runs_again_and_the_batch_may_change(doubled):
    bound = BoundGraph(doubled, [])
    first = bound({'x': np.ones((1, 2), np.float32)})
    second = bound({'x': np.full((1, 2), 5, np.float32)})
    third = bound({'x': np.full((3, 2), 7, np.float32)})
    np.testing.assert_array_equal(first[0], [[2, 2]])
    np.testing.assert_array_equal(second[1], [[-5, -5]])
    np.testing.assert_array_equal(third[0], np.full((3, 2), 14))


def test_the_callers_array_stays_his_own(doubled):
    bound = BoundGraph(doubled, ['x', 'twice'])
    mine = np.ones((1, 2), np.float32)
    bound.bind('x', bound.put(mine))
    output = bound.put(mine)
    bound.bind('twice', output)
    bound({})
    np.testing.assert_array_equal(mine, 1)
    np.testing.assert_array_equal(output.numpy(), 2)


def test_arrays_outlive_their_last_name(doubled):
    """The binding keeps what it points to."""
    bound = BoundGraph(doubled, ['x'])
    bound.bind('x', bound.put(np.full((1000, 2), 4, np.float32)))
    waste = [np.zeros((1000, 2), np.float32) for _ in range(50)]
    assert (bound({})[0] == 8).all()
    assert len(waste) == 50


def test_trunk_of_the_shipped_bundle_with_a_past_on_the_device(bundle):
    graph = Graph(bundle / 'trunk_franka_pick.onnx', CPU)
    random = np.random.default_rng(0)
    given = {}
    for name, port in graph.inputs.items():
        shape = tuple(size if isinstance(size, int) else 1 for size in port.shape)
        given[name] = (2 * random.random(shape)).astype(port.dtype)
    expected = graph(given)
    expected = dict(zip(graph.outputs, expected, strict=True))
    bound = BoundGraph(graph, ['past_key_0', 'kept_key_0'])
    past = bound.put(given.pop('past_key_0'))
    kept = bound.put(np.zeros_like(expected['kept_key_0']))
    bound.bind('past_key_0', past)
    bound.bind('kept_key_0', kept)
    found = dict(zip(bound.plan.host_out, bound(given), strict=True))
    np.testing.assert_array_equal(found['logits'], expected['logits'])
    np.testing.assert_array_equal(kept.numpy(), expected['kept_key_0'])


@pytest.mark.parametrize(
    ('attempt', 'message'),
    [
        (lambda graph: BoundGraph(graph, ['cache']), "got 'cache', expected some of x, "),
        (
            lambda graph: bind(graph, 'past', np.zeros((SLOTS, WIDTH + 1), np.float32)),
            r'past: got float32\[4, 4\], expected float32\[4, 3\]',
        ),
        (
            lambda graph: bind(graph, 'past', np.zeros((SLOTS, WIDTH))),
            r'got float64\[4, 3\], expected float32\[4, 3\]',
        ),
        (
            lambda graph: bind(graph, 'x', np.zeros((1, WIDTH), np.float32)),
            "got 'x', expected one of the resident arrays past, step",
        ),
        (lambda graph: BoundGraph(graph, ['past'])({}), 'past: expected a bound array'),
        (
            lambda graph: BoundGraph(graph, [])({'x': np.zeros((1, WIDTH), np.float32)}),
            'got inputs x, expected x, past, weights',
        ),
        (
            lambda graph: BoundGraph(graph, []).put(np.zeros((2, 1))).slot(2),
            'slot: got 2, expected 0 to 1',
        ),
    ],
)
def test_misuse_is_named(ring, attempt, message):
    with pytest.raises(InferenceError, match=message):
        attempt(ring)


def bind(graph, name, array):
    bound = BoundGraph(graph, ['past', 'step'])
    bound.bind(name, bound.put(array))


def test_result_that_is_not_finite(doubled):
    with pytest.raises(InferenceError, match="doubled.onnx: output 'twice' is not finite"):
        BoundGraph(doubled, [])({'x': np.full((1, 2), np.nan, np.float32)})
