# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
A model of the paper in a world: observe frames, act, and imagine what follows.

Row k is frame k with the chunk executed from it, so a row is complete, and kept, only when its
action is known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol

import numpy as np

from hma_ros.core.errors import InferenceError
from hma_ros.runtime.paper.continuous import Sampler
from hma_ros.runtime.paper.model import PaperModel, Row
from hma_ros.runtime.paper.ring import Ring


class Setting(str, Enum):
    """What is told and what is imagined (paper, sec. 3)."""

    FORWARD = 'forward dynamics'
    PASSIVE = 'passive dynamics'
    FULL = 'full dynamics'


class Filler(Protocol):
    """Imagines one frame: of tokens or of patches."""

    def fill(self, ring: Ring, row: int, before: Row, chunk_BX: np.ndarray | None) -> np.ndarray:
        """See :meth:`hma_ros.runtime.paper.discrete.TokenFiller.fill`."""
        ...


class PaperWorld:
    """
    One model and one context of tokens; pictures are the business of a frame tokenizer.

    :param model: the graphs of one stem.
    :param filler: of its kind.
    :param policy: samples chunks in the continuous kind; the discrete has them in the trunk.
    """

    def __init__(self, model: PaperModel, filler: Filler, policy: Sampler | None = None) -> None:
        self._model, self._filler, self._policy = model, filler, policy
        self._ring = model.ring()
        self._ends = model.manifest.time == 'learned'
        self.reset()

    def reset(self) -> None:
        """Forget everything observed."""
        self._ring.clear()
        self._history: deque[Row] = deque(maxlen=self._model.manifest.window)
        self._newest: np.ndarray | None = None
        self._decided: np.ndarray | None = None
        self._index = -1
        self._rows = 0

    @property
    def rows(self) -> int:
        """Frames observed since the context began."""
        return self._rows

    def observe(self, tokens_SE: np.ndarray, executed_X: np.ndarray | None) -> None:
        """
        Take in the next frame.

        :param tokens_SE: ``int64[S, F]`` factors or ``float32[S, E]`` patches.
        :param executed_X: ``float32[stride * A]`` what was executed since the frame before, in
            units of the data set; None where that is not known.
        :raises InferenceError: a graph failed; the context stays, or is empty if it was to begin
            anew because a window of learned positions was full.
        """
        before, newest, self._decided = self._newest, tokens_SE[None], None
        if before is not None:
            self._commit(Row.seen(before, _batched(executed_X)), newest)
        self._newest = newest
        self._index += 1
        self._rows += 1
        if self._ends and self._index >= self._model.manifest.window:
            try:
                self._index = self._rebuild(self._model.manifest.window // 2)
            except Exception:
                # Half of a context would be taken for all of it.
                self.reset()
                raise

    def act(self) -> np.ndarray:
        """
        Decide what to do from the newest frame on.

        Mostly that was done when the frame was observed. Imagining goes by the answer.

        :returns: ``float32[stride * A]`` in units of the data set.
        :raises InferenceError: nothing was observed, or the model has no policy.
        """
        if self._decided is None:
            self._decided = self._decide(self._newest_frame(), self._index)
        decided: np.ndarray = self._decided[0].copy()
        return decided

    def imagine(
        self,
        horizon: int,
        setting: Setting,
        chunks_HX: np.ndarray | None = None,
        is_enough: Callable[[np.ndarray], bool] = lambda _: False,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """
        Imagine the frames that follow; what was observed stays as it is.

        Where a window of learned positions has no room for the horizon behind what was observed,
        as many of the newest rows go before it as fit, and each costs a pass every time.

        :param horizon: frames to imagine.
        :param chunks_HX: ``float32[horizon or more, stride * A]`` of forward dynamics, the first
            executed from the newest frame on.
        :param is_enough: is told the tokens of each frame as they come; true ends it there.
        :returns: tokens ``[horizon, S, E]``, and the chunks ``float32[horizon, stride * A]`` that
            lead to them, None in passive dynamics.
        :raises InferenceError: nothing was observed, chunks are missing, or the horizon is longer
            than the window of a model with learned positions.
        """
        self._check(horizon, setting, chunks_HX)
        frame = self._newest_frame()
        if setting is Setting.FULL:
            # From all that was observed, of which less may be left below.
            self.act()
        frames: list[np.ndarray] = []
        chunks: list[np.ndarray] = []
        with self._ring.branch():
            for step, row in enumerate(self._places(horizon)):
                if chunks_HX is not None:
                    self._foresee(step, row - 1, frame, chunks_HX[: horizon + 1])
                chunk = self._chunk(step, setting, chunks_HX, frame, row - 1)
                ahead = self._ahead(step, setting, chunks_HX, chunk)
                frame = self._filler.fill(self._ring, row, Row.seen(frame, chunk), ahead)
                frames.append(frame[0])
                chunks += [] if chunk is None else [chunk[0]]
                if is_enough(frame[0]):
                    break
        return np.stack(frames), None if setting is Setting.PASSIVE else np.stack(chunks)

    def _foresee(self, step: int, row: int, frame: np.ndarray, chunks: np.ndarray) -> None:
        """Have the stem take in at once all actions of as many rows as it may be given."""
        window = self._model.manifest.window
        if step % max(1, window - 1) == 0:
            ahead = [Row.seen(frame, _batched(chunk)) for chunk in chunks[step : step + window]]
            self._model.condition(row, ahead)

    def _chunk(
        self,
        step: int,
        setting: Setting,
        chunks: np.ndarray | None,
        frame: np.ndarray,
        index: int,
    ) -> np.ndarray | None:
        if setting is Setting.FULL:
            return self._decide(frame, index) if step else self.act()[None]
        return None if chunks is None else _batched(chunks[step])

    def _ahead(
        self, step: int, setting: Setting, chunks: np.ndarray | None, chunk: np.ndarray | None
    ) -> np.ndarray | None:
        """Return the action of the frame to imagine itself, as far as it is known."""
        if setting is Setting.FORWARD and chunks is not None and step + 1 < len(chunks):
            return _batched(chunks[step + 1])
        # The authors' demonstration repeats the last action, for a model that must be told one.
        return None if self._model.manifest.hides_actions else chunk

    def _decide(self, frame: np.ndarray, index: int) -> np.ndarray:
        if refusal := self._model.manifest.policy_refusal:
            raise InferenceError(f'act: expected a model with a policy, but {refusal}')
        outputs = self._model.run(self._ring, index, [Row.seen(frame, None)])
        return self._read(outputs)

    def _read(self, outputs: dict[str, Any]) -> np.ndarray:
        """Take the chunk of a row whose action was hidden."""
        if self._policy is None:
            return self._model.stem.limit(outputs['chunk'])
        scaled = self._policy(outputs['z_action'])
        shaped = scaled.reshape(len(scaled), self._model.stem.stride, -1)
        mean, std = np.array(self._model.stem.mean), np.array(self._model.stem.std)
        chunk = (shaped * std + mean).reshape(len(scaled), -1).astype(np.float32)
        return self._model.stem.limit(chunk)

    def _commit(self, row: Row, after: np.ndarray) -> None:
        """Keep a row; in the same pass decide what to do in the frame after it, if it fits."""
        facts, asked = self._model.manifest, []
        is_last = self._ends and self._index + 1 == facts.window
        if not facts.policy_refusal and not is_last:
            asked = [Row.seen(after, None)]
        outputs = self._model.run(self._ring, self._index, [row, *asked])
        if asked:
            self._decided = self._read(outputs)
        self._ring.append(self._index, self._model.kept(outputs))
        self._history.append(row)

    def _places(self, horizon: int) -> range:
        """Return the rows to imagine, of a ring that has room before them."""
        room = self._model.manifest.window - 1 - horizon
        is_short = self._ends and self._index > room
        first = 1 + (self._rebuild(room) if is_short else self._index)
        return range(first, first + horizon)

    def _rebuild(self, keep: int) -> int:
        """
        Begin the window anew with the last rows: learned positions cannot go beyond it.

        :returns: the place of the newest frame, which follows them.
        """
        rows = list(self._history)[-keep:] if keep else []
        self._ring.clear()
        for index, row in enumerate(rows):
            self._ring.append(index, self._model.kept(self._model.run(self._ring, index, [row])))
        return len(rows)

    def _newest_frame(self) -> np.ndarray:
        if self._newest is None:
            raise InferenceError('the context is empty, expected an observed frame')
        return self._newest

    def _check(self, horizon: int, setting: Setting, chunks: np.ndarray | None) -> None:
        if (setting is Setting.FORWARD) != (chunks is not None):
            raise InferenceError(f'chunks: {chunks}, expected them in forward dynamics alone')
        if chunks is not None and len(chunks) < horizon:
            raise InferenceError(f'chunks: {len(chunks)}, expected {horizon}, one per frame')
        room = self._model.manifest.window - 1
        if horizon < 1 or (self._ends and horizon > room):
            limit = f'1 to {room}' if self._ends else 'at least 1'
            raise InferenceError(f'horizon: {horizon}, expected {limit}')


def _batched(chunk_X: np.ndarray | None) -> np.ndarray | None:
    return None if chunk_X is None else np.asarray(chunk_X, np.float32)[None]
