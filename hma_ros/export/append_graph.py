# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
A graph that writes a step into a cache of kept keys and values, where they are.

ScatterND copies its input to its output unless both are one buffer, on the CPU and on CUDA. So
with each cache bound as input and as output of this graph, see
:mod:`hma_ros.runtime.bound_graph`, only the step is written. TensorRT knows no such buffers: run
this graph with CUDA beside its engines.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

_OPSET = 18
_IR_VERSION = 9


def append_graph(
    names: Sequence[str], shape: Sequence[int], dtype: str = 'float32'
) -> onnx.ModelProto:
    """
    Build it.

    Inputs are ``slot`` ``int64[1]``, for each cache ``NAME`` and ``NAME_step``, some steps along
    the second axis, and ``which`` of these steps, ``int64[]``; outputs are ``NAME_new``.

    :param names: of the caches.
    :param shape: of each, the axis of slots the last but one; the first axis, the batch, may have
        any size in the end.
    """
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    slots, width = shape[-2:]
    lead: list[int | str] = ['B', *shape[1:-2]]
    inputs = [
        helper.make_tensor_value_info('slot', onnx.TensorProto.INT64, [1]),
        helper.make_tensor_value_info('which', onnx.TensorProto.INT64, []),
    ]
    outputs = []
    nodes = _places(names[0], len(lead))
    for name in names:
        step, cache = f'{name}_step', [*lead, slots, width]
        steps = [lead[0], 'R', *lead[1:], width]
        inputs.append(helper.make_tensor_value_info(name, kind, cache))
        inputs.append(helper.make_tensor_value_info(step, kind, steps))
        outputs.append(helper.make_tensor_value_info(f'{name}_new', kind, cache))
        nodes.append(helper.make_node('Gather', [step, 'which'], [f'{step}_one'], axis=1))
        nodes.append(
            helper.make_node('ScatterND', [name, 'places', f'{step}_one'], [f'{name}_new'])
        )
    # Leading index, without that of the batch, and slot 0.
    within = np.moveaxis(np.indices([1, *shape[1:-2], 1])[1:, ..., 0], 0, -1)
    constants = {
        'within': within.astype(np.int64),
        'unit': np.eye(len(lead), dtype=np.int64)[-1],
        'none': np.array(0),
        'one': np.array(1),
        'first': np.array([0]),
        'like_batch': np.array([-1, *[1] * len(lead)]),
        'batchwise': np.array([*shape[1:-2], 1]),
    }
    graph = helper.make_graph(
        nodes,
        'append',
        inputs,
        outputs,
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid('', _OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)


def _places(name: str, lead: int) -> list[onnx.NodeProto]:
    """Build the index ``[B, ..., lead + 1]`` of a slot, of every leading index."""
    return [
        helper.make_node('Shape', [name], ['batch'], start=0, end=1),
        helper.make_node('Squeeze', ['batch', 'first'], ['count']),
        helper.make_node('Range', ['none', 'count', 'one'], ['samples']),
        helper.make_node('Reshape', ['samples', 'like_batch'], ['sample']),
        helper.make_node('Concat', ['batch', 'batchwise'], ['sample_shape'], axis=0),
        helper.make_node('Expand', ['sample', 'sample_shape'], ['sample_index']),
        helper.make_node('Mul', ['slot', 'unit'], ['offset']),
        helper.make_node('Add', ['within', 'offset'], ['one_sample']),
        helper.make_node('Shape', ['one_sample'], ['inner_shape'], start=1, end=lead + 1),
        helper.make_node('Concat', ['batch', 'inner_shape'], ['index_shape'], axis=0),
        helper.make_node('Expand', ['one_sample', 'index_shape'], ['others']),
        helper.make_node('Concat', ['sample_index', 'others'], ['places'], axis=-1),
    ]
