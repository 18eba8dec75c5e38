# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Build the engine of a graph ahead of time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hma_ros.core.short_text import counted
from hma_ros.runtime.engine import fitted
from hma_ros.runtime.graph import Graph
from hma_ros.runtime.manifest import EDGE_GRAPHS, Manifest
from hma_ros.runtime.providers import Execution


@dataclass(frozen=True)
class Built:
    """
    A graph that was loaded and has run once.

    :param name: of its file.
    :param provider: what it runs on.
    :param placed: nodes by the provider that runs them, empty where onnxruntime does not tell.
    :param engines: folder of its engines; None where there are none.
    :param seconds: for loading, building and the first run.
    """

    name: str
    provider: str
    placed: Mapping[str, int]
    engines: Path | None
    seconds: float

    def __str__(self) -> str:
        """One line."""
        places = ', '.join(
            f'{counted(count, "node")} {name}' for name, count in self.placed.items()
        )
        kept = f'; {self.engines}' if self.engines else ''
        return f'{self.name}: {self.provider}, {self.seconds:.1f} s ({places}){kept}'


def graphs_of(folder: Path, execution: Execution) -> list[tuple[Path, Execution]]:
    """
    List the graphs of a bundle of whatever model, after comparing all files with their hashes.

    What goes around compiled layers is left out: it runs on the CPU alone.

    :returns: their paths, and how a robot runs each: it looks for engines made just so.
    :raises BundleError: not a bundle, or tampered.
    """
    manifest = Manifest.read(folder)
    manifest.verify()
    names = sorted(
        name
        for name in manifest.files
        if name.endswith('.onnx') and not name.startswith(EDGE_GRAPHS)
    )
    return [(folder / name, fitted(manifest, Path(name).stem, execution)) for name in names]


def build(path: Path, execution: Execution) -> Built:
    """
    Load a graph and run it once on zeros: an engine may be built as late as in its first run.

    :raises ConfigError: the provider does not work here.
    :raises BundleError: the graph cannot be loaded.
    :raises InferenceError: it does not run.
    """
    start_s = time.perf_counter()
    graph = Graph(path, execution)
    graph({name: np.zeros(_sizes(port.shape), port.dtype) for name, port in graph.inputs.items()})
    return Built(
        name=graph.name,
        provider=graph.provider,
        placed=graph.placed(),
        engines=graph.engines,
        seconds=time.perf_counter() - start_s,
    )


def _sizes(shape: tuple[int | str, ...]) -> tuple[int, ...]:
    return tuple(size if isinstance(size, int) else 1 for size in shape)
