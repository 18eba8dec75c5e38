# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What computes the parts of a model: onnxruntime here, torch where asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import onnxruntime

from hma_ros.core.errors import BundleError, ConfigError
from hma_ros.core.generation.diffusion import TRAINING_STEPS
from hma_ros.runtime.bound_graph import BoundGraph, DeviceArray
from hma_ros.runtime.compiled import library
from hma_ros.runtime.denoiser import CompiledDenoiser
from hma_ros.runtime.graph import Graph
from hma_ros.runtime.kv_cache import DeviceKvCache, IndexedKvCache, KvCache
from hma_ros.runtime.layers import LayerKvCache, Layers, kept_dtype
from hma_ros.runtime.manifest import INT8_DECODER, Manifest
from hma_ros.runtime.openvino_graph import OpenVinoGraph, check_precision
from hma_ros.runtime.ports import Arrays, PortedGraph
from hma_ros.runtime.providers import TORCH, Execution, choose
from hma_ros.runtime.signatures import signature

# A part of a model: arrays by name in, arrays out.
HeadPart = Callable[[Arrays], list[np.ndarray]]
# Inputs of the last step that are read behind the layers too.
BEHIND = ('previous', 'joints', 'measured')
# Loaded by name and only when asked for: the network and torch come with it.
_TORCH_ENGINE = 'hma_ros.torch_engine.engine'


class Engine(Protocol):
    """
    Computes the parts of a model for one stem, see :mod:`hma_ros.export.model_graphs`.

    ``provider`` is what it runs on.
    """

    provider: str

    def part(self, name: str) -> HeadPart:
        """Return a part of a diffusion head; raises BundleError if there is none of the name."""
        ...

    def kv_cache(self, batch: int) -> KvCache:
        """Return an empty cache, which :meth:`trunk` can read."""
        ...

    def stem(self, inputs: Arrays) -> Mapping[str, Any]:
        """Return what the trunk takes of actions; only :meth:`trunk` need understand it."""
        ...

    def trunk(self, feeds: Mapping[str, Any], cache: KvCache) -> dict[str, Any]:
        """
        Return the outputs by name; ``kept_*`` are for the cache, all else is on the host.

        What is said of steps before the last may be left out.
        """
        ...


def open_engine(manifest: Manifest, stem: str, execution: Execution) -> Engine:
    """
    Open what runs a bundle, whose files are verified.

    :raises ConfigError: the provider does not work here.
    :raises BundleError: a part is missing or broken.
    """
    if execution.provider == TORCH:
        engine: Engine = _torch_engine().TorchEngine(manifest, stem, execution)
        return engine
    is_compiled = manifest.has_layers(stem) and library() is not None
    if is_compiled and choose(execution, onnxruntime.get_available_providers()) == 'cpu':
        return LayerEngine(manifest, stem, execution)
    trunk = open_graph(manifest, f'trunk_{stem}', execution)
    if trunk.provider != 'cpu':
        return DeviceEngine(manifest, stem, execution, trunk)
    if is_compiled:
        # The provider was there, but did not work, and the CPU may do.
        return LayerEngine(manifest, stem, execution)
    return HostEngine(manifest, stem, execution, trunk)


def open_graph(manifest: Manifest, name: str, execution: Execution) -> Graph:
    """
    Open a graph of a bundle as :func:`fitted`.

    :raises BundleError: it has none such, or one that the manifest contradicts.
    """
    graph = Graph(_graph_path(manifest, name), fitted(manifest, name, execution))
    graph.require(*signature(manifest, name))
    return graph


def open_frame_graph(manifest: Manifest, name: str, execution: Execution) -> PortedGraph:
    """
    Open the encoder or decoder of frames.

    :raises ConfigError: the precision does not work here.
    :raises BundleError: as :func:`open_graph`.
    """
    if execution.tokenizer_precision == 'fp32':
        return open_graph(manifest, name, execution)
    if (name, execution.tokenizer_precision) == ('decoder', 'int8'):
        name = INT8_DECODER
    graph = OpenVinoGraph(_graph_path(manifest, name), execution.threads)
    graph.require(*signature(manifest, name))
    return graph


def check_tokenizer_precision(manifest: Manifest, precision: str) -> None:
    """
    Check, before anything is loaded, that frames can be encoded and decoded in a precision.

    :raises ConfigError: see :func:`~hma_ros.runtime.openvino_graph.check_precision`, or the
        bundle has no decoder of it.
    """
    if precision != 'fp32':
        check_precision(precision)
    if precision == 'int8' and f'{INT8_DECODER}.onnx' not in manifest.files:
        raise ConfigError(
            f'tokenizer_precision: got int8, expected {INT8_DECODER}.onnx in {manifest.folder}; '
            'write one with `hma export BUNDLE --out NEW --frames FOLDER`, or choose '
            'tokenizer_precision bf16 or fp32'
        )


def _graph_path(manifest: Manifest, name: str) -> Path:
    file = f'{name}.onnx'
    if file not in manifest.files:
        raise BundleError(
            f'{manifest.folder}: no graph {file}, expected it in a {manifest.kind} bundle that '
            'can do this'
        )
    return manifest.folder / file


def fitted(manifest: Manifest, name: str, execution: Execution) -> Execution:
    """
    Say how a graph of a bundle is run; engines are kept by it, so building them asks here too.

    :param name: of the graph, without ending.
    :param execution: its `max_size` is that of a batch; the precision is that of the bundle.
    """
    if name in ('encoder', 'decoder'):
        # A latent near zero may not change its sign.
        return replace(execution, precision='fp32')
    execution = replace(execution, precision=manifest.precision)
    if name == 'append':
        # TensorRT would not write in place.
        return execution.without_tensorrt()
    batch, kind = execution.max_size, name.partition('_')[0]
    if kind == 'time':
        return replace(execution, max_size=TRAINING_STEPS)
    if kind == 'stem':
        # It is given the actions of a whole window at once.
        return replace(execution, max_size=max(manifest.window, batch))
    if kind in ('condition', 'denoise'):
        return replace(execution, max_size=batch * manifest.image_tokens)
    # Before the present step the trunk takes in the one that has just become past.
    return replace(execution, max_size=max(2, batch))


class _GraphEngine:
    """All but the trunk, and the cache that it reads."""

    def __init__(self, manifest: Manifest, stem: str, execution: Execution, provider: str) -> None:
        self._manifest, self._execution, self.provider = manifest, execution, provider
        self._stem = open_graph(manifest, f'stem_{stem}', execution)

    def part(self, name: str) -> HeadPart:
        """See :class:`Engine`."""
        return open_graph(self._manifest, name, self._execution)

    def stem(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """See :class:`Engine`."""
        return dict(zip(self._stem.outputs, self._stem(inputs), strict=True))


class LayerEngine(_GraphEngine):
    """Graphs on the CPU around compiled layers."""

    def __init__(self, manifest: Manifest, stem: str, execution: Execution) -> None:
        # Threads that wait busily for their next graph would take the cores of the layers.
        on_cpu = replace(execution, provider='cpu', spin=False)
        super().__init__(manifest, stem, on_cpu, 'cpu')
        self._enter = open_graph(manifest, f'enter_{stem}', on_cpu)
        self._leave = open_graph(manifest, f'leave_{stem}', on_cpu)
        dtype = kept_dtype(manifest.precision)
        path = manifest.folder / manifest.layers_file(stem)
        self.layers = Layers(path, manifest.window, execution.threads, dtype)
        found = self.layers.kept_shape
        facts = (manifest.layers, 2, manifest.kept_tokens, manifest.heads, manifest.head_width)
        if found != facts:
            raise BundleError(f'{path}: layers of {found}, expected {facts} as in the manifest')

    def part(self, name: str) -> HeadPart:
        """See :class:`Engine`."""
        kind, _, head = name.partition('_')
        file = self._manifest.denoiser_file(head)
        if kind != 'denoise' or file not in self._manifest.files:
            return super().part(name)
        path, expected = self._manifest.folder / file, self._manifest.sample_size(head)
        denoiser = CompiledDenoiser(path, self._execution.threads)
        if (found := denoiser.shape.size) != expected:
            raise BundleError(
                f'{path}: samples of {found}, expected {expected} as in the manifest'
            )
        return denoiser

    def kv_cache(self, batch: int) -> KvCache:
        """See :class:`Engine`."""
        return LayerKvCache(self.layers, batch, self._manifest.kv_cache_shape(batch)[-2])

    def trunk(self, feeds: Mapping[str, Any], cache: KvCache) -> dict[str, Any]:
        """See :class:`Engine`."""
        (x,) = self._enter({name: feeds[name] for name in self._enter.inputs})
        x, kept = self.layers(x, feeds, cast('IndexedKvCache', cache).feeds['past_steps'])
        last = {name: feeds[name][:, -1:] for name in BEHIND if name in feeds}
        inputs = {**feeds, **last, 'index': feeds['index'][-1:], 'x': x}
        said = self._leave({name: inputs[name] for name in self._leave.inputs})
        return {**dict(zip(self._leave.outputs, said, strict=True)), 'kept_steps': kept}


class HostEngine(_GraphEngine):
    """
    Graphs that take and give arrays of the host.

    :param trunk: opened already: it tells the provider.
    """

    def __init__(self, manifest: Manifest, stem: str, execution: Execution, trunk: Graph) -> None:
        super().__init__(manifest, stem, execution, trunk.provider)
        self._graph = trunk

    def kv_cache(self, batch: int) -> KvCache:
        """See :class:`Engine`."""
        return IndexedKvCache(self._empty(batch), self._manifest.kv_cache_shape(batch)[-2])

    def trunk(self, feeds: Mapping[str, Any], cache: KvCache) -> dict[str, Any]:
        """See :class:`Engine`."""
        outputs = self._graph({**feeds, **cast('IndexedKvCache', cache).feeds})
        return dict(zip(self._graph.outputs, outputs, strict=True))

    def _empty(self, batch: int) -> dict[str, np.ndarray]:
        ports = self._graph.inputs
        shape = self._manifest.kv_cache_shape(batch)
        return {
            name: np.zeros(shape, port.dtype)
            for name, port in ports.items()
            if name.startswith(('past_key', 'past_value'))
        }


class DeviceEngine(HostEngine):
    """
    Graphs on a device, where past steps and what is kept of new ones stay.

    :raises ConfigError: the trunk runs there, but what appends to past steps does not.
    """

    def __init__(self, manifest: Manifest, stem: str, execution: Execution, trunk: Graph) -> None:
        super().__init__(manifest, stem, execution, trunk)
        self._append = open_graph(manifest, 'append', execution)
        if self._append.provider == 'cpu' != trunk.provider:
            # Addresses of the host mean nothing there.
            raise ConfigError(
                f'provider: {trunk.name} runs on {trunk.provider}, but {self._append.name} only '
                'on cpu, expected both on the device; provider:=cpu runs everywhere'
            )
        self._bound: dict[tuple[int, ...], tuple[BoundGraph, dict[str, DeviceArray]]] = {}

    def kv_cache(self, batch: int) -> KvCache:
        """See :class:`Engine`."""
        return DeviceKvCache(self._append, self._empty(batch))

    def trunk(self, feeds: Mapping[str, Any], cache: KvCache) -> dict[str, Any]:
        """See :class:`Engine`."""
        bound, kept = self._binding(*feeds['masked'].shape[:2])
        for name, array in cast('DeviceKvCache', cache).feeds.items():
            bound.bind(name, array)
        outputs = bound(feeds)
        return {**dict(zip(bound.plan.host_out, outputs, strict=True)), **kept}

    def _binding(self, batch: int, steps: int) -> tuple[BoundGraph, dict[str, DeviceArray]]:
        """Bind once for each shape: what is kept of steps has memory of its own."""
        if (batch, steps) not in self._bound:
            past = self._empty(batch)
            names = [name for name in self._graph.outputs if name.startswith('kept_')]
            bound = BoundGraph(self._graph, [*past, *names])
            _, *inner, _, width = self._manifest.kv_cache_shape(batch)
            kept = {
                name: bound.put(
                    np.zeros((batch, steps, *inner, width), self._graph.outputs[name].dtype)
                )
                for name in names
            }
            for name, array in kept.items():
                bound.bind(name, array)
            self._bound[batch, steps] = bound, kept
        return self._bound[batch, steps]


def torch_provider(execution: Execution) -> str:
    """
    Say what torch would run on: ``torch-cuda``, or ``torch-cpu`` where that is allowed.

    :raises ConfigError: torch is not installed, or there is no such device.
    """
    return f'torch-{_torch_engine().find_device(execution).type}'


def _torch_engine() -> Any:
    try:
        return importlib.import_module(_TORCH_ENGINE)
    except ImportError as error:
        raise ConfigError(
            f'provider: {TORCH}: {error}; expected torch and safetensors: pip install torch '
            'safetensors'
        ) from error
