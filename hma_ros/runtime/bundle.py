# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A bundle opened for one stem: its manifest and graphs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hma_ros.core.errors import BundleError
from hma_ros.runtime.graph import Graph
from hma_ros.runtime.manifest import Manifest
from hma_ros.runtime.providers import Execution


class Bundle:
    """
    A verified bundle with the graphs one stem needs.

    :param folder: where it lies.
    :param stem: which embodiment to serve.
    :param execution: where and how to run the graphs; the precision is that of the bundle.
    :raises ConfigError: the provider does not work here.
    :raises BundleError: missing, tampered, another format, unknown stem, or a broken graph.
    """

    def __init__(
        self,
        folder: str | Path,
        stem: str,
        execution: Execution = Execution(),  # noqa: B008
    ) -> None:
        self.manifest = Manifest.read(folder)
        self.stem_info = self.manifest.stem(stem)
        self.manifest.verify()
        execution = replace(execution, precision=self.manifest.precision)
        self.encoder, self.decoder, self.trunk, self.stem, self.head = (
            self._graph(f'{name}.onnx', execution)
            for name in ('encoder', 'decoder', 'trunk', f'stem_{stem}', f'head_{stem}')
        )

    @property
    def provider(self) -> str:
        """What the graphs run on: ``cpu``, ``cuda`` or ``tensorrt``."""
        return self.trunk.provider

    def _graph(self, name: str, execution: Execution) -> Graph:
        if name not in self.manifest.files:
            raise BundleError(f'{self.manifest.folder}: no hash of {name}, expected it in files')
        return Graph(self.manifest.folder / name, execution)
