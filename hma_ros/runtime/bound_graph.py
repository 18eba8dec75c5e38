# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
A graph whose large arrays stay on its device from one run to the next.

Only what is small crosses between host and device. A graph may write an output straight into a
slot of an array that it reads as an input: appending a step to a cache costs no copy at all. The
slot must not count while it is written: the caller masks it, in the graph's own bias.

On the CPU everything runs the same way, with the host's memory as the device's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime

from hma_ros.core.errors import InferenceError
from hma_ros.runtime.graph import Graph
from hma_ros.runtime.ports import Arrays, Port


@dataclass(frozen=True)
class BindingPlan:
    """
    Where each input and output of a graph lives.

    :param host_in: inputs given with every run.
    :param device_in: inputs that stay on the device.
    :param device_out: outputs that stay there.
    :param host_out: outputs handed back.
    """

    host_in: tuple[str, ...]
    device_in: tuple[str, ...]
    device_out: tuple[str, ...]
    host_out: tuple[str, ...]

    @staticmethod
    def of(
        inputs: Mapping[str, Port], outputs: Mapping[str, Port], resident: Iterable[str]
    ) -> BindingPlan:
        """
        Derive it from the ports of a graph.

        :param resident: names of the inputs and outputs that stay on the device.
        :raises InferenceError: the graph has no such input or output.
        """
        kept = frozenset(resident)
        if unknown := sorted(kept - {*inputs, *outputs}):
            raise InferenceError(
                f'resident: got {unknown[0]!r}, expected some of {", ".join([*inputs, *outputs])}'
            )
        return BindingPlan(
            host_in=tuple(name for name in inputs if name not in kept),
            device_in=tuple(name for name in inputs if name in kept),
            device_out=tuple(name for name in outputs if name in kept),
            host_out=tuple(name for name in outputs if name not in kept),
        )


class DeviceArray:
    """
    An array on the device of a graph, or a slot of one.

    :param value: what owns the memory.
    :param address: where the array begins in it, bytes.
    """

    def __init__(
        self, value: Any, address: int, shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> None:
        self._value = value
        self.address = address
        self.shape = shape
        self.dtype = dtype

    def slot(self, index: int) -> DeviceArray:
        """
        Return one slot along the first axis, which keeps its axis with size one; no copy.

        :raises InferenceError: there is no such slot.
        """
        if not 0 <= index < self.shape[0]:
            raise InferenceError(f'slot: got {index}, expected 0 to {self.shape[0] - 1}')
        shape = (1, *self.shape[1:])
        size = int(np.prod(shape)) * self.dtype.itemsize
        return DeviceArray(self._value, self.address + index * size, shape, self.dtype)

    def numpy(self) -> np.ndarray:
        """Copy it to the host."""
        begin = (self.address - self._value.data_ptr()) // self.dtype.itemsize
        whole: np.ndarray = self._value.numpy().reshape(-1)
        return whole[begin : begin + int(np.prod(self.shape))].reshape(self.shape).copy()


class BoundGraph:
    """
    Runs a graph with some of its inputs and outputs kept on the device.

    :param graph: what to run; several may share one.
    :param resident: names of the inputs and outputs that stay on the device.
    :raises InferenceError: the graph has no such input or output.
    """

    def __init__(self, graph: Graph, resident: Iterable[str]) -> None:
        self.plan = BindingPlan.of(graph.inputs, graph.outputs, resident)
        self._graph = graph
        self._device = ('cpu' if graph.provider == 'cpu' else 'cuda', graph.device_id)
        self._binding = graph.session.io_binding()
        # The binding holds addresses only: what they point to must live as long.
        self._bound: dict[str, DeviceArray] = {}
        # Before anything resident: outputs come back in the order in which they were first bound.
        self._bind_host_outputs()

    def put(self, array: np.ndarray) -> DeviceArray:
        """Copy an array to the device."""
        # On the CPU the value is the array itself: a copy, so that the caller's stays his own.
        value = onnxruntime.OrtValue.ortvalue_from_numpy(
            np.array(array, order='C', copy=True), *self._device
        )
        return DeviceArray(value, value.data_ptr(), array.shape, array.dtype)

    def bind(self, name: str, array: DeviceArray) -> None:
        """
        Let a resident input be read from, or a resident output be written to, an array.

        It holds until the name is bound again.

        :raises InferenceError: not resident, or another shape or type than the graph has.
        """
        port = self._port(name)
        if array.dtype != port.dtype or not _fits(array.shape, port):
            raise InferenceError(
                f'{self._graph.name}: {name}: got {array.dtype}{list(array.shape)}, '
                f'expected {port.dtype}{list(port.shape)}'
            )
        bind = (
            self._binding.bind_input if name in self.plan.device_in else self._binding.bind_output
        )
        bind(name, *self._device, array.dtype.type, array.shape, array.address)
        self._bound[name] = array

    def __call__(self, inputs: Arrays) -> list[np.ndarray]:
        """
        Run once.

        :param inputs: those that are not resident, by name.
        :returns: outputs that are not resident, in the order of the graph.
        :raises InferenceError: an array is missing, the run failed, or a result is not finite.
        """
        resident = (*self.plan.device_in, *self.plan.device_out)
        if missing := [name for name in resident if name not in self._bound]:
            raise InferenceError(f'{self._graph.name}: {missing[0]}: expected a bound array')
        if set(inputs) != set(self.plan.host_in):
            raise InferenceError(
                f'{self._graph.name}: got inputs {", ".join(inputs)}, '
                f'expected {", ".join(self.plan.host_in)}'
            )
        try:
            self._bind_host_outputs()
            for name, array in inputs.items():
                # Not ascontiguousarray, which makes arrays of scalars.
                self._binding.bind_cpu_input(name, np.asarray(array, order='C'))
            self._graph.session.run_with_iobinding(self._binding)
            values = self._binding.get_outputs()[: len(self.plan.host_out)]
            outputs = [value.numpy() for value in values]
        except Exception as error:  # onnxruntime has no common public base class
            raise InferenceError(f'{self._graph.name}: {error}') from error
        for name, output in zip(self.plan.host_out, outputs, strict=True):
            self._graph.check_finite(name, output)
        return outputs

    def _bind_host_outputs(self) -> None:
        """Forget the memory of the last run: the next one may give other shapes."""
        for name in self.plan.host_out:
            self._binding.bind_output(name)

    def _port(self, name: str) -> Port:
        if name in self.plan.device_in:
            return self._graph.inputs[name]
        if name in self.plan.device_out:
            return self._graph.outputs[name]
        raise InferenceError(
            f'{self._graph.name}: got {name!r}, expected one of the resident arrays '
            f'{", ".join([*self.plan.device_in, *self.plan.device_out])}'
        )


def _fits(shape: tuple[int, ...], port: Port) -> bool:
    """Compare the sizes that are fixed."""
    return len(shape) == len(port.shape) and all(
        expected in (size, str(expected)) for size, expected in zip(shape, port.shape, strict=True)
    )
