# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What every world model can do, whatever bundle it comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hma_ros.core.errors import InferenceError
from hma_ros.core.stem_spec import StemSpec
from hma_ros.runtime.paper.manifest import PaperManifest


@dataclass(frozen=True)
class Rollout:
    """
    Imagined rows, oldest first.

    :param frames: ``uint8[horizon, H, W, 3]`` RGB; frame i follows chunk i.
    :param actions: ``float32[horizon, stride, A]``, the chunks that lead to them; None of passive
        dynamics, in which frames follow frames whatever is done.
    """

    frames: np.ndarray
    actions: np.ndarray | None


class World(Protocol):
    """One model and one context of a robot: frames in; chunks and imagined frames out."""

    @property
    def manifest(self) -> PaperManifest:
        """Facts of the bundle."""
        ...

    @property
    def stem(self) -> StemSpec:
        """Whom it serves."""
        ...

    @property
    def provider(self) -> str:
        """What the model runs on."""
        ...

    @property
    def rows(self) -> int:
        """Rows observed since the context began."""
        ...

    @property
    def can_imagine(self) -> bool:
        """Whether there is anything to go by when no chunks are given to :meth:`imagine`."""
        ...

    def reset(self) -> None:
        """Forget everything observed."""
        ...

    def observe(
        self, frame: np.ndarray, executed: np.ndarray | None, joints: np.ndarray | None = None
    ) -> None:
        """
        Take in the next frame of the model clock.

        :param frame: ``uint8[H, W, 3]`` RGB.
        :param executed: ``float32[stride, A]`` what was executed since the frame before, in
            physical units; None where that is not known.
        :param joints: ``float32[J]`` measured with the frame, in the order of the stem's
            ``joint_names``, rad or m; None where they are not known.
        :raises InferenceError: wrong shape or type, or a graph failed; the context stays, or is
            empty, as :attr:`rows` tells, if it was to begin anew.
        """
        ...

    def act(self) -> np.ndarray:
        """
        Decide what to do from the newest frame on.

        The answer stays within the bounds of the stem.

        :returns: ``float32[stride, A]`` in physical units.
        :raises InferenceError: nothing was observed yet, or the model has no policy.
        """
        ...

    def imagine(
        self,
        chunks: np.ndarray | None,
        horizon: int,
        is_enough: Callable[[], bool] = lambda: False,
    ) -> Rollout:
        """
        Imagine the frames that follow.

        :param chunks: ``float32[horizon, stride, A]`` to execute; None lets the policy choose. A
            model without one goes on with what was executed last, or, where that is not known,
            imagines passive dynamics, if it can.
        :param horizon: rows to imagine, ``1 <= horizon <= manifest.max_horizon``.
        :param is_enough: asked after each frame; true ends the rollout there.
        :raises InferenceError: the context is empty, or an argument is out of range.
        """
        ...

    def reconstruct(self, frame: np.ndarray) -> np.ndarray:
        """Draw a frame from its own tokens: the best any imagined frame can be."""
        ...


def check_frame(frame: np.ndarray, size: int) -> None:
    """Raise InferenceError unless it is ``uint8[size, size, 3]``."""
    if frame.shape != (size, size, 3) or frame.dtype != np.uint8:
        raise InferenceError(
            f'frame: {frame.dtype}{list(frame.shape)}, expected uint8[{size}, {size}, 3]'
        )


def check_horizon(chunks: np.ndarray | None, horizon: int, most: int) -> None:
    """Raise InferenceError unless the horizon is possible, and there is a chunk for each row."""
    if not 1 <= horizon <= most:
        raise InferenceError(f'horizon: {horizon}, expected 1 to {most}')
    if chunks is not None and len(chunks) < horizon:
        raise InferenceError(f'chunks: {len(chunks)}, expected {horizon}, one per row')
