# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What a graph takes and gives, whatever runs it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hma_ros.core.errors import BundleError, InferenceError
from hma_ros.runtime.engine_cache import Shape

Arrays = Mapping[str, np.ndarray]
# By the name of an input or output; None for any size, or any shape.
Sizes = Mapping[str, Sequence[int | None] | None]


@dataclass(frozen=True)
class Port:
    """
    An input or output of a graph.

    :param shape: a size that is not fixed is a name.
    :param dtype: as numpy names it.
    """

    shape: Shape
    dtype: np.dtype[Any]


def _fits(found: Shape | None, sizes: Sequence[int | None] | None) -> bool:
    """Whether all sizes that are fixed on both sides are equal."""
    if found is None or sizes is None:
        return found is not None
    return len(found) == len(sizes) and all(
        size is None or not isinstance(here, int) or here == size
        for here, size in zip(found, sizes, strict=True)
    )


class PortedGraph(ABC):
    """
    A graph: arrays in by name, arrays out in the order of the graph.

    :param path: of the file.
    :param inputs: its ports by name, as ``outputs``.
    """

    def __init__(
        self, path: Path, inputs: Mapping[str, Port], outputs: Mapping[str, Port]
    ) -> None:
        self.name, self._folder = path.name, path.parent
        self.inputs, self.outputs = inputs, outputs

    @abstractmethod
    def __call__(self, inputs: Arrays) -> list[np.ndarray]:
        """Run once; raises InferenceError on failure or a non-finite output."""

    def check_finite(self, name: str, output: np.ndarray) -> None:
        """Raise InferenceError when a real output is not finite."""
        if output.dtype.kind == 'f' and not np.isfinite(output).all():
            raise InferenceError(f"{self.name}: output '{name}' is not finite")

    def require(self, takes: Sizes, gives: Sizes) -> None:
        """
        Refuse a graph whose inputs or outputs differ from those expected.

        :param takes: sizes of inputs by name; the graph may have others.
        :param gives: of outputs likewise.
        :raises BundleError: naming the port that is missing or of another shape.
        """
        both = (('input', self.inputs, takes), ('output', self.outputs, gives))
        for kind, ports, expected in both:
            for name, sizes in expected.items():
                found = ports[name].shape if name in ports else None
                if not _fits(found, sizes):
                    shape = 'none' if found is None else list(found)
                    expected_shape = 'it' if sizes is None else list(sizes)
                    raise BundleError(
                        f"{self._folder / self.name}: {kind} '{name}': got {shape}, expected "
                        f'{expected_shape} as the manifest says (None: any); '
                        'export the bundle again'
                    )
