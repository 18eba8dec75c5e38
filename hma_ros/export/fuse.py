# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Attention within a step as one operator of onnxruntime, which need not keep all scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import onnx
from onnx import helper, numpy_helper

from hma_ros.core.errors import BundleError

_DOMAIN = 'com.microsoft'
_FLAT = 'flat'
_BY_HEAD, _BY_HEAD_TURNED = [0, 2, 1, 3], [0, 2, 3, 1]


class _Attention(NamedTuple):
    """
    The places of a graph between which attention is written out.

    :param inputs: queries, keys and values, ``[B, S, H, D]``.
    :param flatten: node that makes the result ``[B, S, H * D]``, or what has as many numbers.
    """

    inputs: tuple[str, str, str]
    flatten: onnx.NodeProto
    scale: float


def fuse_attention(model: onnx.ModelProto, heads: int, count: int) -> onnx.ModelProto:
    """
    Replace attention without a mask, written out as the network does, by MultiHeadAttention.

    That operator exists in onnxruntime for the CPU and for CUDA, and not in TensorRT: it is for
    bundles that run on the CPU. The model is changed, and returned.

    :param heads: of every attention in it.
    :param count: how many of them there are.
    :raises BundleError: another number is found.
    """
    graph = model.graph
    makers = {name: node for node in graph.node for name in node.output}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    found = {
        node.output[0]: attention
        for node in graph.node
        if (attention := _match(node, makers, constants)) is not None
    }
    if len(found) != count:
        raise BundleError(
            f'{len(found)} places of attention within a step, expected {count}: the exporter '
            'writes it otherwise than it did'
        )
    nodes = [
        made
        for node in graph.node
        for made in (_fused(found[node.output[0]], heads) if node.output[0] in found else [node])
    ]
    del graph.node[:]
    graph.node.extend(_needed(nodes, {port.name for port in graph.output}))
    graph.initializer.append(numpy_helper.from_array(np.array([0, 0, -1]), _FLAT))
    model.opset_import.append(helper.make_opsetid(_DOMAIN, 1))
    return model


def _needed(nodes: Sequence[onnx.NodeProto], names: set[str]) -> list[onnx.NodeProto]:
    """Leave out what nothing reads any more: the runtime would compute it."""
    kept = []
    for node in reversed(nodes):
        if not names.isdisjoint(node.output):
            names |= set(node.input)
            kept.append(node)
    return kept[::-1]


def _match(
    node: onnx.NodeProto,
    makers: Mapping[str, onnx.NodeProto],
    constants: Mapping[str, onnx.TensorProto],
) -> _Attention | None:
    """Look backwards from what brings the heads of each token together again."""
    before = _looking_back(makers)
    if node.op_type != 'Reshape' or _turns(before(node, 0)) != _BY_HEAD:
        return None
    mix = before(before(node, 0), 0, 'MatMul')
    weigh = before(mix, 0, 'Softmax')
    scores = before(weigh, 0, 'MatMul')
    scaled, key, value = before(scores, 0, 'Mul'), before(scores, 1), before(mix, 1)
    query = before(scaled, 0)
    if (_turns(query), _turns(key), _turns(value)) != (_BY_HEAD, _BY_HEAD_TURNED, _BY_HEAD):
        return None
    if [attribute.i for attribute in weigh.attribute if attribute.name == 'axis'] != [-1]:
        return None
    scale = constants.get(scaled.input[1])
    if scale is None or numpy_helper.to_array(scale).size != 1:
        return None
    factor = float(numpy_helper.to_array(scale).reshape(()))
    return _Attention((query.input[0], key.input[0], value.input[0]), node, factor)


def _looking_back(
    makers: Mapping[str, onnx.NodeProto],
) -> Callable[..., onnx.NodeProto]:
    def before(node: onnx.NodeProto, place: int, kind: str = '') -> onnx.NodeProto:
        """Return what makes an input; an empty node where that is nothing of the kind."""
        maker = makers.get(node.input[place]) if place < len(node.input) else None
        return maker if maker is not None and kind in ('', maker.op_type) else onnx.NodeProto()

    return before


def _turns(node: onnx.NodeProto) -> list[int]:
    return list(node.attribute[0].ints) if node.op_type == 'Transpose' else []


def _fused(attention: _Attention, heads: int) -> list[onnx.NodeProto]:
    flat = [f'{given}_flat' for given in attention.inputs]
    nodes = [
        helper.make_node('Reshape', [given, _FLAT], [name])
        for given, name in zip(attention.inputs, flat, strict=True)
    ]
    mixed, flatten = f'{attention.flatten.output[0]}_mixed', onnx.NodeProto()
    flatten.CopyFrom(attention.flatten)
    flatten.input[0] = mixed
    fused = helper.make_node(
        'MultiHeadAttention',
        flat,
        [mixed],
        name=f'{attention.flatten.name}_fused',
        domain=_DOMAIN,
        num_heads=heads,
        scale=attention.scale,
    )
    return [*nodes, fused, flatten]
