# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Where the TensorRT engines of a graph are kept.

An engine fits one graph, GPU, TensorRT, onnxruntime, precision and range of shapes. onnxruntime
checks little of that, so all of it is in the name of the folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from hma_ros.core.cache_folder import cache_folder
from hma_ros.core.file_hash import sha256
from hma_ros.runtime.device import Gpu

Shape = tuple[int | str, ...]

_NO_WEIGHTS = ('.onnx', '.json')


@dataclass(frozen=True)
class Profile:
    """
    Shapes that an engine must take, by input; only inputs whose shape is not fixed are here.

    :param least: the smallest shapes.
    :param most: the largest ones.
    """

    least: Mapping[str, tuple[int, ...]]
    most: Mapping[str, tuple[int, ...]]

    @staticmethod
    def of(inputs: Mapping[str, Shape], max_size: int) -> Profile:
        """
        Let every size that is not fixed range from 1 to ``max_size``.

        :param inputs: shapes as the graph declares them, a size that is not fixed as a name.
        """
        free = {name: shape for name, shape in inputs.items() if not _is_fixed(shape)}
        return Profile(
            least={name: _fixed(shape, 1) for name, shape in free.items()},
            most={name: _fixed(shape, max_size) for name, shape in free.items()},
        )

    def options(self) -> dict[str, str]:
        """Options of the provider; the engine is tuned for the smallest shapes: one robot."""
        if not self.least:
            return {}
        least, most = _text(self.least), _text(self.most)
        return {
            'trt_profile_min_shapes': least,
            'trt_profile_opt_shapes': least,
            'trt_profile_max_shapes': most,
        }


@dataclass(frozen=True)
class EngineKey:
    """
    Everything an engine depends on; another value of any field names another folder.

    :param graph: file name.
    :param sha256: of that file and the weights beside it.
    :param tensorrt: version.
    :param onnxruntime: version.
    """

    graph: str
    sha256: str
    gpu: Gpu
    tensorrt: str
    onnxruntime: str
    precision: str
    profile: Profile

    def folder(self, cache: Path) -> Path:
        """Return the folder, ``CACHE/GPU-capability/GRAPH-KEY``; nothing is written."""
        facts = json.dumps(asdict(self), sort_keys=True).encode()
        key = hashlib.sha256(facts).hexdigest()[:32]
        gpu = _plain(f'{self.gpu.name}-{self.gpu.capability}')
        return cache / gpu / f'{_plain(Path(self.graph).stem)}-{key}'


def default_engine_cache(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder in the user's cache (XDG base directory specification)."""
    return cache_folder(environment) / 'engines'


def make_folder(folder: Path) -> Path:
    """Make a folder that only its owner may write: an engine is code that the GPU runs."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def hash_graph(path: Path) -> str:
    """
    Hash a graph and the weights beside it: they are part of its engine.

    :param path: of the graph; what else in its folder is neither graph nor manifest is weights.
    """
    beside = sorted(path.parent.iterdir())
    weights = [item for item in beside if item.is_file() and item.suffix not in _NO_WEIGHTS]
    digests = [f'{item.name} {sha256(item)}' for item in [path, *weights]]
    return hashlib.sha256('\n'.join(digests).encode()).hexdigest()


def _is_fixed(shape: Shape) -> bool:
    return all(isinstance(size, int) for size in shape)


def _fixed(shape: Shape, batch: int) -> tuple[int, ...]:
    return tuple(size if isinstance(size, int) else batch for size in shape)


def _text(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return ','.join(f'{name}:{"x".join(map(str, shape))}' for name, shape in shapes.items())


def _plain(text: str) -> str:
    # No dot at either end: '.' and '..' are other folders.
    return re.sub(r'[^A-Za-z0-9.]+', '_', text).strip('_.') or 'unnamed'
