# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
A model run by torch: all on the device, and launched as CUDA graphs.

A pass over one step is a thousand small kernels, whose launching takes longer than their work. A
CUDA graph launches them at once. It is recorded for each shape and type of the inputs, with
inputs copied to where it reads them; the cache is read where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from hma_ros.core.errors import BundleError, ConfigError, InferenceError
from hma_ros.network.checkpoint import Hma, load_hma
from hma_ros.network.continuous import ContinuousHma
from hma_ros.network.parts import (
    ConditionPart,
    DenoisePart,
    StemPart,
    TimePart,
    TrunkPart,
)
from hma_ros.runtime.engine import HeadPart
from hma_ros.runtime.kv_cache import IndexedKvCache, KvCache
from hma_ros.runtime.manifest import PATCH_HEAD, Manifest
from hma_ros.runtime.ports import Arrays
from hma_ros.runtime.providers import Execution

Tensors = dict[str, Tensor]
_HEAD_PARTS = {'condition': ConditionPart, 'time': TimePart, 'denoise': DenoisePart}
_FILES = ('config.json', 'model.safetensors')
# Before recording, so that libraries have allocated what they need.
_WARM_UPS = 3


class TorchEngine:
    """
    See :class:`~hma_ros.runtime.engine.Engine`.

    Half precision, that of the bundle, is of weights and matrix products; norms and softmax stay
    float32, and so does the normalising of actions.

    :param execution: without CUDA it runs on the CPU where that is allowed, and records nothing.
    :raises ConfigError: there is no CUDA device.
    :raises BundleError: the bundle was exported without its network, or in int8.
    """

    def __init__(self, manifest: Manifest, stem: str, execution: Execution) -> None:
        self._device = find_device(execution)
        self.provider = f'torch-{self._device.type}'
        self._manifest = manifest
        self._model = _load(manifest, self._device)
        self._stem = self._compute(StemPart(self._model, stem))
        self._trunk = self._compute(TrunkPart(self._model, stem))

    def part(self, name: str) -> HeadPart:
        """See :class:`~hma_ros.runtime.engine.Engine`."""
        kind, _, head = name.partition('_')
        if not isinstance(self._model, ContinuousHma) or kind not in _HEAD_PARTS:
            raise BundleError(f'{self._manifest.folder}: no part {name}, expected one of a head')
        is_patch = head == PATCH_HEAD
        owner = (
            self._model.diffloss
            if is_patch
            else self._model.action_head(head.removeprefix('action_'))
        )
        compute = self._compute(_HEAD_PARTS[kind](owner.net))

        def run(inputs: Arrays) -> list[np.ndarray]:
            return [_to_host(name, value) for value in compute(inputs).values()]

        return run

    def kv_cache(self, batch: int) -> KvCache:
        """See :class:`~hma_ros.runtime.engine.Engine`."""
        dtype = torch.float16 if self._is_half else torch.float32
        shape = self._manifest.kv_cache_shape(batch)
        return IndexedKvCache(
            {
                f'past_{what}_{layer}': torch.zeros(shape, dtype=dtype, device=self._device)
                for layer in range(self._manifest.layers)
                for what in ('key', 'value')
            },
            shape[-2],
        )

    def stem(self, inputs: Arrays) -> Tensors:
        """See :class:`~hma_ros.runtime.engine.Engine`."""
        return self._stem(inputs)

    def trunk(self, feeds: Mapping[str, Any], cache: KvCache) -> dict[str, Any]:
        """See :class:`~hma_ros.runtime.engine.Engine`."""
        outputs = self._trunk(feeds, cast('IndexedKvCache', cache).feeds)
        return {
            name: value if name.startswith('kept_') else _to_host(name, value)
            for name, value in outputs.items()
        }

    @property
    def _is_half(self) -> bool:
        return self._manifest.precision == 'fp16'

    def _compute(self, module: nn.Module) -> Compute:
        return Compute(module, self._device, self._is_half)


class Compute:
    """
    A part of the network on a device; results hold until it is called again.

    It keeps every recorded CUDA graph: one for each set of shapes and types of its inputs, and of
    resident tensors, of which there are few, see
    :meth:`~hma_ros.runtime.model.Model.spread`.

    :param module: takes one dictionary of tensors, gives another.
    :param is_half: whether matrix products are in fp16.
    """

    def __init__(self, module: nn.Module, device: torch.device, is_half: bool) -> None:
        self._module, self._device, self._is_half = module, device, is_half
        self._recorded: dict[tuple[Any, ...], Callable[[Tensors], Tensors]] = {}

    def __call__(
        self, inputs: Mapping[str, Any], resident: Mapping[str, Tensor] | None = None
    ) -> Tensors:
        """
        Run once.

        :param inputs: arrays or tensors by name.
        :param resident: tensors that are read where they are.
        """
        resident = resident or {}
        given = {name: torch.as_tensor(value) for name, value in inputs.items()}
        if self._device.type == 'cpu':
            return self._run({**given, **resident})
        forms = tuple((name, value.shape, value.dtype) for name, value in given.items())
        places = tuple(value.data_ptr() for value in resident.values())
        if (forms, places) not in self._recorded:
            self._recorded[forms, places] = self._record(given, resident)
        return self._recorded[forms, places](given)

    @torch.no_grad()
    def _run(self, inputs: Mapping[str, Tensor]) -> Tensors:
        # What autocast keeps from one call to the next would be lost to a recording.
        with torch.autocast(
            self._device.type, torch.float16, enabled=self._is_half, cache_enabled=False
        ):
            outputs: Tensors = self._module(dict(inputs))
            return outputs

    def _record(
        self, given: Tensors, resident: Mapping[str, Tensor]
    ) -> Callable[[Tensors], Tensors]:
        inputs = {name: value.to(self._device, copy=True) for name, value in given.items()}
        every = {**inputs, **resident}
        beside = torch.cuda.Stream(self._device)
        beside.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(beside):
            for _ in range(_WARM_UPS):
                self._run(every)
        torch.cuda.current_stream(self._device).wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(self._device), torch.cuda.graph(graph):
            outputs = self._run(every)

        def replay(fresh: Tensors) -> Tensors:
            for name, value in fresh.items():
                inputs[name].copy_(value)
            graph.replay()
            return outputs

        return replay


def find_device(execution: Execution) -> torch.device:
    """
    Return the GPU, or the CPU where there is none and that is allowed.

    :raises ConfigError: there is no such device.
    """
    if torch.cuda.is_available():
        if execution.device_id >= (count := torch.cuda.device_count()):
            raise ConfigError(f'device_id: got {execution.device_id}, expected below {count}')
        return torch.device('cuda', execution.device_id)
    if execution.allow_cpu:
        return torch.device('cpu')
    raise ConfigError(
        f'provider: {execution.provider}: torch {torch.__version__} finds no CUDA device, '
        'expected one; install torch for CUDA and its driver, or take provider cpu, or allow_cpu'
    )


def _load(manifest: Manifest, device: torch.device) -> Hma:
    if missing := [name for name in _FILES if name not in manifest.files]:
        raise BundleError(
            f'{manifest.folder}: no {missing[0]}, expected the network in the bundle: export it '
            'with `--torch`'
        )
    if manifest.precision == 'int8':
        raise BundleError(
            f'{manifest.folder}: precision int8, expected fp32 or fp16: torch would not compute '
            'what was exported'
        )
    model = load_hma(manifest.folder).requires_grad_(False).to(device)
    if manifest.precision == 'fp16':
        model.half()
        # Units of a data set may be any; a table is not large.
        model.action_preprocessor.float()
    return model


def _to_host(name: str, value: Tensor) -> np.ndarray:
    array: np.ndarray = (value.float() if value.is_floating_point() else value).cpu().numpy()
    if array.dtype.kind == 'f' and not np.isfinite(array).all():
        raise InferenceError(f"torch: output '{name}' is not finite")
    return array
