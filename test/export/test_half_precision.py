# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The shipped bundle in half precision, run on the CPU."""

from pathlib import Path

import numpy as np
import onnx

from hma_ros.export.half_precision import compute_half
from hma_ros.runtime.graph import Graph
from hma_ros.runtime.providers import Execution

BUNDLE = Path(__file__).parents[2] / 'models' / 'hma_sim'
CPU = Execution(provider='cpu', threads=1)
BATCH = 4


def halved(name, folder, half_ports=()):
    model = compute_half(onnx.load(BUNDLE / f'{name}.onnx'), half_ports)
    onnx.save(model, folder / f'{name}.onnx')
    return Graph(BUNDLE / f'{name}.onnx', CPU), Graph(folder / f'{name}.onnx', CPU)


def material(graph):
    random = np.random.default_rng(0)
    sizes = {'bias': 0.0, 'modulation': 0.1}
    given = {}
    for name, port in graph.inputs.items():
        shape = tuple(size if isinstance(size, int) else BATCH for size in port.shape)
        most = 256 if name == 'frames' else 8
        if port.dtype.kind in 'iu':
            given[name] = random.integers(0, most, shape).astype(port.dtype)
        elif port.dtype == bool:
            given[name] = random.random(shape) < 0.5
        else:
            given[name] = (random.standard_normal(shape) * sizes.get(name, 1.0)).astype(port.dtype)
    return given


def test_a_stem_with_an_anchor_stays_exact(tmp_path):
    full, half = halved('stem_franka_pick', tmp_path)
    given = material(full)
    for left, right in zip(half(given), full(given), strict=True):
        np.testing.assert_array_equal(left, right)


def test_real_results_stay_within_a_thousandth_or_two(tmp_path):
    full, half = halved('trunk_franka_pick', tmp_path)
    assert half.inputs == full.inputs
    assert half.outputs == full.outputs
    given = material(full)
    for name, left, right in zip(full.outputs, half(given), full(given), strict=True):
        if name not in ('logits', 'chunk', 'shift_scale'):
            continue
        assert 0 < np.abs(left - right).max() < 2e-3 * np.abs(right).max()


def test_choices_of_tokens_stay(tmp_path):
    full, half = halved('trunk_franka_pick', tmp_path)
    given, best = material(full), list(full.outputs).index('best')
    assert (half(given)[best] == full(given)[best]).mean() > 0.99
    full, half = halved('encoder', tmp_path)
    given = material(full)
    assert (half(given)[0] == full(given)[0]).mean() > 0.99


def test_frames_differ_by_one_level_at_most(tmp_path):
    full, half = halved('decoder', tmp_path)
    given = material(full)
    assert np.abs(half(given)[0].astype(int) - full(given)[0]).max() <= 1


def test_both_ends_of_a_cache_may_be_half_too(tmp_path):
    past, step = 'past_key_0', 'kept_key_0'
    full, half = halved('trunk_franka_pick', tmp_path, (past, step))
    assert half.inputs[past].dtype == half.outputs[step].dtype == np.float16
    assert half.outputs['logits'].dtype == np.float32
    given = material(full)
    place = list(full.outputs).index(step)
    kept = half({**given, past: given[past].astype(np.float16)})[place]
    np.testing.assert_allclose(kept, full(given)[place], atol=0.02)


def test_products_are_of_halves(tmp_path):
    model = compute_half(onnx.load(BUNDLE / 'trunk_franka_pick.onnx'))
    inferred = onnx.shape_inference.infer_shapes(model).graph
    kinds = {value.name: value.type.tensor_type.elem_type for value in inferred.value_info}
    products = [kinds[node.output[0]] for node in inferred.node if node.op_type == 'MatMul']
    assert len(products) > 40
    assert set(products) == {onnx.TensorProto.FLOAT16}
