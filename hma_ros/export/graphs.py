# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The parts of the network as ONNX graphs."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional as F

from hma_ros.core.errors import BundleError
from hma_ros.network.attention import SelfAttention

# The first in which GELU is one operator.
OPSET = 20
# Smaller tensors are norms and biases: nothing to save, precision to lose.
_HALF_FROM_ELEMENTS = 1024


def trace(
    module: nn.Module,
    inputs: dict[str, Tensor],
    varying: Mapping[str, Sequence[int]],
    outputs: Sequence[str],
) -> onnx.ModelProto:
    """
    Export a module that takes one dictionary of arrays and gives another.

    :param inputs: example by name; an axis that varies is two long at least.
    :param varying: by name, the axes whose size is not fixed.
    :raises BundleError: the exporter gave no graph.
    """
    shapes = {
        name: dict.fromkeys(varying.get(name, ()), torch.export.Dim.DYNAMIC) for name in inputs
    }
    # Few operators of a graph repeat: cache look-ups take longer than they save.
    cached = torch._dynamo.config.patch(fake_tensor_cache_enabled=False)
    with _quiet_exporter(), _three_products(module), cached:
        program = torch.onnx.export(
            module.eval(),
            (),
            # By keyword: a dictionary that comes last would be taken for keywords itself.
            kwargs={'feeds': inputs},
            dynamic_shapes={'feeds': shapes},
            input_names=list(inputs),
            output_names=list(outputs),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise BundleError(f'{list(outputs)}: the exporter gave nothing, expected a graph')
    return without_metadata(program.model_proto)


class _ThreeProducts(SelfAttention):
    """A graph would copy the parts of one product: three products give them as they are."""

    def products(self, x: Tensor) -> tuple[Tensor, ...]:
        width, bias = self.proj.in_features, self.qkv.bias
        places = (slice(start * width, (start + 1) * width) for start in range(3))
        return tuple(
            F.linear(x, self.qkv.weight[place], None if bias is None else bias[place])
            for place in places
        )


@contextmanager
def _three_products(module: nn.Module) -> Iterator[None]:
    layers = [item for item in module.modules() if type(item) is SelfAttention]
    for layer in layers:
        layer.__class__ = _ThreeProducts
    try:
        yield
    finally:
        for layer in layers:
            layer.__class__ = SelfAttention


def without_metadata(model: onnx.ModelProto) -> onnx.ModelProto:
    """
    Remove what the exporter notes of a graph's origin: stack traces with paths of this machine.

    :returns: the same model, which computes the same.
    """
    graph = model.graph
    items: list[Any] = [model, graph, *model.functions, *graph.node, *graph.initializer]
    items += [*graph.input, *graph.output, *graph.value_info]
    items += [node for function in model.functions for node in function.node]
    for item in items:
        item.ClearField('metadata_props')
        item.ClearField('doc_string')
    return model


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Keep to itself what the exporter says about its own affairs."""
    # One line for each operator of torchvision, which no graph here has.
    log = logging.getLogger('torch.onnx._internal.exporter._registration')
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # It uses deprecated functions of torch.
            warnings.simplefilter('ignore')
            yield
    finally:
        log.setLevel(level)


def store_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """
    Keep large weights as half precision on disk, cast to float32 when the graph is loaded.

    The arithmetic stays float32: onnxruntime folds the casts once, at load time.
    """
    graph, casts = model.graph, []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < _HALF_FROM_ELEMENTS:
            continue
        name, half = tensor.name, f'{tensor.name}_half'
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), half))
        casts.append(helper.make_node('Cast', [half], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        graph.node.insert(0, cast)
    return model
