# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Questions to the model: what would follow from the present context, if this were done."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.errors import HmaError, InferenceError
from hma_ros.core.short_text import counted
from hma_ros.runtime.rollout import Rollout
from hma_ros.runtime.step_queue import CameraStep
from hma_ros.runtime.world_model import WorldModel

INACTIVE = '~/imagine: node: got an inactive one, expected an active one; activate it'
_MOST = 4
_PATIENCE_S = 30.0


class ActionSource(Enum):
    """Whose actions lead to the frames."""

    GIVEN = 0
    POLICY = 1
    NONE = 2


@dataclass(frozen=True)
class Answer:
    """
    What became of a question.

    :param step: the observed step that the rollout starts from; None of a refusal.
    :param rollout: likewise.
    :param message: why it was refused or ended early; empty otherwise.
    """

    step: CameraStep | None
    rollout: Rollout | None
    message: str = ''


@dataclass(frozen=True)
class Question:
    """
    One request; exactly one answer is given, in the thread that settles it.

    :param chunks: ``float32[horizon, stride, A]`` in units, of given actions alone.
    :param horizon: frames to imagine.
    :param reply: takes the answer; called by the model's thread, or by whoever asks, refuses what
        waited too long, or closes.
    """

    conditioning: ActionSource
    chunks: NDArray[np.float32] | None
    horizon: int
    reply: Callable[[Answer], None]

    def answer(
        self,
        model: WorldModel,
        step: CameraStep | None,
        cost_s: float,
        room_s: float,
        is_pressed: Callable[[], bool],
    ) -> Rollout | None:
        """
        Imagine, and reply.

        :param step: the newest observed one, None if nothing is in the context.
        :param cost_s: what a frame took last, 0 if none was imagined yet.
        :param room_s: how long steps of the camera may wait.
        :param is_pressed: true ends the rollout early.
        :returns: the rollout; None of a refusal.
        """
        try:
            if step is None:
                raise InferenceError(
                    '~/imagine: context: got nothing observed, expected a camera frame; try again '
                    'when the node counts steps'
                )
            check(self, model)
            check_time(self.horizon, cost_s, room_s)
            is_passive = self.conditioning is ActionSource.NONE
            rollout = model.imagine(self.chunks, self.horizon, is_pressed, is_passive=is_passive)
        except HmaError as error:
            self.reply(Answer(None, None, str(error)))
            return None
        got, note = len(rollout.frames), ''
        if got < self.horizon:
            note = (
                f'~/imagine: horizon: got time for {counted(got, "frame")}, expected '
                f'{self.horizon}: the next step, or the end of the node, came first; ask for fewer'
            )
        self.reply(Answer(step, rollout, note))
        return rollout


class ImagineRequests:
    """
    The questions that wait; safe to use from several threads.

    :param clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._waiting: deque[tuple[Question, float]] = deque()
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        """Whether nothing is to be imagined any more."""
        return self._is_closed

    def ask(self, question: Question) -> None:
        """Have a question answered; too many at once are refused."""
        with self._lock:
            is_full = len(self._waiting) >= _MOST
            if not self._is_closed and not is_full:
                self._waiting.append((question, self._clock()))
                return
        text = f'~/imagine: requests: got more than {_MOST} at once, expected fewer; ask later'
        question.reply(Answer(None, None, INACTIVE if self._is_closed else text))

    def take(self) -> Question | None:
        """Return the oldest question, None if there is none."""
        with self._lock:
            return self._waiting.popleft()[0] if self._waiting else None

    def expire(self) -> None:
        """Refuse the questions that waited too long: the model never caught up."""
        late: list[Question] = []
        with self._lock:
            # The first has waited longest.
            while self._waiting and self._clock() - self._waiting[0][1] > _PATIENCE_S:
                late.append(self._waiting.popleft()[0])
        for question in late:
            text = (
                f'~/imagine: time: got none within {_PATIENCE_S:g} s, the model is behind its '
                'clock; lower the horizon of the node or give the model a faster machine'
            )
            question.reply(Answer(None, None, text))

    def close(self) -> None:
        """Refuse all that waits and all that comes."""
        with self._lock:
            waiting, self._waiting, self._is_closed = self._waiting, deque(), True
        for question, _ in waiting:
            question.reply(Answer(None, None, INACTIVE))


def check(question: Question, model: WorldModel) -> None:
    """
    Refuse what the model cannot imagine.

    :raises InferenceError: horizon, shape or values out of range, or conditioning that this model
        does not support.
    """
    manifest = model.manifest
    most, refusal = manifest.max_horizon, manifest.policy_refusal
    if not 1 <= question.horizon <= most:
        window = f': its window has {manifest.window} steps' if manifest.time == 'learned' else ''
        raise InferenceError(
            f'~/imagine: horizon: got {question.horizon}, expected 1 to {most} of this bundle'
            f'{window}'
        )
    if question.conditioning is ActionSource.GIVEN:
        _check_chunks(question, model)
    elif question.chunks is not None:
        raise InferenceError(
            '~/imagine: actions: got some, expected none unless GIVEN; leave them out'
        )
    elif question.conditioning is ActionSource.POLICY and refusal:
        raise InferenceError(f'~/imagine: policy: got none: {refusal}; give the actions')
    elif question.conditioning is ActionSource.NONE and not model.manifest.hides_actions:
        raise InferenceError(
            '~/imagine: conditioning: got NONE, expected GIVEN: this bundle needs the action of '
            'each step; give the actions'
        )


def check_time(horizon: int, cost_s: float, room_s: float) -> None:
    """
    Refuse what would keep the steps of the camera waiting for too long.

    :param cost_s: of a frame, 0 if not known.
    :raises InferenceError: the horizon takes longer than ``room_s``.
    """
    if horizon > 1 and horizon * cost_s > room_s:
        raise InferenceError(
            f'~/imagine: horizon: got {horizon} frames of {cost_s:.3f} s, expected at most '
            f'{max(1, int(room_s / cost_s))} on this machine, or steps of the camera wait; '
            'ask for fewer'
        )


def _check_chunks(question: Question, model: WorldModel) -> None:
    stem = model.stem
    expected = (question.horizon, stem.stride, stem.action_dim)
    got = None if question.chunks is None else question.chunks.shape
    if got != expected:
        raise InferenceError(
            f'~/imagine: actions: got {got and list(got)}, expected {list(expected)} (horizon, '
            'stride, actions)'
        )
    if not np.isfinite(question.chunks).all():  # type: ignore[arg-type]
        raise InferenceError('~/imagine: actions: got values that are not finite, expected finite')
