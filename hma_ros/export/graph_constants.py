# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The constants of an exported graph: parameters by name, and matrices in their order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor


class GraphConstants:
    """
    Constants of a graph.

    ``values`` are all of them by name, of those stored as ``float16`` without its suffix.

    :param path: of the graph.
    """

    def __init__(self, path: Path) -> None:
        graph = onnx.load(path).graph
        self.values = {
            item.name.removesuffix('_half'): torch.from_numpy(numpy_helper.to_array(item).copy())
            for item in graph.initializer
        }
        self._factors = [node.input[1] for node in graph.node if node.op_type == 'MatMul']

    def __getitem__(self, name: str) -> Tensor:
        """Return a constant as ``float32``; raises KeyError if there is none."""
        return self.values[name].float()

    def below(self, *beginnings: str) -> dict[str, Tensor]:
        """Return those whose names begin so, as ``float32``."""
        return {name: self[name] for name in self.values if name.startswith(beginnings)}

    def matrices(self, prefix: str = '') -> Iterator[Tensor]:
        """Yield weights ``[out, in]`` that begin so, in the order of the graph's products."""
        for name in self._factors:
            if name.startswith(prefix) and name in self.values and self.values[name].ndim == 2:
                yield self[name].T.contiguous()
