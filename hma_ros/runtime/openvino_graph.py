# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""One ONNX graph, run with OpenVINO on the CPU: in bf16, but for what is int8 in the graph."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from hma_ros.core.errors import BundleError, ConfigError, InferenceError
from hma_ros.runtime.ports import Arrays, Port, PortedGraph

_INSTEAD = 'or choose tokenizer_precision fp32'
# What OpenVINO calls it, and what computes it.
NEEDED = {'bf16': ('BF16', 'AMX or AVX512-BF16'), 'int8': ('INT8', 'one that computes in int8')}


class OpenVinoGraph(PortedGraph):
    """
    One ONNX graph, whose first axis is the batch: arrays in by name, arrays out.

    It is compiled for a batch of one, which is faster than a dynamic size; items of a larger batch
    run one after another. On a CPU without bf16, what is not int8 runs in float32.

    :param path: of the file.
    :param threads: to run it with.
    :raises ConfigError: OpenVINO is not installed.
    :raises BundleError: OpenVINO cannot load the graph.
    """

    def __init__(self, path: Path, threads: int) -> None:
        core = _core('bf16 or int8')
        settings = {
            'INFERENCE_PRECISION_HINT': 'bf16' if 'BF16' in _capabilities(core) else 'f32',
            'INFERENCE_NUM_THREADS': threads,
            # Two graphs would be pinned to the same cores, busy or not.
            'ENABLE_CPU_PINNING': False,
        }
        try:
            model = core.read_model(path)
            inputs, outputs = _ports(model.inputs), _ports(model.outputs)
            model.reshape(
                {item: [1, *list(item.get_partial_shape())[1:]] for item in model.inputs}
            )
            _write_out_group_norms(model)
            self._run = core.compile_model(model, 'CPU', settings)
        except RuntimeError as error:
            reason = ' '.join(str(error).split())
            raise BundleError(
                f'{path}: got {reason}, expected a graph OpenVINO can load; export it again, '
                f'{_INSTEAD}'
            ) from error
        super().__init__(path, inputs, outputs)

    def __call__(self, inputs: Arrays) -> list[np.ndarray]:
        """Run once for each of a batch; raises InferenceError as :meth:`Graph.__call__`."""
        feeds = {name: self._checked(name, inputs.get(name)) for name in self.inputs}
        (batch,) = {len(value) for value in feeds.values()}
        runs = [self._run_one(feeds, index) for index in range(batch)]
        outputs = [np.concatenate(parts) for parts in zip(*runs, strict=True)]
        for name, output in zip(self.outputs, outputs, strict=True):
            self.check_finite(name, output)
        return outputs

    def _run_one(self, feeds: Arrays, index: int) -> list[np.ndarray]:
        try:
            found = self._run({name: value[index : index + 1] for name, value in feeds.items()})
        except RuntimeError as error:
            raise InferenceError(f'{self.name}: {error}') from error
        return list(found.to_tuple())

    def _checked(self, name: str, value: np.ndarray | None) -> np.ndarray:
        port = self.inputs[name]
        sizes = port.shape[1:]
        if value is None or value.dtype != port.dtype or value.shape[1:] != sizes:
            got = 'nothing' if value is None else f'{value.dtype}{list(value.shape)}'
            raise InferenceError(
                f"{self.name}: input '{name}': got {got}, expected {port.dtype}[B, "
                f'{", ".join(map(str, sizes))}]'
            )
        # OpenVINO knows only one of the two types that numpy has for int64.
        return value.view(port.dtype)


def check_precision(precision: str) -> None:
    """
    Check that OpenVINO computes in a precision here.

    :param precision: a key of :data:`NEEDED`.
    :raises ConfigError: OpenVINO is not installed, or this CPU does not compute so.
    """
    there = _capabilities(_core(precision))
    needed, by = NEEDED[precision]
    if needed not in there:
        raise ConfigError(
            f'tokenizer_precision: got {precision} on a CPU with {", ".join(there)}, expected '
            f'{by}; choose tokenizer_precision fp32'
        )


def _core(precision: str) -> Any:
    try:
        return importlib.import_module('openvino').Core()
    except ImportError as error:
        raise ConfigError(
            f'tokenizer_precision: got {precision}, expected the package openvino ({error}); '
            f'pip install openvino, {_INSTEAD}'
        ) from error


def _capabilities(core: Any) -> list[str]:
    names: list[str] = core.get_property('CPU', 'OPTIMIZATION_CAPABILITIES')
    return names


def _ports(items: Any) -> dict[str, Port]:
    return {
        item.get_any_name(): Port(
            tuple(
                size.get_length() if size.is_static else str(size)
                for size in item.get_partial_shape()
            ),
            np.dtype(item.get_element_type().to_dtype()),
        )
        for item in items
    }


def _write_out_group_norms(model: Any) -> None:
    """
    Replace group norms by arithmetic on whole images.

    The exporter reshapes the channels of a group into one axis. OpenVINO keeps images
    channels-last, and would copy each image for the reshape and back.
    """
    for norm in model.get_ops():
        is_norm = norm.get_type_name() == 'MVN'
        grouped = norm.input_value(0).get_node() if is_norm else None
        if grouped is None or grouped.get_type_name() != 'Reshape':
            continue
        images = grouped.input_value(0)
        if len(images.get_shape()) == 4 and len(grouped.get_output_shape(0)) == 3:
            written = _group_norm(images, grouped.get_output_shape(0)[1], norm)
            norm.output(0).replace(written)


def _group_norm(images_BCHW: Any, groups: int, norm: Any) -> Any:
    """Return the output of a norm, in the shape that it had."""
    ops = importlib.import_module('openvino.opset13')
    channels = images_BCHW.get_shape()[1]
    sizes = np.array([1, groups, channels // groups])

    def mean(x_BCHW: Any) -> Any:
        by_group = ops.reshape(ops.reduce_mean(x_BCHW, np.array([2, 3])), sizes, False)
        spread = ops.broadcast(ops.reduce_mean(by_group, np.array([2]), True), sizes)
        return ops.reshape(spread, np.array([1, channels, 1, 1]), False)

    # In two passes: E[x²] - E[x]² cancels where the mean is large.
    centered = ops.subtract(images_BCHW, mean(images_BCHW))
    variance = ops.add(
        mean(ops.multiply(centered, centered)), np.float32(norm.get_attributes()['eps'])
    )
    scaled = ops.multiply(centered, ops.power(variance, np.float32(-0.5)))
    return ops.reshape(scaled, np.array(norm.get_output_shape(0)), False).output(0)
