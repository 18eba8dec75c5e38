# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Graphs that compute in half precision: for GPUs, twice the speed of float32 or more."""

from __future__ import annotations

import logging
from collections.abc import Collection

import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16


def compute_half(
    model: onnx.ModelProto, half_ports: Collection[str] = (), is_typed: bool = False
) -> onnx.ModelProto:
    """
    Turn the arithmetic of a float32 graph to float16; the model given is changed too.

    Where the CPU has no float16 kernel onnxruntime casts around it, so that such a graph can be
    checked without a GPU, if not made faster. A graph that computes sines, as a stem with an
    anchor does, stays as it is: a rounded angle of many turns is another angle, and stems are
    small.

    :param half_ports: inputs and outputs that become float16 as well, such as the two ends of a
        cache; all others keep their type.
    :param is_typed: whether the graph tells the type of every value, as torch exports it; if not
        types are inferred, which fails beyond 2 GB.
    """
    if any(node.op_type in ('Sin', 'Cos') for node in model.graph.node):
        return model
    ports = [*model.graph.input, *model.graph.output]
    kept = [port.name for port in ports if port.name not in half_ports]
    # It warns of every constant below the smallest float16, such as the epsilon of a norm.
    logging.getLogger('onnxruntime.transformers.float16').setLevel(logging.ERROR)
    halved: onnx.ModelProto = convert_float_to_float16(
        model, keep_io_types=kept, disable_shape_infer=is_typed
    )
    return halved
