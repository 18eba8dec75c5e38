# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Integer matrix products: weights as int8, activations scaled to uint8 as they come."""

from __future__ import annotations

import tempfile
from pathlib import Path

import onnx
import onnxruntime
from onnxruntime.quantization import QuantType, quantize_dynamic

from hma_ros.export.quiet_logging import without_advice

_FOLDED, _QUANTISED = 'folded.onnx', 'quantised.onnx'
_PRODUCTS = ('MatMul', 'Gemm')
_ERRORS = 3
_KEPT = 'kept_'


def quantise(model: onnx.ModelProto, is_end: bool = False) -> onnx.ModelProto:
    """
    Replace products with constant matrices by integer ones, a scale per column.

    Attention, norms, sums and readouts stay float32: the token head alone, one product of many,
    causes a third of the tokens that change, the end of the last layer a fifth of what is left.
    Four times the products per second on processors with AVX-512 VNNI; what it costs in images
    is for :mod:`hma_ros.evaluation` to say.

    :param is_end: whether the last layer is in it: behind its attention within a step, one
        MultiHeadAttention, all stays float32.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _fold(model, folder / _FOLDED)
        exact = [*_sums(folder / _FOLDED), *readouts(folder / _FOLDED)]
        exact += behind_attention(folder / _FOLDED) if is_end else []
        # It advises to do what was just done.
        with without_advice('onnxruntime'):
            quantize_dynamic(
                folder / _FOLDED,
                folder / _QUANTISED,
                op_types_to_quantize=list(_PRODUCTS),
                nodes_to_exclude=exact,
                per_channel=True,
                weight_type=QuantType.QInt8,
                use_external_data_format=True,
                # Of what the runtime's own operators make, it would not know the type.
                extra_options={
                    'MatMulConstBOnly': True,
                    'DefaultTensorType': onnx.TensorProto.FLOAT,
                },
            )
        return onnx.load(folder / _QUANTISED)


def _sums(path: Path) -> list[str]:
    """Name the products with a column of ones: sums, which are nothing to make cheaper."""
    graph = onnx.load(path, load_external_data=False).graph
    columns = {tensor.name for tensor in graph.initializer if list(tensor.dims)[1:] in ([], [1])}
    return [
        node.name
        for node in graph.node
        if node.op_type == 'MatMul' and not columns.isdisjoint(node.input)
    ]


def readouts(path: Path) -> list[str]:
    """
    Name the products behind which there is no other before an output of the graph.

    What is kept of a step is no readout: it goes on to another run.
    """
    graph = onnx.load(path, load_external_data=False).graph
    makers = {name: node for node in graph.node for name in node.output}
    names = [port.name for port in graph.output if not port.name.startswith(_KEPT)]
    seen, found = set(names), []
    while names:
        node = makers.get(names.pop())
        if node is None:
            continue
        if node.op_type in _PRODUCTS:
            found += _names(node)
            continue
        names += [name for name in node.input if name not in seen]
        seen.update(node.input)
    return found


def behind_attention(path: Path) -> list[str]:
    """Name the products that depend on the last MultiHeadAttention of a graph."""
    graph = onnx.load(path, load_external_data=False).graph
    *_, last = (node for node in graph.node if node.op_type == 'MultiHeadAttention')
    reached, found = set(last.output), []
    for node in graph.node:
        if not reached.isdisjoint(node.input):
            reached |= set(node.output)
            found += _names(node) if node.op_type in _PRODUCTS else []
    return found


def _names(product: onnx.NodeProto) -> list[str]:
    """The quantiser makes a product and a sum of a Gemm, and names the product so."""
    return [product.name, f'{product.name}_MatMul']


def _fold(model: onnx.ModelProto, path: Path) -> None:
    """Compute what is constant, so that slices of weights become weights."""
    traced = path.with_name('traced.onnx')
    onnx.save(model, traced, save_as_external_data=True, location='traced.bin')
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path)
    options.log_severity_level = _ERRORS  # it lists every weight that folding makes needless
    options.add_session_config_entry(
        'session.optimized_model_external_initializers_file_name', 'folded.bin'
    )
    onnxruntime.InferenceSession(str(traced), options, providers=['CPUExecutionProvider'])
    folded = onnx.load(path)
    # Shapes that were inferred before folding contradict those after it.
    del folded.graph.value_info[:]
    onnx.save(folded, path, save_as_external_data=True, location='again.bin')
