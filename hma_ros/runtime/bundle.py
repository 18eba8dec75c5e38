# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A bundle opened for one stem: its manifest and graphs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hma_ros.core.errors import BundleError
from hma_ros.runtime.graph import Graph, Sizes
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
        self._require()

    @property
    def provider(self) -> str:
        """What the graphs run on: ``cpu``, ``cuda`` or ``tensorrt``."""
        return self.trunk.provider

    def _require(self) -> None:
        """
        Refuse graphs of other sizes than the manifest has.

        What one graph says to another is their own affair.

        :raises BundleError: naming graph and port.
        """
        facts, stem = self.manifest, self.stem_info
        frames: Sizes = {'frames': (None, facts.image_size, facts.image_size, 3)}
        tokens = (None, facts.image_tokens, facts.factors)
        row = (None, 1, *tokens[1:])
        past = (facts.layers, 2, None, facts.row_tokens, facts.heads)
        chunk: Sizes = {'chunk': (None, 1, stem.stride * stem.action_dim)}
        self.encoder.require(frames, {'levels': tokens})
        self.decoder.require({'values': tokens}, frames)
        self.trunk.require(
            {
                'levels': row,
                'previous': row,
                'masked': row[:-1],
                'modulation': None,
                'past': (*past, facts.window - 1, facts.head_width),
                'bias': (None, facts.window - 1),
            },
            {
                'logits': (*row, facts.levels),
                'features': None,
                'row': (*past, 1, facts.head_width),
            },
        )
        self.stem.require({**chunk, 'known': None}, {'modulation': None})
        joints = (None, 1, len(stem.joint_names))
        self.head.require({'features': None, 'joints': joints, 'measured': None}, chunk)

    def _graph(self, name: str, execution: Execution) -> Graph:
        if name not in self.manifest.files:
            raise BundleError(f'{self.manifest.folder}: no hash of {name}, expected it in files')
        return Graph(self.manifest.folder / name, execution)
