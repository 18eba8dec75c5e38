# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
A graph that writes a row into a ring of kept keys and values, where they are.

ScatterND copies its input to its output unless both are one buffer, on the CPU and on CUDA. So
with each cache bound as input and as output of this graph, see
:mod:`hma_ros.runtime.bound_graph`, only the row is written. TensorRT knows no such buffers: run
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

    Inputs are ``slot`` ``int64[1]``, and for each cache ``NAME`` and ``NAME_row``, whose size
    along the axis of slots is one; outputs are ``NAME_new``.

    :param names: of the caches.
    :param shape: of each, the axis of slots the last but one.
    """
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    *lead, _, width = shape
    inputs = [helper.make_tensor_value_info('slot', onnx.TensorProto.INT64, [1])]
    outputs = []
    nodes = [
        helper.make_node('Mul', ['slot', 'unit'], ['offset']),
        helper.make_node('Add', ['first', 'offset'], ['places']),
    ]
    for name in names:
        row = f'{name}_row'
        inputs.append(helper.make_tensor_value_info(name, kind, shape))
        inputs.append(helper.make_tensor_value_info(row, kind, [*lead, 1, width]))
        outputs.append(helper.make_tensor_value_info(f'{name}_new', kind, shape))
        nodes.append(helper.make_node('Squeeze', [row, 'axis'], [f'{row}_flat']))
        nodes.append(
            helper.make_node('ScatterND', [name, 'places', f'{row}_flat'], [f'{name}_new'])
        )
    # The index of slot 0 for every leading index.
    first = np.moveaxis(np.indices([*lead, 1])[..., 0], 0, -1)
    constants = {
        'first': first.astype(np.int64),
        'unit': np.eye(len(lead) + 1, dtype=np.int64)[-1],
        'axis': np.array([len(lead)]),
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
