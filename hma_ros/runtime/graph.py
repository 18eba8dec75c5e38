# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""One ONNX graph, run with onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime

from hma_ros.core.errors import BundleError, InferenceError

Arrays = Mapping[str, np.ndarray]


class Graph:
    """One ONNX graph: arrays in by name, arrays out in the order of the graph."""

    def __init__(self, path: Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Spinning threads take the cores that the camera and the controller need.
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        self._name = path.name
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=['CPUExecutionProvider']
            )
        except Exception as error:  # onnxruntime has no common public base class
            raise BundleError(f'{path}: {error}; expected a graph onnxruntime can load') from error

    def __call__(self, inputs: Arrays) -> list[np.ndarray]:
        """Run once; raises InferenceError on failure or a non-finite output."""
        try:
            outputs: list[np.ndarray] = self._session.run(None, dict(inputs))
        except Exception as error:  # likewise
            raise InferenceError(f'{self._name}: {error}') from error
        for output, info in zip(outputs, self._session.get_outputs(), strict=True):
            if output.dtype.kind == 'f' and not np.isfinite(output).all():
                raise InferenceError(f"{self._name}: output '{info.name}' is not finite")
        return outputs
