# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
A world model over tokens: observe frames, act, and imagine what follows.

Step k is frame k with the chunk executed from it, so a step is kept only when its action is known.
The trunk of a twin model (an action delay of 1) is shown frame k with the chunk of step k - 1. The
rollout shifts here, training in :func:`hma_ros.training.twin.prepare`; all else is aligned.

Learned positions end with the window. Every step of its second half is also computed as a step of
the next window, which continues where this one ends: no step costs more than two passes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, Protocol

import numpy as np

from hma_ros.core.errors import InferenceError
from hma_ros.core.generation.likelihood import TokenScore, score_tokens
from hma_ros.core.generation.problem_setting import ProblemSetting
from hma_ros.runtime.continuous import Sampler
from hma_ros.runtime.discrete import FirstPass, ImaginedTokens, TokenFiller
from hma_ros.runtime.guidance import AnyModel
from hma_ros.runtime.kv_cache import KvCache
from hma_ros.runtime.model import TrunkStep


class Filler(Protocol):
    """Imagines one frame: of tokens or of patches."""

    def fill(
        self, cache: KvCache, step: int, pending: Sequence[TrunkStep], blank: TrunkStep
    ) -> ImaginedTokens:
        """See :meth:`hma_ros.runtime.discrete.TokenFiller.fill`."""
        ...


class TokenWorldModel:
    """
    One model and one context of tokens; frames are the business of a frame tokenizer.

    :param model: the graphs of one stem.
    :param filler: of its kind.
    :param policy: samples chunks in the continuous kind; the discrete has them in the trunk.
    """

    def __init__(self, model: AnyModel, filler: Filler, policy: Sampler | None = None) -> None:
        self._model, self._filler, self._policy = model, filler, policy
        self._cache = model.kv_cache()
        self._ends = model.manifest.time == 'learned'
        # The next window, and the step of this one with which it begins.
        self._next = model.kv_cache() if self._ends else None
        self._begins = model.manifest.next_window_at
        self._is_delayed = model.manifest.action_delay == 1
        self._is_lent = False
        self.reset()

    def reset(self) -> None:
        """Forget everything observed."""
        self._check_free()
        for cache in (self._cache, self._next):
            if cache is not None:
                cache.clear()
        self._history: deque[TrunkStep] = deque(maxlen=self._model.manifest.window)
        self._before: np.ndarray | None = None
        self._newest: np.ndarray | None = None
        self._joints: np.ndarray | None = None
        self._anchor: np.ndarray | None = None
        self._decided: np.ndarray | None = None
        self._index = -1
        self._steps = 0

    @property
    def steps(self) -> int:
        """Frames observed since the context began."""
        return self._steps

    def observe(
        self,
        tokens_SE: np.ndarray,
        executed_X: np.ndarray | None,
        joints_J: np.ndarray | None = None,
        anchor_K: np.ndarray | None = None,
    ) -> None:
        """
        Take in the next frame.

        :param tokens_SE: ``int64[S, F]`` factors or ``float32[S, E]`` patches.
        :param executed_X: ``float32[stride * A]`` what was executed since the frame before, in
            units of the data set; None where that is not known.
        :param joints_J: ``float32[J]`` measured with the frame; None where they are not known.
        :param anchor_K: ``float32[K]``, where the commanded coordinates are in the frame;
            likewise.
        :raises InferenceError: a graph failed; the context stays.
        """
        self._check_free()
        before, newest, joints = self._newest, tokens_SE[None], _batched(joints_J)
        anchor = _batched(anchor_K)
        if self._is_delayed:
            step = TrunkStep.seen(newest, _batched(executed_X), before, joints, anchor)
            self._decided = self._commit_delayed(self._cache, self._index + 1, step)
        else:
            self._decided = None
            if before is not None:
                step = TrunkStep.seen(before, _batched(executed_X), self._before)
                self._commit(step, TrunkStep.seen(newest, None, before, joints))
        self._before, self._newest, self._joints, self._anchor = before, newest, joints, anchor
        self._index += 1
        self._steps += 1
        if self._next is not None and self._index >= self._model.manifest.window:
            self._cache, self._next = self._next, self._cache
            self._next.clear()
            self._index -= self._begins

    def act(self) -> np.ndarray:
        """
        Decide what to do from the newest frame on.

        Mostly that was done when the frame was observed. Imagining goes by the answer.

        :returns: ``float32[stride * A]`` in units of the data set.
        :raises InferenceError: nothing was observed, or there is no policy.
        """
        self._check_free()
        return self._act()

    def _act(self) -> np.ndarray:
        if self._decided is None:
            present = TrunkStep.seen(self._newest_frame(), None, self._before, self._joints)
            self._decided = self._decide(self._index, present)
        decided: np.ndarray = self._decided[0].copy()
        return decided

    def imagine(
        self,
        horizon: int,
        setting: ProblemSetting,
        chunks_HX: np.ndarray | None = None,
        is_enough: Callable[[np.ndarray], bool] = lambda _: False,
        decided: Callable[[np.ndarray], bool] = lambda _: False,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """
        Imagine the frames that follow; what was observed stays as it is.

        Where a window of learned positions has no room for the horizon behind what was observed,
        the next window is used if it holds at least half of the steps that fit. Otherwise as many
        of the newest steps as fit are computed again before the horizon, every time.

        :param horizon: frames to imagine.
        :param chunks_HX: ``float32[horizon or more, stride * A]`` of forward dynamics, the first
            executed from the newest frame on.
        :param is_enough: is told what to draw of each frame as it comes; true ends it there.
        :param decided: is told each chunk ``float32[stride * A]`` of the policy, before the frame
            that it leads to is imagined; true ends the rollout there.
        :returns: tokens ``[horizon, S, E]``, and the chunks ``float32[horizon, stride * A]`` that
            lead to them, None in passive dynamics.
        :raises InferenceError: nothing was observed, chunks are missing, or the horizon is longer
            than the window of a model with learned positions.
        """
        self._check(horizon, setting, chunks_HX)
        self._newest_frame()
        if setting is ProblemSetting.FULL:
            self.act()  # from all that was observed, of which less may be left below
        frames, chunks = list[np.ndarray](), list[np.ndarray]()
        ahead = None if chunks_HX is None else np.asarray(chunks_HX, np.float32)[:, None]
        is_passive = setting is ProblemSetting.PASSIVE  # there is no action to guide by
        spread = nullcontext if is_passive else partial(self._model.spread, batch=1)
        with self._forked(horizon) as (cache, places), spread(cache) as lent:
            rollout = self._rollout(lent, places, setting, ahead, decided=decided)
            for imagined, chunk in rollout:
                frames.append(imagined.tokens_BSE[0])
                chunks += [] if chunk is None else [chunk[0]]
                if is_enough(imagined.drawn_BSE[0]):
                    break
        return np.stack(frames), None if is_passive else np.stack(chunks)

    def score(self, tokens_SF: np.ndarray, chunk_X: np.ndarray) -> TokenScore:
        """
        Score the tokens of the true next frame, all of them masked.

        :param tokens_SF: ``int[S, F]`` factors of that frame.
        :param chunk_X: ``float32[stride * A]`` that leads to it.
        :raises InferenceError: a continuous model, which has no tokens, or as :meth:`imagine`.
        """
        if not isinstance(self._filler, TokenFiller):
            raise InferenceError('score: got a continuous model, expected a discrete one')
        self._check(1, ProblemSetting.FORWARD, chunk_X[None])
        self._newest_frame()
        ahead, first = np.asarray(chunk_X, np.float32)[None, None], FirstPass(self._model)
        with self._forked(1) as (cache, places):
            next(self._rollout(cache, places, ProblemSetting.FORWARD, ahead, filler=first))
        return score_tokens(first.logits_BSFV[0], tokens_SF)

    def imagine_candidates(self, chunks_NHX: np.ndarray, horizon: int) -> Iterator[np.ndarray]:
        """
        Imagine the futures of many action sequences, as one batch from the present context.

        :param chunks_NHX: ``float32[N, horizon or more, stride * A]``.
        :returns: one after another, what to draw of each frame: ``[N, S, E]``.
        :raises InferenceError: as :meth:`imagine`.
        """
        self._check(horizon, ProblemSetting.FORWARD, chunks_NHX[0])
        self._newest_frame()
        ahead, count = np.asarray(chunks_NHX, np.float32).swapaxes(0, 1), len(chunks_NHX)
        with self._forked(horizon) as (cache, places), self._model.spread(cache, count) as lent:
            for imagined, _ in self._rollout(lent, places, ProblemSetting.FORWARD, ahead):
                yield imagined.drawn_BSE

    def interact(self, choose: Callable[[], np.ndarray], horizon: int) -> Iterator[np.ndarray]:
        """
        Imagine one frame after another, under chunks that the caller chooses.

        :param choose: returns the chunk ``float32[stride * A]`` that leads to the next frame.
        :returns: what to draw of each frame: ``[S, E]``.
        :raises InferenceError: as :meth:`imagine`.
        """
        self._check(horizon, ProblemSetting.FULL, None)
        self._newest_frame()
        with self._forked(horizon) as (cache, places), self._model.spread(cache, 1) as lent:
            for imagined, _ in self._rollout(lent, places, ProblemSetting.FORWARD, None, choose):
                yield imagined.drawn_BSE[0]

    def _rollout(
        self,
        cache: KvCache,
        places: range,
        setting: ProblemSetting,
        ahead_HBX: np.ndarray | None,
        choose: Callable[[], np.ndarray] | None = None,
        decided: Callable[[np.ndarray], bool] = lambda _: False,
        filler: Filler | None = None,
    ) -> Iterator[tuple[ImaginedTokens, np.ndarray | None]]:
        """Imagine frame after frame, with the chunk that leads to each."""
        batch = 1 if ahead_HBX is None else ahead_HBX.shape[1]
        frame = np.repeat(self._newest_frame(), batch, 0)
        before = None if self._before is None else np.repeat(self._before, batch, 0)
        anchor = None if self._anchor is None else np.repeat(self._anchor, batch, 0)
        joints, pending = self._joints, list[TrunkStep]()
        for ahead, step in enumerate(places):
            chunk: np.ndarray | None = None
            if choose is not None:
                chunk = choose()[None]
            elif ahead_HBX is not None:
                chunk = ahead_HBX[ahead]
                # The first pass of a single frame asks for all of it anyway.
                if len(places) > 1:
                    self._foresee(ahead, step - 1, frame, ahead_HBX[: len(places) + 1])
            elif setting is ProblemSetting.FULL and ahead == 0:
                chunk = self._act()[None]
            elif setting is ProblemSetting.FULL:
                present = pending[0] if pending else TrunkStep.seen(frame, None, before, joints)
                chunk = self._decide(step - 1, present, cache)
                pending = []
            if chunk is not None and setting is ProblemSetting.FULL and decided(chunk[0]):
                return
            anchor = self._model.stem.anchor_after(anchor, chunk)
            if self._is_delayed:
                blank = TrunkStep.blank(frame, chunk, anchor)
            else:
                pending = [TrunkStep.seen(frame, chunk, before)]
                blank = TrunkStep.blank(frame, self._ahead(ahead, setting, ahead_HBX, chunk))
            imagined = (filler or self._filler).fill(cache, step, pending, blank)
            yield imagined, chunk
            before, frame = frame, imagined.tokens_BSE
            joints = None if chunk is None else self._model.stem.moved(joints, chunk)
            # A delayed step is complete with its frame, and waits for the next pass.
            complete = TrunkStep.seen(frame, chunk, before, joints, anchor)
            pending = [complete] if self._is_delayed else []

    def _foresee(self, ahead: int, step: int, frame: np.ndarray, chunks: np.ndarray) -> None:
        """Have the stem take in at once all actions of as many steps as it may be given."""
        window = self._model.manifest.window
        if not self._is_delayed and ahead % max(1, window - 1) == 0:
            coming = [TrunkStep.seen(frame, chunk) for chunk in chunks[ahead : ahead + window]]
            self._model.condition(step, coming)

    def _ahead(
        self,
        step: int,
        setting: ProblemSetting,
        chunks: np.ndarray | None,
        chunk: np.ndarray | None,
    ) -> np.ndarray | None:
        """Return the action of the frame to imagine itself, as far as it is known."""
        if setting is ProblemSetting.FORWARD and chunks is not None and step + 1 < len(chunks):
            following: np.ndarray = chunks[step + 1]
            return following
        # The authors' demonstration repeats the last action, for a model that must be told one.
        return None if self._model.manifest.hides_actions else chunk

    def _decide(self, index: int, present: TrunkStep, cache: KvCache | None = None) -> np.ndarray:
        """Ask what to do in a step; a delayed one is complete, and kept."""
        if refusal := self._model.manifest.policy_refusal:
            raise InferenceError(f'act: expected a model with a policy, but {refusal}')
        cache = cache or self._cache
        outputs = self._model.run(cache, index, [present])
        if self._is_delayed:
            cache.append(index, self._model.kept(outputs))
        return self._read(outputs)

    def _read(self, outputs: dict[str, Any]) -> np.ndarray:
        """Take the chunk of a step whose action was masked."""
        stem = self._model.stem
        if self._policy is None:
            return stem.limit(outputs['chunk'])
        scaled = self._policy(outputs['z_action'])
        shaped = scaled.reshape(len(scaled), stem.stride, -1)
        chunk = (shaped * np.array(stem.std) + np.array(stem.mean)).reshape(len(scaled), -1)
        return stem.limit(chunk.astype(np.float32))

    def _commit_delayed(self, cache: KvCache, index: int, step: TrunkStep) -> np.ndarray | None:
        """Keep a step that is complete with its frame; returns what to do in it."""
        outputs = self._model.run(cache, index, [step])
        cache.append(index, self._model.kept(outputs))
        return None if self._model.manifest.policy_refusal else self._read(outputs)

    def _commit(self, step: TrunkStep, after: TrunkStep) -> None:
        """Keep a step; in the same pass decide what to do in the frame after it."""
        asked = [] if self._model.manifest.policy_refusal else [after]
        place = self._index - self._begins
        try:
            if self._next is not None and self._index + 1 == self._model.manifest.window:
                # The frame after it is of the window that follows, and of that alone.
                self._keep(self._next, place, step, asked)
            else:
                if self._next is not None and place >= 0:
                    self._keep(self._next, place, step, [])
                self._keep(self._cache, self._index, step, asked)
        except Exception:
            if self._next is not None:
                self._next.drop(place)
            raise
        self._history.append(step)

    def _keep(self, cache: KvCache, index: int, step: TrunkStep, asked: list[TrunkStep]) -> None:
        """Append a step to a cache, and decide in the step that is asked about."""
        outputs = self._model.run(cache, index, [step, *asked])
        decided = self._read(outputs) if asked else None
        cache.append(index, self._model.kept(outputs))
        self._decided = decided

    @contextmanager
    def _forked(self, horizon: int) -> Iterator[tuple[KvCache, range]]:
        """Lend a cache that has room for a horizon, and the steps to imagine."""
        self._check_free()
        room, cache, newest = self._model.manifest.window - 1 - horizon, self._cache, self._index
        is_short, later = self._ends and newest > room, newest - self._begins
        if is_short and self._next is not None and room <= 2 * later <= 2 * room:
            cache, newest, is_short = self._next, later, False
        with cache.fork():
            self._is_lent = True
            try:
                first = 1 + (self._rebuild(room) if is_short else newest)
                yield cache, range(first, first + horizon)
            finally:
                self._is_lent = False

    def _check_free(self) -> None:
        # What is observed within a rollout would be lost, or kept among imagined steps.
        if self._is_lent:
            raise InferenceError(
                'context: got a call within a rollout, expected its end: iterate to it or close it'
            )

    def _rebuild(self, keep: int) -> int:
        """
        Begin the window anew with the last steps, within a fork.

        :returns: the place of the newest frame, which follows them.
        """
        steps = list(self._history)[-keep:] if keep else []
        self._cache.clear()
        for index, step in enumerate(steps):
            outputs = self._model.run(self._cache, index, [step])
            self._cache.append(index, self._model.kept(outputs))
        return len(steps)

    def _newest_frame(self) -> np.ndarray:
        if self._newest is None:
            raise InferenceError('the context is empty, expected an observed frame')
        return self._newest

    def _check(self, horizon: int, setting: ProblemSetting, chunks: np.ndarray | None) -> None:
        if (setting is ProblemSetting.FORWARD) != (chunks is not None):
            raise InferenceError(f'chunks: got {chunks}, expected them in forward dynamics alone')
        if chunks is not None and len(chunks) < horizon:
            raise InferenceError(f'chunks: got {len(chunks)}, expected {horizon}, one per frame')
        room = self._model.manifest.window - 1
        limit = f'1 to {room}' if self._ends else 'at least 1'
        if horizon < 1 or (self._ends and horizon > room):
            raise InferenceError(f'horizon: got {horizon}, expected {limit}')


def _batched(chunk_X: np.ndarray | None) -> np.ndarray | None:
    return None if chunk_X is None else np.asarray(chunk_X, np.float32)[None]
