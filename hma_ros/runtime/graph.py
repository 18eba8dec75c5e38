# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""One ONNX graph, run with onnxruntime."""

from __future__ import annotations

import contextlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from hma_ros.core.errors import BundleError, HmaError, InferenceError
from hma_ros.runtime.device import read_gpu, read_tensorrt_version
from hma_ros.runtime.engine_cache import (
    EngineKey,
    Profile,
    Shape,
    default_engine_cache,
    hash_graph,
    make_folder,
)
from hma_ros.runtime.ports import Arrays, Port, PortedGraph
from hma_ros.runtime.providers import (
    NAMES,
    Execution,
    Provider,
    check_used,
    choose,
    cuda_options,
    tensorrt_options,
)

_CPU: Provider = (NAMES['cpu'], {})
_TYPES = {'float': 'float32', 'double': 'float64'}


class Graph(PortedGraph):
    """
    One ONNX graph: arrays in by name, arrays out in the order of the graph.

    :param path: of the file.
    :param execution: where and how to run it.
    :raises ConfigError: the provider does not work here.
    :raises BundleError: onnxruntime cannot load the graph.

    ``provider`` is what it runs on, ``engines`` the folder of its TensorRT engines if it has any,
    ``inputs`` and ``outputs`` are its ports by name, ``session`` is onnxruntime's.
    """

    def __init__(self, path: Path, execution: Execution = Execution()) -> None:  # noqa: B008
        self.engines: Path | None = None
        self.device_id = execution.device_id
        self.provider = choose(execution, onnxruntime.get_available_providers())
        try:
            self.session = self._open(path, execution)
        except HmaError:
            if self.provider == 'cpu' or not execution.allow_cpu:
                raise
            self.provider, self.engines = 'cpu', None
            self.session = self._open(path, execution)
        super().__init__(
            path, _ports(self.session.get_inputs()), _ports(self.session.get_outputs())
        )

    def __call__(self, inputs: Arrays) -> list[np.ndarray]:
        """Run once; raises InferenceError on failure or a non-finite output."""
        try:
            outputs: list[np.ndarray] = self.session.run(None, dict(inputs))
        except Exception as error:  # onnxruntime has no common public base class
            raise InferenceError(f'{self.name}: {error}') from error
        for name, output in zip(self.outputs, outputs, strict=True):
            self.check_finite(name, output)
        return outputs

    def placed(self) -> dict[str, int]:
        """Count the nodes that each provider runs; empty where onnxruntime is too old to tell."""
        count: Counter[str] = Counter()
        tell = getattr(self.session, 'get_provider_graph_assignment_info', tuple)
        for part in tell():
            count[part.ep_name] += len(part.get_nodes())
        return dict(count)

    def _open(self, path: Path, execution: Execution) -> Any:
        options = _options(execution.threads, execution.spin)
        try:
            providers = self._providers(path, execution, options)
            # Without fallback: onnxruntime would print something and go on with the CPU.
            session = onnxruntime.InferenceSession(
                str(path), options, providers=providers, enable_fallback=0
            )
        except HmaError:
            raise
        except Exception as error:  # onnxruntime has no common public base class
            raise BundleError(
                f'{path}: {error}; expected a graph onnxruntime can load with {self.provider}'
            ) from error
        check_used(self.provider, session.get_providers())
        return session

    def _providers(self, path: Path, execution: Execution, options: Any) -> list[Provider]:
        if self.provider == 'cpu':
            return [_CPU]
        # The libraries of CUDA may have come with pip.
        if hasattr(onnxruntime, 'preload_dlls'):
            # It prints what it does not find, be it needed or not.
            with contextlib.redirect_stdout(None):
                onnxruntime.preload_dlls()
        rest = [cuda_options(execution), _CPU]
        if self.provider == 'cuda':
            return rest
        free = _input_shapes(path)
        profile = Profile.of(free, execution.max_size)
        self.engines = make_folder(_engine_folder(path, execution, profile))
        if execution.max_size > 1:
            return [tensorrt_options(execution, self.engines, profile.options()), *rest]
        for name in {size for shape in free.values() for size in shape if isinstance(size, str)}:
            options.add_free_dimension_override_by_name(name, 1)
        return [tensorrt_options(execution, self.engines, {}), *rest]


def _options(threads: int, spin: bool = False) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning threads take the cores that the camera and the controller need.
    options.add_session_config_entry('session.intra_op.allow_spinning', str(int(spin)))
    options.add_session_config_entry('session.record_ep_graph_assignment_info', '1')
    # Without it, sums of int8 products saturate at 16 bits on x86-64 processors without VNNI.
    options.add_session_config_entry('session.x64quantprecision', '1')
    return options


def _input_shapes(path: Path) -> dict[str, Shape]:
    """Read what a graph declares, without making it fast."""
    options = _options(threads=1)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=[_CPU])
    return {item.name: tuple(item.shape) for item in session.get_inputs()}


def _engine_folder(path: Path, execution: Execution, profile: Profile) -> Path:
    key = EngineKey(
        graph=path.name,
        sha256=hash_graph(path),
        gpu=read_gpu(execution.device_id),
        tensorrt=read_tensorrt_version(),
        onnxruntime=onnxruntime.__version__,
        precision=execution.precision,
        profile=profile,
    )
    return key.folder(execution.engine_cache or default_engine_cache())


def _ports(items: Any) -> dict[str, Port]:
    """Read what a session says of its inputs or outputs."""
    names = ((item, item.type.removeprefix('tensor(').removesuffix(')')) for item in items)
    return {
        item.name: Port(tuple(item.shape), np.dtype(_TYPES.get(name, name)))
        for item, name in names
    }
