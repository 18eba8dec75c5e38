# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Frames to what the trunk takes, and back."""

from __future__ import annotations

import numpy as np

from hma_ros.runtime.engine import open_frame_graph
from hma_ros.runtime.manifest import Manifest
from hma_ros.runtime.providers import Execution
from hma_ros.runtime.rollout import check_frame


class BundleCodec:
    """
    The frame tokenizer of a bundle.

    Its graphs give and take tokens as the trunk does, whatever they were made from: factors of
    ids and levels, or scaled and patched latents.

    :raises ConfigError: the precision does not work here.
    :raises BundleError: the bundle has none, or its graphs are broken.
    """

    def __init__(self, manifest: Manifest, execution: Execution) -> None:
        self._size = manifest.image_size
        # Decoded from values between -1 and 1, of which levels are some.
        is_levels = manifest.frames is not None and manifest.frames.tokenizer == 'levels'
        self._levels = manifest.factor_size if is_levels else 0
        self._encoder, self._decoder = (
            open_frame_graph(manifest, name, execution) for name in ('encoder', 'decoder')
        )

    def encode(self, frame: np.ndarray) -> np.ndarray:
        """
        Tokenise a frame.

        :param frame: ``uint8[H, W, 3]`` RGB.
        :returns: ``int64[S, F]`` factors or ``float32[S, E]`` patches.
        :raises InferenceError: another size or type, or the graph failed.
        """
        check_frame(frame, self._size)
        tokens: np.ndarray = self._encoder({'frames': frame[None]})[0][0]
        return tokens

    def decode(self, tokens_SE: np.ndarray) -> np.ndarray:
        """Decode a frame ``uint8[H, W, 3]``; raises InferenceError if the graph fails."""
        frame: np.ndarray = self.decode_batch(tokens_SE[None])[0]
        return frame

    def decode_batch(self, tokens_BSE: np.ndarray) -> np.ndarray:
        """
        Decode frames ``uint8[B, H, W, 3]``.

        :param tokens_BSE: as :meth:`encode` gives them; of levels also values in [-1, 1].
        :raises InferenceError: the graph failed.
        """
        if self._levels and tokens_BSE.dtype.kind == 'i':
            tokens_BSE = level_values(tokens_BSE, self._levels)
        frames: np.ndarray = self._decoder({'tokens': tokens_BSE})[0]
        return frames


def level_values(tokens_BSF: np.ndarray, levels: int) -> np.ndarray:
    """Turn levels ``int64[B, S, F]`` into what their decoder takes, ``float32`` in [-1, 1]."""
    return (tokens_BSF * (2 / (levels - 1)) - 1).astype(np.float32)
