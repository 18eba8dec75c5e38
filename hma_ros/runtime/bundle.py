# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A bundle opened for one stem: its manifest and graphs."""

from __future__ import annotations

from pathlib import Path

from hma_ros.core.errors import BundleError
from hma_ros.runtime.graph import Graph
from hma_ros.runtime.manifest import Manifest


class Bundle:
    """
    A verified bundle with the graphs one stem needs.

    :param folder: where it lies.
    :param stem: which embodiment to serve.
    :param threads: of each graph.
    :raises BundleError: missing, tampered, another format, unknown stem, or a broken graph.
    """

    def __init__(self, folder: str | Path, stem: str, threads: int = 2) -> None:
        self.manifest = Manifest.read(folder)
        self.stem_info = self.manifest.stem(stem)
        self.manifest.verify()
        self.encoder, self.decoder, self.trunk, self.stem, self.head = (
            self._graph(f'{name}.onnx', threads)
            for name in ('encoder', 'decoder', 'trunk', f'stem_{stem}', f'head_{stem}')
        )

    def _graph(self, name: str, threads: int) -> Graph:
        if name not in self.manifest.files:
            raise BundleError(f'{self.manifest.folder}: no hash of {name}, expected it in files')
        return Graph(self.manifest.folder / name, threads)
