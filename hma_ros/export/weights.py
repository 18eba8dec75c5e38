# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""One file of weights beside many graphs, in which every tensor is stored once."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import TracebackType

import onnx
from onnx import TensorProto, numpy_helper

# Smaller tensors stay in the graph: shapes, axes, constants.
_FROM_BYTES = 4096
# Pages, so that the file can be mapped into memory.
_ALIGNMENT = 4096


class SharedWeights:
    """
    Moves large tensors of graphs into one file; equal ones, of trunks of several stems, once.

    :param path: of the file, beside the graphs.

    ``path`` is that.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._places: dict[str, int] = {}

    def __enter__(self) -> SharedWeights:
        self._file = self.path.open('wb')
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def save(self, model: onnx.ModelProto, path: Path) -> None:
        """Write a graph whose large tensors are in the file of weights."""
        for tensor in model.graph.initializer:
            data = numpy_helper.to_array(tensor).tobytes()
            if len(data) >= _FROM_BYTES:
                self._refer(tensor, data)
        self._file.flush()
        onnx.save(model, path)

    def place(self, data: bytes) -> int:
        """Return where some bytes are in the file, written now if they are not there yet."""
        digest = hashlib.sha256(data).hexdigest()
        if digest not in self._places:
            self._file.write(b'\0' * (-self._file.tell() % _ALIGNMENT))
            self._places[digest] = self._file.tell()
            self._file.write(data)
        return self._places[digest]

    def _refer(self, tensor: TensorProto, data: bytes) -> None:
        offset = self.place(data)
        for field in ('raw_data', 'float_data', 'int32_data', 'int64_data', 'external_data'):
            tensor.ClearField(field)
        tensor.data_location = TensorProto.EXTERNAL
        facts = {
            'location': self.path.name,
            'offset': str(offset),
            'length': str(len(data)),
        }
        for key, value in facts.items():
            tensor.external_data.add(key=key, value=value)
