# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Windows of steps over the authors' data sets.

A window of ``T`` steps from frame ``i`` takes the frames ``i, i + stride, ...`` and, for each of
them, the ``stride`` actions executed from there on.

Where a window may start is a function, so that both meanings stand side by side:
:func:`episode_starts`, and :func:`upstream_starts` as the research code has it. The latter looks
at the first and the last *frame* only, so the last chunk may run into the next episode; and it
never uses the last window of a data set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hma_ros.core.errors import ConfigError
from hma_ros.data.token_folders import TokenFolder

StartRule = Callable[[np.ndarray, int, int], np.ndarray]


@dataclass(frozen=True)
class TokenWindow:
    """
    ``T`` steps.

    :param frames: ``int64[T, h, w]`` tokens, or ``float32[T, h, w, C]`` scaled latents.
    :param actions: ``float32[T, stride * A]``, earliest action first, physical units.
    """

    frames: np.ndarray
    actions: np.ndarray


class TokenWindows:
    """
    The windows of one data set.

    :param folder: the data set.
    :param steps: steps ``T`` in a window.
    :param stride: frames per step; None takes the folder's.
    :param overlapping: whether a frame may be in several windows; training left them out.
    :param start_rule: where windows may start.
    :raises ConfigError: not a single window fits.
    """

    def __init__(
        self,
        folder: TokenFolder,
        steps: int,
        stride: int | None = None,
        overlapping: bool = True,
        start_rule: StartRule | None = None,
    ) -> None:
        self.folder = folder
        self.steps = steps
        self.stride = folder.stride if stride is None else stride
        rule = episode_starts if start_rule is None else start_rule
        starts = rule(folder.segment_ids, steps, self.stride)
        self.starts = starts if overlapping else without_overlaps(starts, steps, self.stride)
        if not len(self.starts):
            raise ConfigError(
                f'{folder.path}: no window of {steps} steps of {self.stride} frames fits into an '
                'episode, expected one'
            )

    def __len__(self) -> int:
        """Count the windows."""
        return len(self.starts)

    def __getitem__(self, index: int) -> TokenWindow:
        """Return one window."""
        start = int(self.starts[index])
        stop = start + self.steps * self.stride
        return TokenWindow(
            self.folder.frames(slice(start, stop, self.stride)),
            self.folder.actions[start:stop].reshape(self.steps, -1).copy(),
        )


def episode_starts(segment_ids: np.ndarray, steps: int, stride: int) -> np.ndarray:
    """
    List where windows fit into one episode, their last chunk included.

    :param segment_ids: ``int32[N]``; an id that comes again later is another episode.
    :param steps: steps in a window.
    :param stride: frames per step.
    :returns: ``int64[windows]``, ascending.
    """
    episodes = np.cumsum(np.diff(segment_ids, prepend=segment_ids[:1]) != 0)
    last = steps * stride - 1
    count = max(len(episodes) - last, 0)
    return np.flatnonzero(episodes[:count] == episodes[last : last + count])


def upstream_starts(segment_ids: np.ndarray, steps: int, stride: int) -> np.ndarray:
    """List where windows start in the research code; arguments as for :func:`episode_starts`."""
    last_frame = (steps - 1) * stride
    count = max(len(segment_ids) - last_frame - stride, 0)
    return np.flatnonzero(segment_ids[:count] == segment_ids[last_frame : last_frame + count])


def without_overlaps(starts: np.ndarray, steps: int, stride: int) -> np.ndarray:
    """
    Keep the earliest windows such that no frame is in two of them.

    Windows whose starts differ by no multiple of `stride` share no frame, though they share
    actions.

    :param starts: ``int64[windows]``, ascending.
    :param steps: steps in a window.
    :param stride: frames per step.
    """
    end_of_last = np.zeros(stride, np.int64)
    kept = []
    for start in starts.tolist():
        if start >= end_of_last[start % stride]:
            end_of_last[start % stride] = start + steps * stride
            kept.append(start)
    return np.array(kept, np.int64)
